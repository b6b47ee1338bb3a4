/**
 * `heterospec` in a world without models: what its two parts promise on a text that is known, and that the same draft
 * probabilities lead to the same bins, depths and node sets.
 */
import { describe, expect, it } from 'vitest'
import { createPolicy, createPolicyMemory, type BudgetOptions, type LevelReport } from '../../src/policy/index.ts'
import { bestNodes, createTree, type NodeId } from '../../src/tree/index.ts'
import { simulate, type Regime, type SimulatedRound, type World } from './simulation.ts'
import { machines, regimes, worldOf } from './worlds.ts'

/** A strong drafter that knows where it is sure; stretches of easy and of hard text. */
const easy: Regime = [
  { share: 0.9, chances: [0.985, 0.01], beliefs: [0.98, 0.01, 0.005] },
  { share: 0.1, chances: [0.8, 0.1, 0.05], beliefs: [0.8, 0.12, 0.04] },
]
const hard: Regime = [{ share: 1, chances: [0.5, 0.2, 0.1, 0.05], beliefs: [0.5, 0.2, 0.1, 0.06] }]
const strong = (position: number): Regime => (Math.floor(position / 60) % 3 === 2 ? hard : easy)

/** Half-way between what eight steps of easy and of hard text have. */
const edges = [1.2, 2.2, 3.5]

function play(options: BudgetOptions, more: Partial<World> = {}): readonly SimulatedRound[] {
  const world = worldOf(machines.flat, { regime: strong, draft: { by: 'level', ms: 0.2 }, tokens: 400, ...more })
  return simulate(world, createPolicy(options)).rounds
}

const rowsOf = (rounds: readonly SimulatedRound[]): number => rounds.reduce((sum, { scored }) => sum + scored.size, 0)
const seeds = [1, 2, 3]

describe('extended drafting alone', () => {
  const deep = { policy: 'heterospec', tnp: false, edges } as const

  it('never needs more passes on a chain, whose rounds reach at least as far from everywhere', () => {
    for (const seed of seeds) {
      const chain = { topK: 1 } as const
      const eagle = play({ policy: 'eagle', ...chain }, { seed })
      expect(play({ ...deep, ...chain }, { seed }).length).toBeLessThanOrEqual(eagle.length)
    }
  })

  it('needs fewer passes with trees, and verifies no more nodes per pass', () => {
    for (const seed of seeds) {
      const eagle = play({ policy: 'eagle' }, { seed })
      const rounds = play(deep, { seed })
      expect(rounds.length).toBeLessThan(eagle.length)
      for (const { scored } of rounds) expect(scored.size).toBeLessThanOrEqual(60)
    }
  })
})

describe('top-N pruning alone', () => {
  const narrow = { policy: 'heterospec', ded: false, edges } as const

  it('never verifies more in a round than EAGLE does, nor in all', () => {
    for (const seed of seeds) {
      const eagle = play({ policy: 'eagle' }, { seed })
      const rounds = play(narrow, { seed })
      for (const { scored } of rounds) expect(scored.size).toBeLessThanOrEqual(60)
      expect(rowsOf(rounds)).toBeLessThan(rowsOf(eagle))
    }
  })

  it('verifies the very nodes that EAGLE ranks first', () => {
    const rounds = play(narrow)
    expect(new Set(rounds.map(({ scored }) => scored.size)).size).toBeGreaterThan(2)
    for (const { scored, revisions } of rounds) {
      const tree = revisions.at(-1)?.level.tree ?? scored
      const best = tree.keep(bestNodes(tree, scored.size - 1))
      expect([...scored.tokens]).toEqual([...best.tokens])
      expect([...scored.parents]).toEqual([...best.parents])
    }
  })
})

