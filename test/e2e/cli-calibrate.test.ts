/** `heterospec calibrate` as a process: what it finds, going on after a kill, the check's own answers, refusals, and use. */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { Calibration } from '../../src/policy/index.ts'
import { tinyFile, tinyHeadFile } from '../tiny.ts'
import { cli, endAmidst, lastLine, startCli, temporaryFolder, textOf, untilTrue } from './cli.ts'

const folder = temporaryFolder()
const cache = join(folder, 'cache')
const env = { HETEROSPEC_CACHE: cache }
const at = (name: string): string => join(folder, name)
const tiny = ['--model', inject('tinyModelPath'), '--threads', '1']
const small = ['--portable', '--max-tokens', '24', '--depth', '2', '--total-tokens', '12', '--top-k', '3']
const prompts = (name: string, texts: readonly string[]): string => {
  writeFileSync(at(name), texts.map((prompt) => JSON.stringify({ prompt })).join('\n'))
  return at(name)
}
const read = (name: string): Calibration => JSON.parse(readFileSync(at(name), 'utf8')) as Calibration

let head: string[] = []
let six: string[] = []
beforeAll(async () => {
  head = ['--draft-head', await tinyHeadFile()]
  six = ['--prompts', prompts('six.jsonl', ['one two', 'a b c', 'the sea', 'x y x y', 'red', 'no no no'])]
})

describe('a calibration', () => {
  it('says in one sentence what the drafter is worth here, with a page', async () => {
    const args = ['--prompts', prompts('three.jsonl', ['one two one two', 'a b c a b c', 'the sea'])]
    const ended = await cli(
      [
        'calibrate',
        ...tiny,
        ...head,
        ...args,
        '--max-tokens',
        '16',
        '--out',
        at('priced.json'),
        '--html',
        at('p.html'),
      ],
      { env },
    )
    expect(ended.code).toBe(0)
    expect(ended.stdout).toMatch(/^Learned from 2 answers \(\d+ trees\), checked by 1 others \(\d+ trees\)\.$/m)
    expect(ended.stdout).toMatch(
      /priced\.json: Tiny, drafter eagle3; on this machine 8 rows cost \d+\.\d\d rows; your drafter is worth \d\.\d\d tokens a round; expected speed-up \d\.\d\dx[^\n]*\.\n$/,
    )
    const { prices, check } = read('priced.json')
    expect(prices).toMatchObject({ machine: { threads: 1 }, draft: { levelMs: expect.any(Number) as number } })
    expect(prices!.target.length).toBeGreaterThan(4)
    expect(check.groups).toMatchObject([{ group: 'overall', rounds: { speedup: expect.any(Number) as number } }])
    const page = readFileSync(at('p.html'), 'utf8')
    for (const id of ['reliability-chart', 'tokens-chart', 'prices-chart']) expect(page).toContain(`id="${id}`)
    expect(page).not.toMatch(/NaN|undefined|https?:\/\/(?!www\.w3\.org)/)
  })

  it('is the same file, byte for byte, after a kill and the same command again', async () => {
    const long = [...small, '--max-tokens', '160']
    const command = (name: string) => ['calibrate', ...tiny, ...head, ...six, ...long, '--out', at(name)]
    expect(await cli(command('whole.json'), { env })).toMatchObject({ code: 0 })
    const done = (): number => {
      const text = textOf(at('killed.json.part'))
      return text === '' ? 0 : (JSON.parse(text) as { state: { learned: number } }).state.learned
    }
    const killed = await endAmidst({
      begin: () => startCli(command('killed.json'), { env }),
      reached: (running) => untilTrue(running, () => done() >= 1),
      signal: 'SIGKILL',
      forget: () => rmSync(at('killed.json')),
    })
    expect(killed.signal).toBe('SIGKILL')
    const again = await cli(command('killed.json'), { env })
    expect(again.code).toBe(0)
    expect(again.stderr).toMatch(/going on with an interrupted run: [1-6] answers are done \(--fresh starts over\)/)
    expect(readFileSync(at('killed.json'), 'utf8')).toBe(readFileSync(at('whole.json'), 'utf8'))
    expect(readdirSync(folder).filter((name) => name.startsWith('killed'))).toEqual(['killed.json'])
  })

  it('is checked by answers that it has not learned from', async () => {
    const make = async (name: string, texts: readonly string[]): Promise<Calibration> => {
      const args = ['--prompts', prompts(`${name}.jsonl`, texts), '--out', at(name), '--quiet']
      expect(await cli(['calibrate', ...tiny, ...head, ...args, ...small], { env })).toMatchObject({ code: 0 })
      return read(name)
    }
    const first = await make('first.json', ['one two', 'a b c', 'the sea'])
    const other = await make('other.json', ['one two', 'a b c', 'cats and dogs'])
    expect(first.provenance).toMatchObject({ answers: 2 })
    expect(first.check).toMatchObject({ answers: 1 })
    expect(other.memory).toEqual(first.memory)
    expect(other.check).not.toEqual(first.check)
    const taught = await make('taught.json', ['one two', 'cats and dogs', 'the sea'])
    expect(taught.memory).not.toEqual(first.memory)
  })

  it('of a drafter without levels has no entropy bins', async () => {
    const args = [...tiny, ...six, ...small, '--out', at('lookup.json'), '--json']
    const ended = await cli(['calibrate', '--drafter', 'lookup', ...args], { env })
    expect(ended).toMatchObject({ code: 0 })
    const document = lastLine(ended.stdout) as Calibration & { file: string }
    expect(document).toMatchObject({ kind: 'heterospec-calibration', file: at('lookup.json'), prices: null })
    expect(document.identity).toMatchObject({ drafter: { method: 'lookup' }, files: [] })
    expect(document.memory.bins).toBeNull()
  })
})

