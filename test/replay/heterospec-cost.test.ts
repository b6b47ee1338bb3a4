/**
 * `heterospec-cost` in a world without models, in simulated time: it is near the best that can be chosen in hindsight where drafts pay,
 * plain decoding where they do not, as deep and wide as EAGLE where rows are free, and what it promises comes true.
 */
import { describe, expect, it } from 'vitest'
import { createPolicy, createPolicyMemory, type BudgetOptions, type LevelReport } from '../../src/policy/index.ts'
import { pruneToBudget } from '../../src/draft/index.ts'
import { createTree, type NodeId, type TokenTree } from '../../src/tree/index.ts'
import { simulate, type Regime, type SimulatedRound, type World } from './simulation.ts'
import { machines, mixed, regimes, samplesOf, worldOf, type Machine } from './worlds.ts'

const cost: BudgetOptions = { policy: 'heterospec-cost' }
const easy: Regime = [
  { share: 0.9, chances: [0.985, 0.01], beliefs: [0.98, 0.01, 0.005] },
  { share: 0.1, chances: [0.8, 0.1, 0.05], beliefs: [0.8, 0.12, 0.04] },
]
const perfect: Regime = [{ share: 1, chances: [1], beliefs: [0.99, 0.005] }]
const useless: Regime = [{ share: 1, chances: [0, 0, 0], beliefs: [0.6, 0.2, 0.1] }]
/** Any number of rows for the price of one; each row as dear as a pass. */
const free: Machine = { 1: 20, 2: 20, 8: 20, 16: 20, 32: 20, 64: 20 }
const steep: Machine = { 1: 10, 2: 20, 3: 30, 4: 40, 8: 80, 16: 160, 32: 320, 64: 640 }

const texts: Record<string, World['regime']> = {
  chat: () => regimes.chat,
  copy: () => regimes.copy,
  random: () => regimes.random,
  mixed,
  easy: () => easy,
}
const byLevel = (machine: Machine, share: number): World['draft'] => ({ by: 'level', ms: share * machine[1]! })

const rate = (world: () => World, options: BudgetOptions): number => simulate(world(), createPolicy(options)).rate

describe('heterospec-cost in simulated time', () => {
  const cells = Object.entries(machines).flatMap(([machine, prices]) =>
    Object.entries(texts).map(([text, regime]) => ({ machine, text, prices, regime })),
  )

  it.each(cells)('$text text on machine $machine: near the best fixed budget, never below plain decoding', (cell) => {
    for (const draft of [{ by: 'tree', ms: 0.1 } as const, byLevel(cell.prices, 0.05)]) {
      const world = () => worldOf(cell.prices, { regime: cell.regime, noise: 0.05, draft, tokens: 300 })
      const off = rate(world, { policy: 'off' })
      const best = [3, 15].map((nodes) =>
        rate(world, { policy: 'fixed', depth: Math.min(nodes, 16), width: draft.by === 'tree' ? 4 : 1, nodes }),
      )
      const own = rate(world, cost)
      expect(own / off).toBeGreaterThan(0.97)
      expect(own / Math.max(off, ...best)).toBeGreaterThan(0.94)
    }
  })

  it('drafts as deep and wide as EAGLE where rows are free, and beats it', () => {
    for (const regime of [easy, regimes.chat, regimes.copy]) {
      const world = () => worldOf(free, { regime: () => regime, draft: byLevel(free, 0.05) })
      expect(rate(world, cost) / rate(world, { policy: 'eagle' })).toBeGreaterThan(1)
    }
    const { rounds } = simulate(
      worldOf(free, { regime: () => easy, draft: byLevel(free, 0.01), tokens: 1500 }),
      createPolicy(cost),
    )
    expect(Math.max(...rounds.map(({ scored }) => Math.max(...scored.depths)))).toBeGreaterThan(8)
    const chat = simulate(worldOf(free, { regime: () => regimes.chat, draft: byLevel(free, 0.01) }), createPolicy(cost))
    expect(Math.max(...chat.rounds.map(({ scored }) => scored.size))).toBeGreaterThan(59)
  })

  it('falls back to plain decoding where each row costs a pass', () => {
    for (const regime of Object.values(texts)) {
      const world = () => worldOf(steep, { regime, draft: byLevel(steep, 0.05) })
      expect(rate(world, cost) / rate(world, { policy: 'off' })).toBeGreaterThan(0.97)
    }
  })

  it('reaches the largest width that pays with a perfect drafter', () => {
    const world = (machine: Machine) => worldOf(machine, { regime: () => perfect, draft: byLevel(machine, 0.01) })
    const rowsOf = (machine: Machine) =>
      simulate(world(machine), createPolicy({ ...cost, depth: 31, maxNodes: 31 }))
        .rounds.slice(-8, -2)
        .map(({ scored }) => scored.size - 1)
    expect(Math.min(...rowsOf(free))).toBe(31)
    expect(new Set(rowsOf(steep))).toEqual(new Set([0]))
  })

  it('settles on plain decoding with a useless drafter, and tries again at growing intervals', () => {
    const world = worldOf(machines.stairs, { regime: () => useless, draft: byLevel(machines.stairs, 0.3) })
    const { rounds } = simulate(world, createPolicy(cost))
    const drafted = rounds.flatMap(({ plan }, round) => (plan.nodes > 0 ? [round] : []))
    const intervals = drafted.slice(1).map((round, i) => round - drafted[i]!)
    expect(intervals).toEqual([...intervals].sort((a, b) => a - b))
    expect(intervals.at(-1)!).toBeGreaterThan(25)
    const verified = rounds.flatMap(({ scored }, round) => (scored.size > 1 ? [round] : []))
    // A handful of the first trials, while best children and siblings are still being told apart.
    expect(verified.filter((round) => round >= 40)).toEqual([])
  })

  it('expands fewer nodes where the time of a level depends on them', () => {
    const expanded = (nodeMs: number): number => {
      const draft = { by: 'level', ms: 0.1, nodeMs } as const
      const { rounds } = simulate(worldOf(machines.flat, { regime: () => regimes.chat, draft }), createPolicy(cost))
      const frontiers = rounds.flatMap(({ revisions }) =>
        revisions.flatMap(({ budget }) => budget.expand?.length ?? []),
      )
      return frontiers.reduce((a, b) => a + b, 0) / frontiers.length
    }
    expect(expanded(0.6)).toBeLessThan(0.7 * expanded(0))
  })
})

