/** `heterospec study`: one recording for all studies, resumption, the clock, files of others, and everything that may be wrong. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { CostStudyDocument } from '../../src/bench/study/cost-types.ts'
import type { AblationDocument, StudyDocument } from '../../src/bench/study/types.ts'
import { fakeRecording, recordingLines } from '../fixtures/recording.ts'
import { tinyFile, tinyHeadFile } from '../tiny.ts'
import { cli, endAmidst, lastLine, startCli, temporaryFolder, textOf, untilTrue } from './cli.ts'

const folder = temporaryFolder()
const cache = join(folder, 'cache')
const env = { HETEROSPEC_CACHE: cache }
const at = (name: string): string => join(folder, name)
const suite = at('suite.jsonl')
const shape = ['--top-k', '4', '--depth', '2', '--total-tokens', '12']
let base: string[]
/** Without a drafter. */
let plain: string[]

beforeAll(async () => {
  const question = (id: number, category: string, text: string) =>
    JSON.stringify({ question_id: id, category, turns: [text] })
  const lines = ['one two one two', 'a b c a b c', 'the sea', 'the river'].map((text, id) => question(id, 'qa', text))
  writeFileSync(suite, [...lines, question(9, 'rag', 'up and down'), question(10, 'rag', 'down and up')].join('\n'))
  // The same weights, rounded more coarsely: often right.
  const draftModel = await tinyFile({ weightType: 'q4_0' })
  const sample = ['--suite', suite, '--sample', '1', '--calibration-sample', '1', '--max-tokens', '40']
  plain = ['--model', inject('tinyModelPath'), '--threads', '1', ...sample, ...shape]
  base = [...plain, '--draft-model', draftModel]
})

const study = (name: string, ...args: string[]) => cli(['study', name, ...args], { env })
const recordings = (): string[] => readdirSync(join(cache, 'studies')).filter((name) => name.endsWith('.jsonl'))
async function document(name: string, ...args: string[]): Promise<StudyDocument> {
  const ended = await study(name, ...args, '--json', '--quiet')
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  return lastLine(ended.stdout) as StudyDocument
}

