import { describe, expect, it } from 'vitest'
import { createTree, type TokenTree } from '../../tree/index.ts'
import { createPolicyMemory } from '../memory.ts'
import { createPolicy, type BudgetOptions } from '../policies.ts'
import type { Budget, BudgetPolicy, LevelReport } from '../types.ts'

const cost = { targetMs: () => 1, cheapRows: [1], observe: () => undefined }
const plan = (policy: BudgetPolicy, room = 100): Budget => policy.plan({ round: 0, room, context: 0, batch: 1, cost })

type Options = Omit<Extract<BudgetOptions, { policy: 'heterospec' }>, 'policy'>
const create = (options: Options = {}): BudgetPolicy => createPolicy({ policy: 'heterospec', ...options })

/** A chain of `depth` nodes whose every step was drawn from two tokens of these probabilities. */
function chain(depth: number, probs: readonly number[]): { readonly tree: TokenTree; readonly report: LevelReport } {
  const tree = createTree(0)
  for (let level = 0; level < depth; level++) tree.add(level, 10 + level, Math.log(probs[0]!))
  const topProbs = (node: number): Float32Array => Float32Array.from(node < depth ? probs : [])
  return { tree, report: { tree, depth, frontier: [depth], topProbs } }
}

/** Entropy of `n` steps between two equally likely tokens is n ln 2. */
const even = [0.5, 0.5]
const bits = (count: number): number => count * Math.log(2)
/** Eight such steps fall into bin `bin`. */
const edgesFor = (bin: number): number[] => [0, 1, 2, 3, 4].map((i) => bits(8) + (i - bin) * 0.1 + 0.05)

describe('a round of heterospec', () => {
  it('is planned for the largest tree of all bins', () => {
    expect(plan(create())).toEqual({ depth: 12, width: 10, nodes: 61 })
    expect(plan(create({ depth: 5, totalTokens: 50 }))).toEqual({ depth: 9, width: 10, nodes: 50 })
    expect(plan(create({ ded: false }))).toEqual({ depth: 8, width: 10, nodes: 59 })
    expect(plan(create(), 5)).toEqual({ depth: 5, width: 10, nodes: 5 })
    expect(plan(create({ totalTokens: 1 })).nodes).toBe(0)
    expect(plan(create(), 0).nodes).toBe(0)
  })

  it.each([
    [0, 12, 21],
    [1, 11, 38],
    [2, 10, 61],
    [3, 8, 59],
    [4, 8, 59],
  ])('in bin %i has %i levels and %i nodes', (bin, depth, nodes) => {
    const policy = create({ edges: edgesFor(bin) })
    const first = plan(policy)
    expect(policy.revise(chain(7, even).report, first)).toEqual(first)
    expect(policy.explain?.()).toBeUndefined()
    const decided = policy.revise(chain(8, even).report, first)
    expect(decided).toEqual({ depth, width: 10, nodes })
    expect(policy.explain?.()).toEqual({ entropy: 5.5452, bin, bins: 'given', levels: depth, nodes })
    // The finished tree does not change it.
    expect(policy.revise({ ...chain(depth, even).report, frontier: [] }, decided)).toEqual(decided)
  })

  it('stops where the drafter or the text ends', () => {
    const capped = create({ edges: edgesFor(0) })
    plan(capped)
    const given = { depth: 10, width: 4, nodes: 15 }
    expect(capped.revise(chain(8, even).report, given)).toEqual({ depth: 10, width: 4, nodes: 15 })
    const short = create({ edges: edgesFor(0) })
    expect(short.revise(chain(8, even).report, plan(short, 9))).toEqual({ depth: 9, width: 10, nodes: 9 })
  })

  it.each([
    ['a tree handed over in one go', { ...chain(12, even).report, frontier: [] }],
    ['a drafter that ends before the ordinary levels', { ...chain(5, even).report, frontier: [] }],
    ['a drafter without probabilities', { ...chain(8, even).report, topProbs: () => new Float32Array(0) }],
  ])('is EAGLE’s for %s', (_, report) => {
    const policy = create({ edges: [99, 100, 101, 102] })
    expect(policy.revise(report, plan(policy))).toEqual({ depth: 8, width: 10, nodes: 59 })
    expect(policy.explain?.()).toEqual({ bin: 'unknown', levels: 8, nodes: 59 })
  })

  it('is EAGLE’s in the highest bin, however few bins there are', () => {
    const policy = create({ edges: [1] })
    expect(policy.revise(chain(8, even).report, plan(policy))).toMatchObject({ depth: 8, nodes: 59 })
    expect(policy.revise(chain(8, [1, 0]).report, plan(policy))).toMatchObject({ depth: 12, nodes: 21 })
  })
})

