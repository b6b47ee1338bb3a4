/** Merged trees: cheap sources propose in one piece, a head or draft model grows further if that pays. */
import { describe, expect, it } from 'vitest'
import { createTree, type TokenTree } from '../../tree/index.ts'
import { createCostModel } from '../cost.ts'
import { createPolicyMemory } from '../memory.ts'
import { createPolicy } from '../policies.ts'
import type { RoundContext } from '../types.ts'
import { CalibratedAcceptance } from './acceptance.ts'
import { UNKNOWN_BIN } from './bins.ts'
import { PassPrices } from './choice.ts'
import { costMemory } from './memory.ts'
import { Outlook } from './outlook.ts'
import { roundPrices } from '../prices.ts'
import { DraftedRound } from './round.ts'
import { RoundTimes } from './times.ts'

const sure = Float32Array.of(0.99, 0.005)
const noProbs = () => new Float32Array(0)
const cost = createCostModel([1, 2, 4, 8, 16, 32].map((rows) => ({ rows, context: 0, ms: 10 + 0.1 * rows })))
const context: RoundContext = { round: 0, room: 100, context: 500, batch: 1, cost }

/** A root with one child. */
function single(prob: number): TokenTree {
  const tree = createTree(0)
  tree.add(0, 1, Math.log(prob))
  return tree
}

function outcome(tree: TokenTree, draftMs: number) {
  return { tree, accepted: [], next: 1, context: 500, draftMs, verifyMs: 10 }
}

describe('heterospec-cost and merged trees', () => {
  it('tells the price of beginning with levels from that of the cheap tree', () => {
    const times = new RoundTimes(costMemory(createPolicyMemory()))
    const round = (levels: number) =>
      ({ grows: true, merged: true, levels, expanded: 2 * levels, tree: undefined }) as unknown as DraftedRound
    for (let i = 0; i < 200; i++) {
      const levels = i % 4
      const drafted = round(levels)
      times.learnDraft(drafted, outcome(createTree(0), 0.2 + (levels > 0 ? 3 : 0) + levels))
      times.count(1, drafted)
      times.refresh()
    }
    expect(times.draftMs(round(0))).toBeLessThan(0.4)
    const { onceMs, passMs, nodeMs } = times.levelOf(round(0))
    expect(onceMs).toBeGreaterThan(2)
    expect(onceMs + passMs + 2 * nodeMs).toBeCloseTo(4, 0)
    expect(times.levelOf(round(1)).onceMs).toBe(0)
  })

  it('charges a head that drafts now and then for what it reads along', () => {
    const times = new RoundTimes(costMemory(createPolicyMemory()))
    const round = (levels: number) =>
      ({ grows: true, merged: true, levels, expanded: 2 * levels, tree: undefined }) as unknown as DraftedRound
    let unread = 0
    for (let i = 0; i < 300; i++) {
      const drafted = round(i % 3 === 0 ? 1 + (i % 2) : 0)
      const reads = drafted.levels > 0 ? 0.3 * unread : 0
      times.learnDraft(drafted, outcome(createTree(0), 0.2 + drafted.levels + reads))
      const emitted = 1 + (i % 5 === 0 ? 2 : 0)
      times.count(emitted, drafted)
      unread = drafted.levels > 0 ? 0 : unread + emitted
      times.refresh()
    }
    times.learnDraft(round(1), outcome(createTree(0), 1.2))
    const none = times.levelOf(round(0)).onceMs
    times.count(5, undefined)
    expect(times.levelOf(round(0)).onceMs - none).toBeCloseTo(1.5, 0)
  })

  it('gives a node the bin of the head once that has spoken about its place', () => {
    const acceptance = new CalibratedAcceptance([])
    const knowledge = { acceptance, outlook: new Outlook({ weights: [], chances: [] }) }
    const round = new DraftedRound(knowledge, new PassPrices(roundPrices(context), 0, 31), 4)
    const tree = single(0.5)
    round.see({ tree, depth: 0, frontier: [0], topProbs: noProbs })
    expect(round.bins[1]).toBe(UNKNOWN_BIN)
    tree.restate(1, Math.log(0.9), 1)
    round.see({ tree, depth: 1, frontier: [1], topProbs: (node) => (node === 0 ? sure : noProbs()) })
    expect(round.bins[1]).toBe(0)
  })

  it('learns apart what only cheap sources have said and what a head has said, of one source and one estimate', () => {
    const acceptance = new CalibratedAcceptance([])
    for (let i = 0; i < 300; i++) {
      acceptance.learn(single(0.5), 0, [9], [UNKNOWN_BIN, UNKNOWN_BIN])
      acceptance.learn(single(0.5), 0, [1], [UNKNOWN_BIN, 0])
    }
    acceptance.refresh()
    const kind = { source: 0, depth: 1, best: true }
    expect(acceptance.calibrate(0.5, { ...kind, bin: UNKNOWN_BIN })).toBeLessThan(0.1)
    expect(acceptance.calibrate(0.5, { ...kind, bin: 0 })).toBeGreaterThan(0.9)
  })

  it('offers the cheap tree, and no level, where the head would have to read more than that repays', () => {
    const begins = (startMs: number) => {
      const memory = createPolicyMemory()
      const own = costMemory(memory)
      own.growth = 'merged'
      Object.assign(own.trials, { debt: 1, startMs })
      const policy = createPolicy({ policy: 'heterospec-cost' }, memory)
      const budget = policy.plan(context)
      return [
        budget.nodes > 0,
        policy.revise({ tree: single(0.6), depth: 0, frontier: [0], topProbs: noProbs }, budget),
      ]
    }
    expect(begins(5)).toMatchObject([true, { depth: 0, nodes: 1 }])
    expect(begins(0)).toMatchObject([true, { expand: [0] }])
  })
})