describe('a study', () => {
  it('of each kind replays the same recording, and writes a page', async () => {
    for (const name of ['bins', 'rank', 'alpha', 'ablation']) {
      const found = await document(name, ...base, '--html', at(`${name}.html`))
      expect(found).toMatchObject({ kind: 'heterospec-study', study: name, drafter: 'model:max-depth=6', clock: null })
      expect(found.questions).toEqual({ judged: 2, calibration: 2 })
      expect(readFileSync(at(`${name}.html`), 'utf8')).toContain(`heterospec study ${name}`)
      expect(recordings()).toHaveLength(1)
    }
  })

  it('counts the same from the file of the recording, without a model, and tells it in tables', async () => {
    const [file] = recordings()
    const made = (await document('ablation', ...base)) as AblationDocument
    const read = (await document(
      'ablation',
      '--recording',
      join(cache, 'studies', file!),
      ...shape,
    )) as AblationDocument
    expect(read).toEqual(made)
    const flat = ['--curve', 'flat', '--row-ms', '50', '--budgets', 'none']
    const gpu = (await document(
      'ablation',
      '--recording',
      join(cache, 'studies', file!),
      ...shape,
      ...flat,
    )) as AblationDocument
    const byPrice = ['goodput', 'heterospec-cost']
    const counted = made.rows.filter(({ variant }) => !byPrice.includes(variant))
    expect(gpu.rows.map(({ calls }) => calls)).toEqual(counted.map(({ calls }) => calls))
    expect(gpu.rows[0]!.pricedSpeedup.mean).toBeGreaterThan(made.rows[0]!.pricedSpeedup.mean)
    const told = await study('ablation', '--recording', join(cache, 'studies', file!), ...shape)
    for (const { variant, calls, verified, tau } of made.rows.filter(({ group }) => group === 'overall')) {
      expect(told.stdout).toContain(`${calls}`)
      expect(told.stdout).toMatch(new RegExp(`^${variant.replace('+', '\\+')} +${calls} +${verified} +${tau.toFixed(2)} `, 'm')) // prettier-ignore
    }
    expect(told.stdout).toContain('goodput: what it decides depends on prices')
  })

  it('of prices replays it too, and one of a drafter without levels', async () => {
    const [file] = recordings()
    const prices = ['--curve', 'slope:0.05', '--row-ms', '20', '--level-ms', '1']
    const made = (await document('cost', ...base, ...prices, '--html', at('cost.html'))) as CostStudyDocument
    expect(made).toMatchObject({ study: 'cost', questions: { judged: 2, calibration: 2 } })
    expect(recordings()).toEqual([file])
    const page = readFileSync(at('cost.html'), 'utf8')
    for (const part of ['heterospec study cost', 'id="crossover-section"', made.sweep.best])
      expect(page).toContain(part)
    expect(await document('cost', '--recording', join(cache, 'studies', file!), ...shape, ...prices)).toEqual(made)
    const told = await study('cost', ...plain, '--drafter', 'lookup')
    expect(told).toMatchObject({ code: 0 })
    for (const variant of ['off', 'EAGLE', 'best fixed', 'goodput', 'heterospec-cost', 'oracle']) {
      expect(told.stdout).toMatch(new RegExp(`^${variant} +\\d+ +\\d+ +\\d\\.\\d\\d +\\d`, 'm'))
    }
  })

  it('goes on with an interrupted recording, question by question', async () => {
    const args = [...base, '--seed', '2', '--max-tokens', '120', '--sample', '2']
    const part = (): string | undefined => readdirSync(join(cache, 'studies')).find((name) => name.endsWith('.part'))
    const whole = (): number => {
      const name = part()
      return name === undefined ? 0 : textOf(join(cache, 'studies', name)).split('\n\n').length - 2
    }
    const before = recordings()
    const interrupted = await endAmidst({
      begin: () => startCli(['study', 'bins', ...args], { env }),
      reached: (running) => untilTrue(running, () => whole() >= 1),
      signal: 'SIGINT',
      forget: () => {
        for (const name of recordings().filter((one) => !before.includes(one))) rmSync(join(cache, 'studies', name))
      },
    })
    expect(interrupted.code).toBe(130)
    const done = whole()
    const resumed = await study('bins', ...args, '--json')
    expect(resumed.stderr).toContain(`going on with an interrupted recording: ${done} questions are done`)
    expect(part()).toBeUndefined()
    const anew = await document('bins', ...args, '--fresh')
    const { byBin, histogram, rounds } = lastLine(resumed.stdout) as Extract<StudyDocument, { study: 'bins' }>
    expect(anew).toMatchObject({ byBin, histogram, rounds })
  })

  it('by the clock decodes every variant, keeps graphs only from +DGO on, and says how many were reused', async () => {
    const { clock, rows } = (await document('ablation', ...base, '--budgets', 'none', '--clock')) as AblationDocument
    expect(rows.map(({ variant }) => variant)).not.toContain('goodput')
    const overall = clock!.summary.filter(({ group }) => group === 'overall')
    expect(overall.map(({ side }) => side)).toEqual(['off', 'EAGLE', 'EAGLE, graphs kept', '+DED', '+TNP', '+DGO'])
    expect(overall.every(({ different }) => different === 0)).toBe(true)
    const [, eagle, kept, , tnp, dgo] = overall
    // The same rounds, other graphs.
    expect([kept!.calls, dgo!.calls]).toEqual([eagle!.calls, tnp!.calls])
    for (const [without, with_] of [[eagle, kept], [tnp, dgo]] as const) expect(without!.graphs!.built).toBeGreaterThan(2 * with_!.graphs!.built) // prettier-ignore
  })

  it('refuses a drafter that does not grow levels after the first question, not after all', async () => {
    const ended = await study('bins', ...plain, '--drafter', 'lookup')
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(
      /^heterospec: expected a drafter that grows its tree level by level, got lookup; .*\n$/m,
    )
  })

  it('takes a draft head, and says what it could not fit', async () => {
    const rest = base.slice(0, 4)
    const head = [
      '--draft-head',
      await tinyHeadFile(),
      '--suite',
      suite,
      '--sample',
      '1',
      '--max-tokens',
      '20',
      ...shape,
    ]
    const found = await document('bins', ...rest, ...head)
    expect(found).toMatchObject({ drafter: 'eagle3:max-depth=6', bins: { basis: 'none', edges: [] } })
    expect(found.remarks.join(' ')).toContain('heterospec began with its prior')
  })
})

describe('wrong use of study', () => {
  const recording = at('fake.jsonl')
  beforeAll(() => writeFileSync(recording, recordingLines(fakeRecording()).join('\n')))

  it.each([
    [['ablation'], 'expected a drafter to study, got none; add --draft-head or --draft-model'],
    [['bins', '--drafter', 'model'], 'no draft model'],
    [['bins', '--edges', '3,2'], "for --edges, got '3,2'"],
    [['ablation', '--budgets', 'greedy'], 'got the budget "greedy"'],
    [['bins', '--draft-model', 'nowhere.gguf', '--curve', 'steep'], 'expected a curve like flat'],
    [['bins', '--recording', recording, '--row-ms', '3'], 'expected a curve for --row-ms, got none'],
    [['cost', '--recording', recording, '--level-ms', '3'], 'expected a curve for --level-ms, got none'],
    [['cost', '--recording', recording], 'record two of a group or more'],
    [['bins', '--recording', recording, '--sample', '3'], 'expected no --sample beside --recording'],
    [['ablation', '--recording', recording, '--clock'], 'expected no --clock beside --recording'],
    [['bins', '--recording', recording], 'expected a drafter that grows its tree level by level, got lookup'],
    [['bins', '--recording', recording, '--html', '/nowhere/page.html'], 'that can be written for --html'],
  ])('%j ends with 2 and one sentence', async (args, sentence) => {
    const ended = await cli(['study', ...args], { env })
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(sentence)
    expect(ended.stderr).toMatch(/^heterospec: [^\n]*\n$/)
  })

  it('a missing recording ends with 1', async () => {
    const ended = await study('bins', '--recording', at('nowhere.jsonl'))
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(existsSync(at('nowhere.jsonl'))).toBe(false)
  })
})