describe('what heterospec-cost promises', () => {
  const overconfident: Regime = [{ share: 1, chances: [0.6, 0.1, 0.05], beliefs: [0.9, 0.05, 0.02] }]
  const modest: Regime = [
    { share: 0.7, chances: [0.95, 0.01, 0.005], beliefs: [0.7, 0.1, 0.05] },
    { share: 0.3, chances: [0.5, 0.2, 0.1], beliefs: [0.3, 0.2, 0.1] },
  ]

  it.each(Object.entries({ ...texts, overconfident: () => overconfident, modest: () => modest }))(
    'comes true within 5 %%: %s',
    (_, regime) => {
      for (const machine of [machines.flat]) {
        for (const draft of [{ by: 'tree', ms: 0.1 } as const, byLevel(machine, 0.03)]) {
          let [promised, real] = [0, 0]
          for (const seed of [1, 2]) {
            const { rounds } = simulate(worldOf(machine, { regime, seed, draft, tokens: 1200 }), createPolicy(cost))
            // Twenty rounds to learn in.
            for (const { why, accepted } of rounds.slice(20)) {
              promised += Number(why?.['tokens'] ?? 1)
              real += accepted.length + 1
            }
          }
          expect(Math.abs(promised / real - 1)).toBeLessThan(0.05)
        }
      }
    },
  )

  it('is told in few words: entropy, bin, every level and number of nodes considered, and the choice', () => {
    const { rounds } = simulate(
      worldOf(machines.flat, { regime: () => easy, draft: byLevel(machines.flat, 0.02) }),
      createPolicy(cost),
    )
    const why = rounds.map((round) => round.why).filter((reasons) => Number(reasons?.['levels']) > 2)
    expect(why.length).toBeGreaterThan(10)
    for (const reasons of why) {
      expect(reasons).toMatchObject({ entropy: expect.any(Number) as number, bin: expect.any(Number) as number })
      expect(reasons!['consideredLevels']).toMatch(/^(\d+:\d+@\d+\.\d\d\/\d+\.\d\d ?)+$/)
      expect(reasons!['consideredNodes']).toMatch(new RegExp(`(^| )${reasons!['nodes']}@`))
    }
    const plain = simulate(worldOf(steep, { regime: () => useless, draft: byLevel(steep, 0.3) }), createPolicy(cost))
    expect(plain.rounds.some(({ why: reasons }) => reasons?.['reason'] === 'drafts do not pay')).toBe(true)
  })
})

