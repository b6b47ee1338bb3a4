import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTree, pruneTree, type TokenTree } from '../tree/index.ts'
import { createCostModel } from './cost.ts'
import { createPolicyMemory } from './memory.ts'
import { createPolicy } from './policies.ts'
import type { Budget, BudgetPolicy, CostModel, CostSample, RoundContext } from './types.ts'

const empty = new Float32Array(0)
const noProbs = () => empty

function prices(ms: (rows: number) => number): CostSample[] {
  return [1, 2, 3, 4, 6, 8, 12, 16, 24, 32].map((rows) => ({ rows, context: 0, ms: ms(rows) }))
}
const flat = () => createCostModel(prices((rows) => 10 + 0.1 * rows))
const proportional = () => createCostModel(prices((rows) => 10 * rows))
const stairs = () => createCostModel(prices((rows) => 10 + 5 * Math.floor((rows - 1) / 4)))

function contextOf(cost: CostModel, more: Partial<RoundContext> = {}): RoundContext {
  return { round: 0, room: 100, context: 0, batch: 1, cost, ...more }
}

/** A chain of `depth` nodes with tokens 1, 2, 3, ... that the drafter is `prob` sure of. */
function chain(depth: number, prob: number): TokenTree {
  const tree = createTree(0)
  for (let token = 1; token <= depth; token++) tree.add(token - 1, token, Math.log(prob))
  return tree
}

interface Play {
  readonly cost?: CostModel
  /** What the drafter claims of each node, and how many nodes of its chain of 31 come true. */
  readonly prob?: number
  readonly right: number
  readonly draftMs?: number
  readonly context?: Partial<RoundContext>
}

/** Plays rounds in which the drafter offers a chain all at once; returns the numbers of nodes that were verified, -1 for rounds without a draft. */
function play(policy: BudgetPolicy, rounds: number, play: Play): number[] {
  const { cost = flat(), prob = 0.8, right, draftMs = 0.01 } = play
  return Array.from({ length: rounds }, () => {
    const budget = policy.plan(contextOf(cost, play.context))
    let tree = createTree(0)
    let nodes = -1
    if (budget.nodes > 0) {
      const whole = chain(Math.min(budget.depth, budget.nodes), prob)
      nodes = policy.revise({ tree: whole, depth: whole.size - 1, frontier: [], topProbs: noProbs }, budget).nodes
      tree = pruneTree(whole, nodes).tree
    }
    const accepted = Array.from({ length: Math.min(right, tree.size - 1) }, (_, i) => i + 1)
    const next = accepted.length < right ? accepted.length + 1 : 1000
    const verifyMs = cost.targetMs(tree.size, 0)
    policy.observe({ tree, accepted, next, context: 0, draftMs: budget.nodes > 0 ? draftMs : 0, verifyMs })
    return nodes
  })
}

const goodput = (more: object = {}) => createPolicy({ policy: 'goodput', depth: 31, ...more })

