import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fakeRecording, recordingLines } from '../../../test/fixtures/recording.ts'
import { readSource } from './file.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heterospec-recording-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function read(lines: readonly string[]) {
  const file = join(folder, 'rec.jsonl')
  writeFileSync(file, lines.join('\n'))
  return readSource(file)
}

const good = recordingLines(fakeRecording({ tokens: 20, groups: ['qa', 'rag'] }))
const changed = (index: number, change: (line: Record<string, unknown>) => object): string[] =>
  good.map((line, at) => (at === index ? JSON.stringify(change(JSON.parse(line) as Record<string, unknown>)) : line))
const tree = (line: Record<string, unknown>) => line['tree'] as Record<string, number[]>

describe('a recording', () => {
  it('is read as it was written', () => {
    const source = read(good)
    expect(source.kind).toBe('recording')
    expect(source).toMatchObject({ recording: fakeRecording({ tokens: 20, groups: ['qa', 'rag'] }) })
    const byLevels = fakeRecording({ byLevels: true })
    expect(read(recordingLines(byLevels))).toMatchObject({ recording: byLevels })
  })

  it('that was interrupted between two lines is read as far as it goes', () => {
    const source = read(good.slice(0, 12))
    expect(source.kind === 'recording' && source.recording.answers.map(({ places }) => places.length)).toEqual([10])
    const begun = read(good.slice(0, 23)) // the second question has no place yet
    expect(begun.kind === 'recording' && begun.recording.answers.length).toBe(1)
  })

  it.each<[string, readonly string[], RegExp]>([
    ['bad JSON', good.map((line, at) => (at === 16 ? line.slice(0, -9) : line)), /rec\.jsonl, line 17: no JSON/],
    ['a missing field', changed(5, (line) => ({ ...line, next: undefined })), /line 6: next:/],
    ['a negative price', changed(4, (line) => ({ ...line, draftMs: -1 })), /line 5: draftMs:/],
    [
      'a child before its parent',
      changed(3, (line) => ({ ...line, tree: { ...tree(line), parents: [-1, 2, 1, 1, 1, 1, 1, 1, 1] } })),
      /line 4: tree: .*parents before children/,
    ],
    [
      'lists of different lengths',
      changed(3, (line) => ({ ...line, tree: { ...tree(line), tokens: [101] } })),
      /line 4: tree:/,
    ],
    [
      'a line that is not there',
      good.filter((_, at) => at !== 7),
      /line 8: a tree below token 106 where the text has 105/,
    ],
    [
      'a place twice',
      [...good.slice(0, 8), good[7]!, ...good.slice(8)],
      /line 9: a tree below token 105 where the text has 106/,
    ],
    ['a place before any question', [good[0]!, ...good.slice(2)], /line 2: a place before the first question/],
    ['a question twice', [...good, ...good.slice(1)], /line 44: question 1 a second time/],
    ['another version', changed(0, (line) => ({ ...line, version: 2 })), /line 1: version:/],
    ['no answer', good.slice(0, 1), /rec\.jsonl: no recorded answer/],
    ['nothing', [], /rec\.jsonl: nothing at all/],
  ])('with %s is refused with file and line', (_, lines, message) => {
    expect(() => read(lines)).toThrow(message)
    expect(() => read(lines)).toThrow(/^expected a recording of "heterospec simulate --record" or a trace/)
  })

  it('that is not there is refused', () => {
    expect(() => readSource(join(folder, 'nowhere.jsonl'))).toThrow(
      /expected a recording or a trace at .*nowhere\.jsonl, got none/,
    )
  })
})

describe('a trace', () => {
  const round = { round: 0, context: 10, drafted: 2, emitted: [5, 6], draftMs: 0.1, targetMs: 8, hostMs: 0.2 }

  it('is known by its form', () => {
    const source = read([JSON.stringify({ ...round, tree: {} }), JSON.stringify({ ...round, round: 1 })])
    expect(source).toEqual({ kind: 'trace', rounds: [round, { ...round, round: 1 }] })
  })

  it('that is broken is refused with the line', () => {
    expect(() => read([JSON.stringify(round), JSON.stringify({ ...round, emitted: [] })])).toThrow(/line 2: emitted:/)
    expect(() => read(['{"hello": 1}'])).toThrow(/line 1: round:/)
  })
})
