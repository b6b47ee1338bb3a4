import { describe, expect, it } from 'vitest'
import { fakeRecording } from '../../../test/fixtures/recording.ts'
import { UsageError } from '../../util/errors.ts'
import type { RecordedAnswer, Recording } from '../simulate/types.ts'
import { studyCost } from './cost.ts'

const tree = { topK: 2, depth: 2, totalTokens: 7 }

/** The drafter knows `judged` tokens in the judged questions and `learned` ones in the others. Drafts are free. */
function record(judged: number, learned: number, groups: readonly string[] = ['qa', 'rag']): Recording {
  const answersOf = (known: number, calibration: boolean): RecordedAnswer[] =>
    fakeRecording({ tokens: 240, foresight: () => known, groups }).answers.map((answer) => ({
      ...answer,
      ...{ calibration, room: 10_000, category: calibration ? 'other' : answer.category },
    }))
  const recording = fakeRecording()
  return {
    ...recording,
    prices: { ...recording.prices, draft: [] },
    answers: [...answersOf(judged, false), ...answersOf(learned, true)],
  }
}

const study = (recording: Recording, curve: string, slopes: readonly number[] = []) =>
  studyCost(recording, { tree, prices: { curve, rowMs: 10 }, slopes })
const overall = ({ rows }: ReturnType<typeof study>, name: string) =>
  rows.find(({ variant, group }) => variant === name && group === 'overall')!

describe('the completed method against fixed settings', () => {
  const document = study(record(5, 1), 'slope:0.2')

  it('lets other questions choose the fixed setting, and says what hindsight would have chosen', () => {
    expect(document.sweep.best).toBe('chain of 1')
    expect(document.sweep.hindsight).toBe('chain of 5')
    expect(document.sweep.settings.length).toBe(34)
    const [first] = document.sweep.settings
    expect(first).toMatchObject({ name: 'chain of 1' })
    expect(first!.chosenBy).toBeCloseTo(2 / 1.2)
    expect(document.questions).toEqual({ judged: 2, calibration: 2 })
  })

  it('tells speed-ups over plain decoding, the chosen setting and EAGLE, and the way to the oracle', () => {
    // Per token: plain 1, the chain 1.2 / 2, EAGLE's tree of six nodes and three levels 2.2 / 4, the oracle 2 / 6.
    const ratios = (name: string) => {
      const { overPlain, overFixed, overEagle, share } = overall(document, name)
      return [overPlain.mean, overFixed.mean, overEagle.mean, share!].map((value) => Number(value.toFixed(3)))
    }
    expect(ratios('off')).toEqual([1, 0.6, 0.55, -0.869])
    expect(ratios('best fixed')).toEqual([1.667, 1, 0.917, 0])
    expect(ratios('EAGLE')).toEqual([1.818, 1.091, 1, 0.148])
    expect(ratios('oracle')).toEqual([3, 1.8, 1.65, 1])
    const [, , , share] = ratios('heterospec-cost')
    expect(share).toBeGreaterThan(0.5)
    expect(share).toBeLessThan(1)
    expect(document.rows.map(({ group }) => group).slice(0, 3)).toEqual(['qa', 'rag', 'overall'])
  })

  it('takes every second question of a group to choose by where a recording marks none', () => {
    const { answers, ...header } = record(3, 3)
    const unmarked = answers.map((answer) => ({ ...answer, calibration: undefined }))
    const found = study({ ...header, answers: unmarked }, 'flat')
    expect(found.questions).toEqual({ judged: 2, calibration: 2 })
    expect(found.remarks.join(' ')).toContain('every second question of each group')
    const alone = () => study({ ...header, answers: unmarked.slice(0, 2) }, 'flat')
    expect(alone).toThrow(UsageError)
    expect(alone).toThrow('got 2 to judge and 0 to choose by; record two of a group or more')
  })
})

describe('the crossover', () => {
  it('drafts as wide as EAGLE where rows are free and decodes plainly where they cost as much as passes', () => {
    const { crossover } = study(record(3, 3), 'flat', [0, 1])
    expect(crossover.points.map(({ slope }) => slope)).toEqual([0, 1])
    const [flat, steep] = crossover.points.map(({ sides }) => (name: string) => sides.find(({ variant }) => variant === name)!) // prettier-ignore
    expect(flat!('oracle').overPlain.mean).toBeCloseTo(4)
    expect(flat!('EAGLE')).toMatchObject({ levels: 3 })
    expect(flat!('heterospec-cost').nodes).toBeGreaterThan(flat!('EAGLE').nodes * 0.99)
    expect(flat!('heterospec-cost').overPlain.mean).toBeGreaterThan(flat!('EAGLE').overPlain.mean * 0.98)
    expect(steep!('EAGLE').overPlain.mean).toBeCloseTo(4 / 7)
    expect(steep!('heterospec-cost').overPlain.mean).toBeGreaterThan(0.98)
    expect(steep!('heterospec-cost').nodes).toBeLessThan(0.2)
    expect(steep!('oracle').overPlain.mean).toBeCloseTo(1)
  })
})