describe('goodput', () => {
  it('decodes plainly after a few rounds when drafts are never right', () => {
    expect(play(goodput(), 80, { right: 0 }).slice(60)).toEqual(Array<number>(20).fill(0))
    expect(play(goodput(), 20, { right: 0, cost: proportional() }).slice(3)).toEqual(Array<number>(17).fill(0))
  })

  it('verifies all that it may when drafts are always right and rows are cheap', () => {
    expect(play(goodput(), 60, { right: 31 }).slice(30)).toEqual(Array<number>(30).fill(31))
    expect(play(goodput({ maxNodes: 10 }), 60, { right: 31 }).slice(30)).toEqual(Array<number>(30).fill(10))
  })

  it('drafts nothing that costs as much as it can bring', () => {
    expect(new Set(play(goodput(), 30, { right: 31, cost: proportional() }))).toEqual(new Set([0]))
  })

  it('wants more nodes of better drafts', () => {
    const cost = () => createCostModel(prices((rows) => 8 + 2 * rows))
    const last = [0.2, 0.6, 0.8, 0.95].map((prob) => play(goodput(), 1, { prob, right: 0, cost: cost() })[0]!)
    expect(last).toEqual([...last].sort((a, b) => a - b))
    expect(new Set(last).size).toBeGreaterThan(2)
  })

  it('takes the cheap widths of a staircase, or the whole tree', () => {
    const cheap = stairs().cheapRows.map((rows) => rows - 1)
    const taken = [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99].map(
      (prob) => play(goodput(), 1, { prob, right: 0, cost: stairs() })[0]!,
    )
    for (const nodes of taken) expect(cheap).toContain(nodes)
    expect(new Set(taken).size).toBeGreaterThan(2)
  })

  it('asks drafters for as many nodes as it could use lately', () => {
    const asked = (policy: BudgetPolicy): number => policy.plan(contextOf(flat())).nodes
    const [good, bad] = [goodput(), goodput({ explore: 1 })]
    expect(asked(good)).toBeLessThan(31)
    play(good, 30, { right: 31 })
    expect(asked(good)).toBe(31)
    play(bad, 30, { right: 1, prob: 0.3 })
    expect(asked(bad)).toBeLessThan(asked(goodput()))
    expect(asked(bad)).toBeGreaterThan(0)
  })

  it('speculates less when many sequences share a pass', () => {
    const cost = () => createCostModel(prices((rows) => 20 + rows))
    const [alone, few, many] = [1, 4, 32].map(
      (batch) => play(goodput(), 1, { right: 0, cost: cost(), context: { batch } })[0]!,
    )
    expect(alone!).toBeGreaterThan(few!)
    expect(few!).toBeGreaterThan(many!)
    expect(many).toBe(0)
  })

  it('comes back by itself when drafts become right, for what was not verified is judged too', () => {
    const policy = goodput()
    expect(play(policy, 100, { right: 0 }).at(-1)).toBe(0)
    expect(Math.max(...play(policy, 60, { right: 31 }))).toBeGreaterThan(10)
  })

  it('buys no level of a merged tree where copies leave nothing over, and grows one where they are unsure', () => {
    const buys = (chance: number): boolean => {
      const memory = { ...createPolicyMemory(), levelMs: 0.5, draftMs: 2 }
      const policy = createPolicy({ policy: 'goodput' }, memory)
      const budget = policy.plan(contextOf(flat()))
      const tree = chain(4, chance)
      return policy.revise({ tree, depth: 0, frontier: [0], topProbs: noProbs }, budget).depth > 0
    }
    expect(buys(0.97)).toBe(false)
    expect(buys(0.5)).toBe(true)
  })

  it('judges deeper drafts of trees that it never verified, as the text reaches them in later rounds', () => {
    const memory = createPolicyMemory()
    const policy = createPolicy({ policy: 'goodput' }, memory)
    const cost = proportional()
    for (const next of [1, 2, 3]) {
      const budget = policy.plan(contextOf(cost))
      const tree = next === 1 ? chain(3, 0.5) : createTree(0)
      expect(policy.revise({ tree, depth: 3, frontier: [], topProbs: noProbs }, budget).nodes).toBe(0)
      policy.observe({ tree: createTree(0), accepted: [], next, context: 0, draftMs: 0, verifyMs: 10 })
    }
    const { first, deeper } = memory.acceptance[0]!
    const sum = (counts: number[]) => counts.reduce((a, b) => a + b, 0)
    expect([sum(first.accepted), sum(deeper.accepted)].map(Math.round)).toEqual([1, 2])
  })

  it('stops a drafter that costs more than it brings, tries it at growing intervals, and takes it back', () => {
    const policy = goodput()
    const cost = createCostModel(prices((rows) => 10 * rows ** 0.9))
    const bad = play(policy, 400, { right: 0, draftMs: 5, cost })
    const drafted = bad.flatMap((nodes, round) => (nodes >= 0 ? [round] : []))
    const intervals = drafted.slice(1).map((round, i) => round - drafted[i]!)
    expect(intervals.slice(-4)).toEqual([...intervals.slice(-4)].sort((a, b) => a - b))
    expect(intervals.at(-1)).toBeGreaterThanOrEqual(32)
    expect(drafted.length).toBeLessThan(20)
    const good = play(policy, 200, { right: 31, draftMs: 5, cost: flat() })
    expect(good.slice(-20).filter((nodes) => nodes > 0).length).toBeGreaterThan(15)
  })

  it('times a plain pass now and then, the seldomer the more its rounds bring', () => {
    const plainRounds = (right: number) => play(goodput(), 400, { right }).filter((nodes) => nodes === -1).length
    const [few, many] = [plainRounds(31), plainRounds(3)]
    expect(many).toBeGreaterThan(few)
    expect(many).toBeGreaterThan(1)
    expect(many).toBeLessThan(400 / 32)
  })

  it('never plans or verifies beyond the room that is left', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 31 }), (room, right) => {
        const policy = goodput()
        const budget = policy.plan(contextOf(flat(), { room }))
        expect(budget.depth).toBeLessThanOrEqual(room)
        for (const nodes of play(policy, 10, { right: Math.min(right, room), context: { room } }))
          expect(nodes).toBeLessThanOrEqual(room)
      }),
      { numRuns: 50 },
    )
  })

  it('starts a session with what another one has learned', () => {
    const memory = createPolicyMemory()
    play(createPolicy({ policy: 'goodput' }, memory), 100, { right: 0 })
    expect(play(createPolicy({ policy: 'goodput' }, memory), 1, { right: 0 })).toEqual([0])
    const stored = JSON.parse(JSON.stringify(memory)) as typeof memory
    expect(play(createPolicy({ policy: 'goodput' }, stored), 1, { right: 0 })).toEqual([0])
    expect(play(createPolicy({ policy: 'goodput' }), 1, { right: 0 })[0]).toBeGreaterThan(0)
  })
})