describe('both together, bins learned on the way', () => {
  it('need fewer passes and fewer rows than EAGLE with a strong drafter', () => {
    for (const loss of ['weighted', 'paper'] as const) {
      const eagle = play({ policy: 'eagle' }, { tokens: 1200 })
      const rounds = play({ policy: 'heterospec', loss }, { tokens: 1200 })
      expect(rounds.length).toBeLessThan(eagle.length)
      expect(rowsOf(rounds)).toBeLessThan(0.9 * rowsOf(eagle))
    }
  })

  it.each(Object.entries(regimes))('survive weak drafters: %s', (_, regime) => {
    const memory = createPolicyMemory()
    const world = worldOf(machines.flat, { regime: () => regime, draft: { by: 'level', ms: 0.2 }, tokens: 400 })
    simulate(world, createPolicy({ policy: 'heterospec' }, memory))
    const { samples = [], edges: learned = [] } = memory.bins ?? {}
    expect(samples.length).toBeGreaterThan(50)
    for (const { entropy, rank } of samples) {
      expect(entropy).toBeGreaterThan(0)
      expect(rank).toBeLessThan(60)
    }
    expect(learned).toEqual([...learned].sort((a, b) => a - b))
  })
})

describe('a recording', () => {
  /** One round as JSON: what the drafter told, level by level, and what came of it. */
  interface Recorded {
    readonly room: number
    readonly parents: readonly number[]
    readonly tokens: readonly number[]
    readonly logProbs: readonly number[]
    readonly levels: readonly { readonly depth: number; readonly frontier: readonly NodeId[] }[]
    readonly probs: readonly (readonly number[])[]
    readonly accepted: readonly NodeId[]
    readonly next: number
    readonly kept: readonly number[]
  }

  const options: BudgetOptions = { policy: 'heterospec', topK: 4, depth: 3, totalTokens: 20 }

  function record({ revisions, room, accepted, next, scored }: SimulatedRound): Recorded {
    const tree = revisions.at(-1)?.level.tree ?? createTree(0)
    const told = revisions.at(-2)?.level
    return {
      ...{ room, accepted, next, kept: [...scored.tokens] },
      parents: [...tree.parents].slice(1),
      tokens: [...tree.tokens].slice(1),
      logProbs: [...tree.logProbs].slice(1),
      levels: revisions.map(({ level: { depth, frontier } }) => ({ depth, frontier })),
      probs: Array.from({ length: tree.size }, (_, node) => [...(told?.topProbs(node) ?? [])]),
    }
  }

  function replay(rounds: readonly Recorded[]): unknown[] {
    const policy = createPolicy(options)
    const cost = { targetMs: () => 1, cheapRows: [1], observe: () => undefined }
    return rounds.map(({ room, parents, tokens, logProbs, levels, probs, accepted, next }, round) => {
      const whole = createTree(0)
      tokens.forEach((token, i) => whole.add(parents[i]!, token, logProbs[i]!))
      let budget = policy.plan({ round, room, context: 0, batch: 1, cost })
      const budgets = levels.map(({ depth, frontier }) => {
        const shallow = [...whole.depths.keys()].filter((node) => whole.depths[node]! <= depth)
        const topProbs: LevelReport['topProbs'] = (node) => Float32Array.from(probs[node]!)
        return (budget = policy.revise({ tree: whole.keep(shallow), depth, frontier, topProbs }, budget))
      })
      const why = policy.explain?.()
      const tree = whole.keep(bestNodes(whole, budget.nodes))
      policy.observe({ tree, accepted, next, context: 0, draftMs: 0, verifyMs: 0 })
      return { budgets, why, kept: [...tree.tokens] }
    })
  }

  it('of draft probabilities leads to the same depths, bins and node sets', () => {
    const policy = createPolicy(options)
    const whys: unknown[] = []
    const observe = policy.observe.bind(policy)
    policy.observe = (outcome) => {
      whys.push(policy.explain?.())
      observe(outcome)
    }
    const world = worldOf(machines.flat, { regime: strong, draft: { by: 'level', ms: 0.2 }, tokens: 1500 })
    const { rounds } = simulate(world, policy)
    const again = replay(JSON.parse(JSON.stringify(rounds.map(record))) as Recorded[])
    const decided = rounds.map(({ revisions, scored }, i) => ({
      budgets: revisions.map(({ budget }) => budget),
      why: whys[i],
      kept: [...scored.tokens],
    }))
    expect(again).toEqual(decided)
    // Worth replaying: several bins, from the prior and learned ones.
    const text = JSON.stringify(decided)
    for (const found of ['"bin":0', '"bin":1', '"bin":3', '"prior"', '"accepted"']) expect(text).toContain(found)
  })
})
