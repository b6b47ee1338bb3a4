/** `heterospec bench` as a process: a result that scripts can read, resumption after a kill, refusals before any work. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import type { BenchDocument, Comparison } from '../../src/bench/index.ts'
import { cli as run, endAmidst, lastLine, startCli, temporaryFolder, textOf, untilTrue, type Ended } from './cli.ts'

const folder = temporaryFolder()
const cacheDir = join(folder, 'cache')
const env = { HETEROSPEC_CACHE: cacheDir }
const cli = (...args: string[]): Promise<Ended> => run(['bench', ...args], { env })
const suiteOf = (...texts: string[]): string => {
  const file = join(folder, `${Math.random()}.jsonl`)
  const lines = texts.map((text, id) => JSON.stringify({ question_id: id, category: `c${id % 2}`, turns: [text] }))
  writeFileSync(file, lines.join('\n'))
  return file
}
const counts = ({ turns }: BenchDocument): unknown =>
  turns.map(({ id, rows }) => ({
    id,
    rows: rows.map(({ side, tokens, calls, verified, hash }) => ({ side, tokens, calls, verified, hash })),
  }))

const notes = join(cacheDir, 'bench')
/** Turns in the only checkpoint there is. */
const finishedTurns = (): number => {
  const file = existsSync(notes) && readdirSync(notes).find((name) => name.endsWith('.jsonl'))
  return file ? textOf(join(notes, file)).split('\n').length - 2 : 0
}
/** Ends a run when it has one turn or more behind it. A run that came to its end leaves no checkpoint. */
const endedAfterATurn = (signal: NodeJS.Signals, ...args: string[]): Promise<Ended> =>
  endAmidst({
    begin: () => startCli(['bench', ...args], { env }),
    reached: (running) => untilTrue(running, () => finishedTurns() >= 1),
    signal,
    forget: () => undefined,
  })
const model = ['--model', inject('modelPath'), '--threads', '1']
const suite = suiteOf('Repeat: red, blue, green.', 'Count to ten.', 'Name two rivers.', 'Say "yes" five times.')
const work = [...model, '--suite', suite, '--methods', 'lookup/fixed:nodes=6,recycling/fixed', '--max-tokens', '40']

describe('heterospec bench', () => {
  it('goes on after a kill with the same counts, and its output can be compared', async () => {
    expect(await endedAfterATurn('SIGKILL', ...work)).toMatchObject({ signal: 'SIGKILL' })

    const resumed = await cli(...work, '--html', join(folder, 'report.html'))
    expect(resumed).toMatchObject({ code: 0 })
    expect(resumed.stderr).toContain('going on with an interrupted run')
    const document = lastLine(resumed.stdout) as BenchDocument
    expect(document).toMatchObject({ kind: 'heterospec-bench', options: { maxTokens: 40 }, provenance: { threads: 1 } })
    expect(document.summary.every(({ different }) => different === 0)).toBe(true)
    expect(resumed.stdout).toContain('METHOD')
    expect(readdirSync(notes)).toEqual([])
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toMatch(/^<!doctype html>/i)

    const whole = await cli(...work, '--markdown', '--quiet')
    expect(whole).toMatchObject({ code: 0, stderr: '' })
    expect(counts(lastLine(whole.stdout) as BenchDocument)).toEqual(counts(document))
    expect(whole.stdout).toContain('| lookup/fixed:nodes=6 |')

    writeFileSync(join(folder, 'before.txt'), resumed.stdout)
    writeFileSync(join(folder, 'after.txt'), whole.stdout)
    const compared = await cli('compare', join(folder, 'before.txt'), join(folder, 'after.txt'), '--json')
    const { changes, conditions } = lastLine(compared.stdout) as Comparison
    expect(changes.filter(({ group }) => group === 'overall')).toMatchObject([
      { side: 'lookup/fixed:nodes=6', questions: 4, otherOutputs: 0 },
      { side: 'recycling/fixed', questions: 4, otherOutputs: 0 },
    ])
    expect(conditions).toEqual([])
  })

  it('ends with 130 when interrupted, and keeps what is done', async () => {
    expect(await endedAfterATurn('SIGINT', ...work, '--seed', '2')).toMatchObject({ code: 130, stdout: '' })
    expect(finishedTurns()).toBeGreaterThan(0)
  })

  it('measures what perfect and useless drafts are worth, with the same output', async () => {
    const file = suiteOf('Count to twenty.')
    const ended = await cli(...model, '--suite', file, '--synthetic', '1,1,1', '--methods', 'off', '--max-tokens', '41')
    const { summary } = lastLine(ended.stdout) as BenchDocument
    const perfect = summary.find(({ side, group }) => side === 'synthetic/fixed' && group === 'overall')
    expect(perfect).toMatchObject({ tau: 4, acceptanceRate: 1, different: 0 })
  })
})

describe('wrong use is refused before any work', () => {
  const broken = join(folder, 'broken.jsonl')
  writeFileSync(broken, '{"question_id": 1, "category": "a", "turns": ["x"]}\n{"question_id": 2}\n')
  it.each([
    [['--suite', broken], 1, `${broken}, line 2: category`],
    [['--suite', '/nowhere.jsonl'], 1, 'expected a suite of prompts at /nowhere.jsonl'],
    [['--methods', 'lookup/magic'], 2, 'got the budget "magic" in "lookup/magic"'],
    [['--methods', 'model'], 2, 'got no draft model in "model"; add --draft-model FILE'],
    [['--synthetic', '0.8,2'], 2, "expected --synthetic like 0.8,0.6 (chances from 0 to 1), got '0.8,2'"],
    [['--sample', '0'], 2, 'expected a whole number of at least 1 for --sample'],
    [['--html', '/nowhere/x.html'], 2, 'expected a file that can be written for --html'],
    [['compare', broken, broken], 1, `expected the output of "heterospec bench" in ${broken}`],
  ])('%j', async (args, code, sentence) => {
    const ended = await cli(...args)
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toContain(sentence)
    expect(ended.stderr).toMatch(/^heterospec: [^\n]*\n$/)
  })
})
