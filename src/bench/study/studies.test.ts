import { describe, expect, it } from 'vitest'
import { fakeRecording, type RecordingOptions } from '../../../test/fixtures/recording.ts'
import { UsageError } from '../../util/errors.ts'
import type { Recording } from '../simulate/types.ts'
import { overallRows } from './counts.ts'
import { studyAblation, studyAlpha, studyBins, studyRank } from './studies.ts'
import { openWorld, type StudySettings, type StudyWorld } from './world.ts'

/** Three levels, six nodes: two below the root, two below each main node. */
const tree = { topK: 2, depth: 2, totalTokens: 7 }

/** Answers whose limit is far away, so that it cuts no tree; the group `learn` is for calibration. */
function record(options: RecordingOptions): Recording {
  const recording = fakeRecording({ byLevels: true, leastLevels: 6, ...options })
  const answers = recording.answers.map((answer) => ({
    ...answer,
    room: 10_000,
    calibration: answer.group === 'learn',
  }))
  return { ...recording, answers }
}

function open(options: RecordingOptions, settings: Partial<StudySettings> = {}): StudyWorld {
  return openWorld(record(options), { tree, loss: 'weighted', edges: [], ...settings })
}

/** In nats: what two guesses of these log-probabilities are worth over the three levels. */
function entropyOf(confidence: number): number {
  const [p, q] = [Math.exp(confidence), Math.exp(-2.5)]
  const step = (x: number): number => -(x / (p + q)) * Math.log(x / (p + q))
  return 3 * (step(p) + step(q))
}

describe('terminal confidence ranks', () => {
  // Four tokens right, then a round that knows nothing: twelve times both.
  const world = open({ foresight: (position) => (position % 5 === 0 ? 3 : 0) })
  const { rounds, quantiles, topQuarter, byRank, shares } = studyRank(world, null)

  it('are the places of the last accepted nodes; rounds that accepted nothing have none', () => {
    expect(rounds).toEqual({ judged: 24, without: 12, fullyAccepted: 12, leftOut: 0 })
    // The true chain holds the three best places of six.
    expect(new Set(quantiles.map(({ rank }) => rank))).toEqual(new Set([3]))
    expect(topQuarter).toBe(0)
    const filled = byRank.filter((group) => group.rounds > 0)
    expect(filled).toEqual([
      { name: 'none', rounds: 12, meanTokens: 1, fullyAccepted: 0, meanRank: null },
      { name: '3', rounds: 12, meanTokens: 4, fullyAccepted: 12, meanRank: 3 },
    ])
  })

  it('count paths that ended early, and not those that the end of the answer cut', () => {
    const early = studyRank(open({ foresight: () => 1 }), null)
    expect(early.rounds).toMatchObject({ judged: 30, without: 0, fullyAccepted: 0 })
    expect(early).toMatchObject({ topQuarter: 1 })
    expect(early.byRank.find(({ name }) => name === '1')).toMatchObject({ rounds: 30, meanTokens: 2 })
    const cut = studyRank(open({ tokens: 6, foresight: () => 3 }), null)
    expect(cut.rounds).toMatchObject({ judged: 1, leftOut: 1 })
  })

  it('come with shares of time that are prices', () => {
    const { draft, target, host } = shares
    expect(draft + target + host).toBeCloseTo(1)
    expect(target).toBeGreaterThan(0.9)
  })
})

describe('the ablation', () => {
  // Everything is in the lowest bin: one level more, 2 + 1 nodes with the root.
  const world = open({ foresight: () => 4, groups: ['qa', 'rag'] }, { edges: [10, 11, 12, 13] })
  const document = studyAblation(world, [{ name: 'chain', options: { policy: 'fixed', nodes: 2, width: 1 } }], null)

  it('counts calls, tokens and tau of each part', () => {
    const rows = overallRows(document).map(({ variant, calls, verified, tau }) => [variant, calls, verified, tau])
    expect(rows).toEqual([
      ['EAGLE', 30, 30 * 7, 4],
      ['+DED', 24, 24 * 7, 5],
      ['+TNP', 40, 40 * 3, 3],
      ['+DGO', 40, 40 * 3, 3],
      ['chain', 40, 40 * 3, 3],
    ])
  })

  it('gives ratios over EAGLE by group and over all, and speed-ups by the price list', () => {
    expect(document.rows.map(({ group }) => group).slice(0, 3)).toEqual(['qa', 'rag', 'overall'])
    const ded = overallRows(document)[1]!
    for (const interval of [ded.callsRatio, ded.verifiedRatio]) expect(interval.mean).toBeCloseTo(24 / 30)
    expect(ded.callsRatio.low).toBeCloseTo(ded.callsRatio.high)
    // A row costs 10, seven 16; drafts 0.1 and more.
    expect(ded.pricedSpeedup.mean).toBeGreaterThan(2.9)
    expect(ded.pricedSpeedup.mean).toBeLessThan((5 * 10) / 16)
    expect(document.remarks.join(' ')).toContain('The entropy bins were given.')
  })

  it('judges only questions that nothing was learned from', () => {
    const mixed = open({ foresight: () => 4, groups: ['qa', 'learn'] })
    const { questions, rows } = studyAblation(mixed, [], null)
    expect(questions).toEqual({ judged: 1, calibration: 1 })
    expect(rows[0]).toMatchObject({ group: 'overall', questions: 1, tokens: 60 })
  })
})