describe('what does not belong together', () => {
  const refused = async (...args: string[]): Promise<string> => {
    const ended = await cli(['calibrate', ...args], { env })
    expect(ended.code).toBeGreaterThan(0)
    expect(ended.stderr.trim().split('\n')).toHaveLength(1)
    return ended.stderr
  }

  it('is refused: another model, drafter or plan in the same file, too few prompts', async () => {
    const out = ['--out', at('kept.json')]
    await cli(['calibrate', '--drafter', 'lookup', ...tiny, ...six, ...small, ...out], { env })
    const other = ['--model', await tinyFile({ weightType: 'f16' }), '--threads', '1']
    expect(await refused('--drafter', 'lookup', ...other, ...six, ...small, ...out)).toContain(
      'expected a new file or a calibration of Tiny',
    )
    expect(await refused(...tiny, ...head, ...six, ...small, ...out)).toContain(
      'expected a calibration of the drafter eagle3, got one of lookup',
    )
    const part = { plan: { identity: { ...read('kept.json').identity }, prompts: 99 }, state: {} }
    writeFileSync(at('begun.json.part'), JSON.stringify(part))
    expect(await refused('--drafter', 'lookup', ...tiny, ...six, ...small, '--out', at('begun.json'))).toContain(
      'expected unfinished work of the same calibration',
    )
    const two = ['--prompts', prompts('two.jsonl', ['a', 'b'])]
    expect(await refused('--drafter', 'lookup', ...tiny, ...two, ...small)).toContain('expected at least 3 prompts')
    expect(await refused('--drafter', 'eagle3', ...tiny, ...six)).toContain('add --draft-head FILE')
  })
})

describe('a finished calibration', () => {
  const run = (...args: string[]) => cli(['run', ...tiny, '--max-tokens', '8', '--quiet', 'one two', ...args], { env })

  it('is found in the cache, named by a flag, and refused for another drafter', async () => {
    mkdirSync(join(cache, 'calibrations'), { recursive: true })
    const made = await cli(['calibrate', '--drafter', 'lookup', ...tiny, ...six, ...small, '--json'], { env })
    const { file } = lastLine(made.stdout) as { file: string }
    expect(file.startsWith(join(cache, 'calibrations'))).toBe(true)
    const plain = await run('--speculative', 'off')
    expect(await run('--speculative', 'lookup')).toEqual(plain)
    expect(await run('--speculative', 'lookup', '--calibration', file)).toEqual(plain)
    const other = await run('--speculative', 'recycling', '--calibration', file)
    expect(other.code).toBe(1)
    const none = await run('--speculative', 'off', '--calibration', file)
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('expected a drafter for') as string })
    expect(other.stderr).toMatch(/^heterospec: expected a calibration of the drafter recycling, got one of lookup; /)
  })

  it('is where simulated budgets start, of its own drafter only', async () => {
    const suite = at('suite.jsonl')
    writeFileSync(suite, JSON.stringify({ question_id: 1, category: 'qa', turns: ['one two one two'] }))
    const record = ['--suite', suite, '--max-tokens', '20', '--drafter', 'lookup', '--quiet']
    await cli(['simulate', '--record', at('rec.jsonl'), ...tiny, ...record], { env })
    await cli(['calibrate', '--drafter', 'lookup', ...tiny, ...six, ...small, '--out', at('sim.json')], { env })
    const judged = await cli(['simulate', at('rec.jsonl'), '--calibration', at('sim.json'), '--json'], { env })
    expect(judged).toMatchObject({ code: 0, stderr: '' })
    const changed = readFileSync(at('sim.json'), 'utf8').replace('"method":"lookup"', '"method":"recycling"')
    writeFileSync(at('changed.json'), changed)
    const refused = await cli(['simulate', at('rec.jsonl'), '--calibration', at('changed.json')], { env })
    expect(refused.stderr).toMatch(/expected a calibration of the drafter lookup, got one of recycling; /)
    const other = [at('rec.jsonl'), '--calibration', at('sim.json'), '--budgets', 'goodput,heterospec']
    expect((await cli(['simulate', ...other], { env })).stderr).toMatch(
      /expected a calibration for trees of top-k 10, /,
    )
    const bench = ['bench', ...tiny, '--suite', suite, '--max-tokens', '4', '--methods', 'recycling', '--quiet']
    const vain = await cli([...bench, '--calibration', at('sim.json')], { env })
    expect(vain.stderr).toMatch(/expected a calibration of one of the methods recycling, got one of another drafter/)
    const used = await cli([...bench.with(-2, 'lookup'), '--calibration', at('sim.json')], { env })
    expect(lastLine(used.stdout)).toMatchObject({
      sides: [{}, { details: { calibration: expect.stringMatching(/^\w{16}$/) as string } }],
    })
  })
})
