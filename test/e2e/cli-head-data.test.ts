/** `heterospec head data`: killed in the middle and begun again, stopped by hand, wrong use. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { cli, lastLine, startCli, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
const env = { HETEROSPEC_CACHE: join(folder, 'cache') }
const args = (out: string, tokens: number): string[] => [
  ...['head', 'data', '--target', inject('tinyModelPath'), '--out', join(folder, out), '--threads', '1'],
  ...['--sequences', '4', '--max-answer', '48', '--max-prompt', '100', '--tokens', String(tokens)],
]
/** `whole`: without what a kill may have torn. */
const linesOf = (out: string, which: 'all' | 'whole' = 'all'): Record<string, unknown>[] =>
  readFileSync(join(folder, out), 'utf8')
    .split('\n')
    .slice(0, which === 'whole' ? -1 : undefined)
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('head data', () => {
  it('survives SIGKILL: the same command goes on, and no conversation is made twice', async () => {
    for (let kills = 0; kills < 2; kills++) {
      const running = startCli(args('killed.jsonl', 1e6), { env })
      const before = existsSync(join(folder, 'killed.jsonl')) ? readFileSync(join(folder, 'killed.jsonl')).length : 0
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        const path = join(folder, 'killed.jsonl')
        if (existsSync(path) && readFileSync(path).length > before + 3000) break
        expect(running.child.exitCode).toBeNull()
      }
      running.child.kill('SIGKILL')
      expect((await running.ended).signal).toBe('SIGKILL')
    }
    // More than there can be: an answer has 48 tokens at most.
    const more = 48 * linesOf('killed.jsonl', 'whole').length + 500
    const { code, stdout } = await cli([...args('killed.jsonl', more), '--json'], { env })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\S+killed\.jsonl: \d.* texts \(\d+ of them from an earlier run\) with .* tokens\/s\.$/m)
    const report = lastLine(stdout) as { totals: { texts: number }; resumed: number }
    const [header, ...lines] = linesOf('killed.jsonl')
    expect(header).toMatchObject({ format: 'heterospec-training-data', version: 1, options: { maxAnswer: 48 } })
    const numbers = lines.map((line) => line['conversation'])
    expect(new Set(numbers).size).toBe(numbers.length)
    expect(lines.filter((line) => 'tokens' in line)).toHaveLength(report.totals.texts)
    expect(report.resumed).toBeGreaterThan(0)
    expect(existsSync(join(folder, 'killed.jsonl.lock'))).toBe(false)
  })

  it('stops at Ctrl-C with whole lines in the file, and says how to go on', async () => {
    const running = startCli(args('stopped.jsonl', 1e6), { env })
    await running.until('stderr', /tokens of answers/)
    running.child.kill('SIGINT')
    const { code, stderr } = await running.ended
    expect(code).toBe(130)
    expect(stderr).toMatch(/stopped; .*stopped\.jsonl holds what is done, and the same command goes on with it/)
    expect(linesOf('stopped.jsonl').length).toBeGreaterThan(0)
    expect(existsSync(join(folder, 'stopped.jsonl.lock'))).toBe(false)
  })

  it.each<[string[], RegExp]>([
    [['head', 'data'], /expected --out with a file to write, got none; add it/],
    [[...args('x.jsonl', 10), '--temperatures', '0:x'], /expected temperatures from 0 to 10 like .*, got '0:x'/],
    [[...args('x.jsonl', 10), '--prompts-only'], /expected files of --prompts with --prompts-only, got none/],
    [
      [...args('x.jsonl', 10), '--max-answer', '3'],
      /expected a whole number from 16 to 65536 for --max-answer, got '3'/,
    ],
  ])('refuses %j with one sentence', async (line, sentence) => {
    const { code, stderr } = await cli(line, { env })
    expect(code).toBe(2)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(sentence)
  })
})