describe('the sweep of alpha', () => {
  it('adds a level with each step, as far as the drafter goes', () => {
    const { variants, rows, usual, deepest } = studyAlpha(open({ foresight: () => 9 }, { edges: [10, 11, 12, 13] }))
    expect({ usual, deepest }).toEqual({ usual: 1, deepest: 10 })
    expect(variants.map(({ alpha }) => alpha)).toEqual([null, 0, 1, 2, 3])
    // Pruned to 2 + alpha nodes with the root, all of the chain: tau is that number.
    expect(rows.map(({ tau }) => tau)).toEqual([4, 2, 3, 4, 5])
  })
})

describe('entropy bins', () => {
  // Sure rounds come true, unsure ones know nothing.
  const easy = (position: number): boolean => position % 5 === 0
  const options: RecordingOptions = {
    tokens: 600,
    foresight: (position) => (easy(position) ? 3 : 0),
    confidence: (position) => (easy(position) ? -0.01 : -1.2),
    groups: ['qa', 'learn'],
  }

  it('tell easy rounds from hard ones', () => {
    const middle = (entropyOf(-0.01) + entropyOf(-1.2)) / 2
    const { byBin, histogram, rounds } = studyBins(open(options, { edges: [middle] }))
    // Calibration looks at every place, not only at those that EAGLE's own rounds reach.
    expect(rounds).toEqual({ judged: 240, calibration: 600, fullyAccepted: 240 })
    expect(byBin).toEqual([
      { name: 'bin 0', low: true, from: 0, to: middle, rounds: 120, meanTokens: 4, fullyAccepted: 120, meanRank: 3 },
      {
        name: 'bin 1',
        low: false,
        from: middle,
        to: null,
        rounds: 120,
        meanTokens: 1,
        fullyAccepted: 0,
        meanRank: null,
      },
    ])
    expect(histogram).toHaveLength(16)
    expect(histogram.reduce((sum, step) => sum + step.rounds, 0)).toBe(240)
    expect(histogram.at(-1)).toMatchObject({ rounds: 120, fullyAccepted: 0 })
    expect(histogram.at(-1)!.to).toBeCloseTo(entropyOf(-1.2), 4)
  })

  it('say when nothing came true and when ranks are all alike', () => {
    const weak = studyBins(open({ ...options, foresight: () => 0 }))
    expect(weak.rounds).toEqual({ judged: 600, calibration: 600, fullyAccepted: 0 })
    expect(weak.bins).toMatchObject({ basis: 'none', edges: [], fullyAccepted: 0, rounds: 600 })
    expect(weak.remarks.join(' ')).toContain('0 of 600 calibration places came true as a whole')
  })

  it('of a weak drafter are fitted on all rounds, and both losses are judged on other questions', () => {
    // Right once where it is sure, never where not: ranks 1 and 0, and no path to its end.
    const { bins, losses, byBin } = studyBins(open({ ...options, foresight: (position) => (easy(position) ? 1 : 0) }))
    expect(bins).toMatchObject({ basis: 'all', fullyAccepted: 0 })
    expect(bins.edges).toHaveLength(1)
    expect(byBin.map(({ meanTokens }) => meanTokens)).toEqual([2, 1])
    const [weighted] = losses
    expect(weighted).toMatchObject({ loss: 'weighted', explained: { accepted: null, all: 1 } })
  })
})

describe('recordings that say nothing', () => {
  it.each([
    [record({ byLevels: false }), 'expected a drafter that grows its tree level by level, got lookup'],
    [{ ...record({}), tree: { nodes: 9, depth: 9, width: 1 } }, 'record with --tree-width 2'],
    [record({ leastLevels: 2, foresight: () => 1 }), 'expected recorded trees of 3 levels or more, got 2'],
  ])('are refused in one sentence (%#)', (recording, sentence) => {
    const work = (): StudyWorld => openWorld(recording, { tree, loss: 'weighted', edges: [] })
    expect(work).toThrow(UsageError)
    expect(work).toThrow(sentence)
  })
})