describe('bins that are learned', () => {
  /** Rounds of nine tokens: the drafter knows whether they are easy, and in easy ones its first path comes true. */
  function decode(policy: BudgetPolicy, rounds: number, easyShare: number): void {
    for (let round = 0; round < rounds; round++) {
      const easy = (round * 7) % 10 < 10 * easyShare
      const surety = (easy ? 0.95 : 0.6) + 0.002 * (round % 20)
      const { tree, report } = chain(8, [surety, 1 - surety])
      policy.revise(report, plan(policy))
      const accepted = easy ? [1, 2, 3, 4, 5, 6, 7, 8] : [1]
      policy.observe({ tree, accepted, next: 3, context: 0, draftMs: 0, verifyMs: 0 })
    }
  }
  const bins = (policy: BudgetPolicy): unknown => {
    policy.revise(chain(8, [0.99, 0.01]).report, plan(policy))
    return policy.explain?.()?.['bins']
  }
  const learning = (memory = createPolicyMemory(), more: Options = {}): BudgetPolicy =>
    createPolicy({ policy: 'heterospec', ...more }, memory)

  it('come from a prior first', () => {
    expect(bins(learning())).toBe('prior')
    const policy = learning()
    policy.revise(chain(8, [0.99, 0.01]).report, plan(policy))
    expect(policy.explain?.()).toMatchObject({ bin: 0, levels: 12 })
    const hard = learning()
    hard.revise(chain(8, even).report, plan(hard))
    expect(hard.explain?.()).toMatchObject({ bin: 3, levels: 8 })
  })

  it('keep the prior where all ranks are alike, which tells nothing', () => {
    const memory = createPolicyMemory()
    decode(learning(memory), 200, 1)
    expect(memory.bins?.samples).toHaveLength(200)
    expect(bins(learning(memory))).toBe('prior')
  })

  it('use all rounds where the drafter is too weak for any to come true as a whole', () => {
    const memory = createPolicyMemory()
    decode(learning(memory), 150, 0)
    // All have rank 1: nothing to split. A third of them better, none as a whole:
    const policy = learning(memory)
    for (let round = 0; round < 150; round++) {
      const surety = round % 3 === 0 ? 0.9 : 0.6
      const { tree, report } = chain(8, [surety, 1 - surety])
      policy.revise(report, plan(policy))
      policy.observe({ tree, accepted: surety > 0.8 ? [1, 2, 3] : [], next: 3, context: 0, draftMs: 0, verifyMs: 0 })
    }
    expect(bins(learning(memory))).toBe('all')
  })

  it('pass to the next session, are bounded, and begin anew for a tree of another kind', () => {
    const memory = createPolicyMemory()
    decode(learning(memory), 700, 0.5)
    expect(memory.bins?.samples).toHaveLength(512)
    expect(JSON.parse(JSON.stringify(memory))).toEqual(memory)
    decode(learning(memory, { depth: 3 }), 1, 0.5)
    expect(memory.bins?.samples).toHaveLength(1)
  })

  it('are not learned where they are given', () => {
    const memory = createPolicyMemory()
    decode(learning(memory, { edges: [1, 2, 3] }), 100, 0.5)
    expect(memory.bins).toBeNull()
  })
})