describe('answers one after another', () => {
  /** Time of plain decoding over that of the policy, over `count` answers of 100 tokens that share a memory. */
  function over(count: number, regime: Regime, level: number, start: number, machine: Machine = machines.cpu): number {
    const memory = createPolicyMemory()
    let [own, plain] = [0, 0]
    for (let seed = 1; seed <= count; seed++) {
      const draft = { ...byLevel(machine, level), startMs: start * machine[1]! }
      const world = () =>
        worldOf(machine, { seed, regime: () => regime, tokens: 100, context: 200, noise: 0.05, draft })
      own += simulate(world(), createPolicy(cost, memory)).ms
      plain += simulate(world(), createPolicy({ policy: 'off' })).ms
    }
    return plain / own
  }

  it.each(Object.entries({ chat: regimes.chat, random: regimes.random, useless }))(
    'lose next to nothing by a drafter that is dear, its reading of prompts included: %s',
    (_, regime) => {
      expect(over(15, regime, 0.5, 40)).toBeGreaterThan(0.965)
    },
  )

  it('go on with a drafter that is worth its reading', () => {
    expect(over(8, easy, 0.05, 10, machines.flat)).toBeGreaterThan(1.7)
  })
})

describe('a recording', () => {
  interface Recorded extends Pick<SimulatedRound, 'room' | 'context' | 'accepted' | 'next' | 'draftMs' | 'verifyMs'> {
    readonly parents: readonly number[]
    readonly tokens: readonly number[]
    readonly logProbs: readonly number[]
    readonly levels: readonly { readonly size: number; readonly depth: number; readonly frontier: readonly NodeId[] }[]
    readonly probs: readonly (readonly number[])[]
  }

  /** Plain data: what the drafter told, level by level, and what came of the round. */
  function record({ revisions, room, context, accepted, next, draftMs, verifyMs }: SimulatedRound): Recorded {
    const level = revisions.at(-1)?.level
    const tree: TokenTree = level?.tree ?? createTree(0)
    const sizes = revisions.map(({ level: { depth } }) => tree.depths.filter((own) => own <= depth).length)
    return {
      ...{ room, context, accepted, next, draftMs, verifyMs },
      parents: [...tree.parents].slice(1),
      tokens: [...tree.tokens].slice(1),
      logProbs: [...tree.logProbs].slice(1),
      levels: revisions.map(({ level: { depth, frontier } }, i) => ({ size: sizes[i]!, depth, frontier })),
      probs: Array.from({ length: tree.size }, (_, node) => [...(revisions.at(-2)?.level.topProbs(node) ?? [])]),
    }
  }

  /** The decisions, when the same levels are shown again; `poison`: the target says something else in this round. */
  function replay(rounds: readonly Recorded[], poison = Infinity): unknown[] {
    const policy = createPolicy(cost)
    const { cost: prices } = worldOf(machines.flat, { samples: samplesOf(machines.flat) })
    return rounds
      .slice(0, poison + 1)
      .map(({ room, context, levels, parents, tokens, logProbs, probs, ...outcome }, round) => {
        const plan = policy.plan({ round, room, context, batch: 1, cost: prices })
        const tree = createTree(0)
        let budget = plan
        const budgets = levels.map(({ size, depth, frontier }) => {
          for (let node = tree.size; node < size; node++)
            tree.add(parents[node - 1]!, tokens[node - 1]!, logProbs[node - 1]!)
          // What follows a node is known when it has been expanded.
          const topProbs: LevelReport['topProbs'] = (node) =>
            Float32Array.from(tree.depths[node]! < depth ? probs[node]! : [])
          return (budget = policy.revise({ tree, depth, frontier, topProbs }, budget))
        })
        const why = policy.explain?.()
        const scored = pruneToBudget(tree, budget).tree
        prices.observe(scored.size, context, outcome.verifyMs)
        const said = round === poison ? { accepted: [], next: -1 } : outcome
        policy.observe({ ...outcome, ...said, tree: scored, context })
        return { plan, budgets, why, kept: [...scored.tokens] }
      })
  }

  const world = worldOf(machines.flat, { draft: byLevel(machines.flat, 0.05), tokens: 900 })
  const { rounds } = simulate(world, createPolicy(cost))
  const recorded = JSON.parse(JSON.stringify(rounds.map(record))) as Recorded[]

  it('of draft probabilities leads to the same levels, widths and nodes', () => {
    const decided = rounds.map(({ plan, revisions, why, scored }) => {
      return { plan, budgets: revisions.map(({ budget }) => budget), why, kept: [...scored.tokens] }
    })
    expect(replay(recorded)).toEqual(decided)
    expect(new Set(rounds.map(({ scored }) => scored.size)).size).toBeGreaterThan(5)
  })

  it('with other answers of the target in one round changes nothing in that round', () => {
    const [first = 0, last = 0] = recorded
      .flatMap(({ accepted }, round) => (accepted.length > 2 ? [round] : []))
      .slice(9, 11)
    for (const poison of [first, last]) {
      expect(replay(recorded, poison)).toEqual(replay(recorded).slice(0, poison + 1))
    }
  })
})