describe('goodput with a drafter that grows by levels', () => {
  /** Grows a chain level by level until the policy stops it; returns the depth reached and the nodes kept. */
  function grow(
    policy: BudgetPolicy,
    prob: number,
    topProbs: () => Float32Array = noProbs,
  ): { depth: number; nodes: number } {
    const budget = policy.plan(contextOf(flat()))
    const tree = createTree(0)
    let now: Budget = budget
    let depth = 0
    while (depth < now.depth) {
      tree.add(depth, depth + 1, Math.log(prob))
      depth++
      now = policy.revise({ tree, depth, frontier: [depth], topProbs }, now)
    }
    const { nodes } = policy.revise({ tree, depth, frontier: [], topProbs }, now)
    return { depth, nodes }
  }

  /** Tells the policy that a level costs `levelMs`. */
  const priced = (levelMs: number) => createPolicy({ policy: 'goodput' }, { ...createPolicyMemory(), levelMs })

  it('stops when the next level is worth less than its price', () => {
    expect(grow(priced(0), 0.9).depth).toBe(16)
    const [cheap, fair, dear] = [1, 3, 12].map((levelMs) => grow(priced(levelMs), 0.9).depth)
    expect(cheap!).toBeGreaterThan(fair!)
    expect(fair!).toBeGreaterThan(dear!)
    expect(dear).toBe(1)
  })

  it('uses what the drafter already knows of the next level', () => {
    expect(grow(priced(2), 0.9, () => Float32Array.of(0.01)).depth).toBe(1)
    expect(grow(priced(2), 0.3, () => Float32Array.of(1)).depth).toBeGreaterThan(1)
  })

  it('says the same again about a finished tree', () => {
    const policy = priced(1)
    const budget = policy.plan(contextOf(stairs()))
    const level = { tree: chain(16, 0.8), depth: 16, frontier: [], topProbs: noProbs }
    const once = policy.revise(level, budget)
    expect(policy.revise(level, once)).toEqual(once)
  })

  it('learns the price of a level from the rounds after the first', () => {
    const memory = createPolicyMemory()
    const policy = createPolicy({ policy: 'goodput' }, memory)
    for (const draftMs of [5000, 40, 40]) {
      const { depth } = grow(policy, 0.9)
      policy.observe({
        tree: createTree(0),
        accepted: [],
        next: 1,
        context: 0,
        draftMs: depth * (draftMs / 10),
        verifyMs: 10,
      })
    }
    expect(memory.levelMs).toBeCloseTo(4)
  })
})
