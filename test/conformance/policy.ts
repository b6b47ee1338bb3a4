/**
 * What every budget policy must hold, as one function: give it a name and a constructor, it declares the tests.
 * The world is random on purpose: trees, texts and prices make no sense, and the promises hold all the same.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCostModel, createPolicyMemory } from '../../src/policy/index.ts'
import type {
  Budget,
  BudgetPolicy,
  CostSample,
  Explanation,
  LevelReport,
  PolicyMemory,
} from '../../src/policy/index.ts'
import { createTree, pruneTree, type NodeId, type RoundOutcome, type TokenTree } from '../../src/tree/index.ts'

/** One random round. Numbers in [0, 1) choose what is left open. */
interface Script {
  readonly room: number
  readonly context: number
  readonly batch: number
  /** Rows are divided among sequences; this one gets the share `got` of what it let through. */
  readonly divided: boolean
  readonly got: number
  /** Parent, token and probability of each candidate node. */
  readonly nodes: readonly (readonly [number, number, number])[]
  readonly byLevel: boolean
  readonly accept: number
  readonly draftMs: number
  readonly verifyMs: number
}

const fraction = fc.double({ min: 0, max: 0.999, noNaN: true })

const script: fc.Arbitrary<Script> = fc.record({
  room: fc.integer({ min: 0, max: 40 }),
  context: fc.integer({ min: 0, max: 4096 }),
  batch: fc.integer({ min: 1, max: 8 }),
  divided: fc.boolean(),
  got: fraction,
  nodes: fc.array(fc.tuple(fraction, fc.integer({ min: 0, max: 5 }), fraction), { maxLength: 40 }),
  byLevel: fc.boolean(),
  accept: fraction,
  draftMs: fc.double({ min: 0, max: 50, noNaN: true }),
  verifyMs: fc.double({ min: 0, max: 500, noNaN: true }),
})

const samples: fc.Arbitrary<CostSample[]> = fc.array(
  fc.record({
    rows: fc.integer({ min: 1, max: 32 }),
    context: fc.integer({ min: 0, max: 2048 }),
    ms: fc.double({ min: 0.1, max: 200, noNaN: true }),
  }),
  { maxLength: 12 },
)

const world = fc.tuple(samples, fc.array(script, { maxLength: 25 }))

/** Declares the promises of `create`'s policies. */
export function testPolicy(name: string, create: (memory: PolicyMemory) => BudgetPolicy): void {
  describe(`policy ${name}`, () => {
    it('plans whole numbers within the room, all or nothing', () => {
      checkRounds(create, ({ plan, room }) => {
        for (const value of [plan.depth, plan.width, plan.nodes])
          expect(Number.isInteger(value) && value >= 0).toBe(true)
        expect(plan.depth).toBeLessThanOrEqual(room)
        expect(plan.nodes).toBeLessThanOrEqual(room)
        if (plan.nodes > 0) expect(Math.min(plan.depth, plan.width)).toBeGreaterThan(0)
      })
    })

    it('revises to whole numbers, never beyond the room and never to more than was planned', () => {
      checkRounds(create, ({ plan, room, revisions }) => {
        for (const { budget } of revisions) {
          for (const value of [budget.depth, budget.width, budget.nodes]) expect(Number.isInteger(value)).toBe(true)
          expect(budget.nodes).toBeGreaterThanOrEqual(0)
          expect(budget.nodes).toBeLessThanOrEqual(plan.nodes)
          expect(budget.depth).toBeLessThanOrEqual(Math.min(room, plan.depth))
          expect(budget.width).toBeLessThanOrEqual(plan.width)
        }
      })
    })

    it('leaves the tree alone', () => {
      checkRounds(create, ({ revisions }) => {
        for (const { before, level } of revisions) expect([...level.tree.tokens]).toEqual(before)
      })
    })

    it('decides the same in the same world', () => {
      fc.assert(
        fc.property(world, (drawn) => {
          const decisions = () =>
            playWorld(create(createPolicyMemory()), drawn).map(({ plan, revisions }) => [
              plan,
              revisions.map((r) => r.budget),
            ])
          expect(decisions()).toEqual(decisions())
        }),
        { numRuns: 20 },
      )
    })

    it('decides a round, and tells why, before the target has said anything about it', () => {
      fc.assert(
        fc.property(world, fc.nat(24), fraction, ([prices, scripts], at, accept) => {
          // The same rounds, except that the target says something else from one of them on.
          const poisoned = scripts.map((drawn, round) => (round < at ? drawn : { ...drawn, accept }))
          const decisions = (rounds: Script[]) =>
            playWorld(create(createPolicyMemory()), [prices, rounds])
              .slice(0, at + 1)
              .map(({ plan, revisions, why }) => [plan, revisions.map((r) => r.budget), why])
          expect(decisions(poisoned)).toEqual(decisions(scripts))
        }),
        { numRuns: 40 },
      )
    })

    it('explains itself in plain JSON, if at all', () => {
      checkRounds(create, ({ why }) => {
        if (why !== undefined) expect(JSON.parse(JSON.stringify(why))).toEqual(why)
      })
    })

    it('has chances of what it lets through where rows are divided, if it has a batch form, and no others', () => {
      checkRounds(create, ({ divided, offered, chances }) => {
        if (!divided) expect(chances).toBeUndefined()
        if (chances === undefined) return
        expect(chances).toHaveLength(offered.size)
        expect(chances[0]).toBe(1)
        for (let node = 1; node < offered.size; node++) {
          expect(chances[node]).toBeGreaterThanOrEqual(0)
          expect(chances[node]).toBeLessThanOrEqual(chances[offered.parents[node]!]!)
        }
      })
    })

    it('does not draft while drafts do not pay those who share the pass, if it has a batch form', () => {
      const policy = create(createPolicyMemory())
      const cost = createCostModel()
      const shared = { room: 9, context: 3, batch: 8, divided: true, cost } as const
      for (let round = 0; round < 6; round++) {
        const resting = round % 2 === 1
        const plan = policy.plan({ round, ...shared, resting })
        if (resting && policy.chances) expect(plan.nodes).toBe(0)
        policy.observe({ tree: createTree(3), accepted: [], next: 4, context: 3, draftMs: 1, verifyMs: 9, resting })
      }
    })

    it('bears rounds without a draft, without a revision and without room', () => {
      const policy = create(createPolicyMemory())
      const cost = createCostModel()
      for (const room of [5, 0, 1]) {
        policy.plan({ round: 0, room, context: 0, batch: 1, cost })
        policy.observe({ tree: createTree(3), accepted: [], next: 4, context: 0, draftMs: 0, verifyMs: 0 })
      }
      const budget = policy.plan({ round: 3, room: 9, context: 3, batch: 1, cost })
      const bare = { tree: createTree(4), depth: 0, frontier: [], topProbs: noProbs }
      expect(policy.revise(bare, budget).nodes).toBeLessThanOrEqual(budget.nodes)
    })

    it('keeps what it has learned in a form that can be stored', () => {
      fc.assert(
        fc.property(world, (drawn) => {
          const memory = createPolicyMemory()
          playWorld(create(memory), drawn)
          const stored = JSON.parse(JSON.stringify(memory)) as PolicyMemory
          expect(stored).toEqual(memory)
          playWorld(create(stored), drawn)
        }),
        { numRuns: 20 },
      )
    })
  })
}

// ---------------------------------------------------------------------------------------------------------------

interface Played {
  readonly room: number
  readonly divided: boolean
  readonly plan: Budget
  /** What the policy lets through, and what it says of it. */
  readonly offered: TokenTree
  readonly chances: Float64Array | undefined
  readonly why: Explanation | undefined
  readonly revisions: readonly { readonly level: LevelReport; readonly before: number[]; readonly budget: Budget }[]
}

const none = new Float32Array(0)
const noProbs = (): Float32Array => none

function checkRounds(create: (memory: PolicyMemory) => BudgetPolicy, check: (round: Played) => void): void {
  fc.assert(
    fc.property(world, (drawn) => playWorld(create(createPolicyMemory()), drawn).forEach(check)),
    { numRuns: 60 },
  )
}

function playWorld(policy: BudgetPolicy, [prices, scripts]: [CostSample[], Script[]]): Played[] {
  const cost = createCostModel(prices)
  return scripts.map((drawn, round) => {
    const { room, context, batch, divided } = drawn
    const plan = policy.plan({ round, room, context, batch, divided, cost })
    const { tree, revisions } = plan.nodes > 0 ? draft(policy, plan, drawn) : { tree: createTree(0), revisions: [] }
    const why = policy.explain?.()
    const { nodes, keep } = revisions.at(-1)?.budget ?? plan
    const offered = keep ? tree.keep(keep) : pruneTree(tree, nodes).tree
    const chances = policy.chances?.(offered)
    const scored = chances ? likeliest(offered, chances, drawn.got) : offered
    const outcome = {
      tree: scored,
      ...walkRandomly(scored, drawn.accept),
      context,
      draftMs: drawn.draftMs,
      verifyMs: drawn.verifyMs,
    }
    cost.observe(scored.size, context, drawn.verifyMs)
    policy.observe(outcome)
    return { room, divided, plan, offered, chances, why, revisions }
  })
}

/** The share `got` of the nodes, as a pass with other sequences would leave them. */
function likeliest(tree: TokenTree, chances: Float64Array, got: number): TokenTree {
  const order = nodesWhere(tree, (node) => node > 0).sort((a, b) => chances[b]! - chances[a]! || a - b)
  return tree.keep(order.slice(0, Math.round(got * order.length)))
}

/** A random tree within the plan, reported level by level or once. */
function draft(
  policy: BudgetPolicy,
  plan: Budget,
  { nodes, byLevel }: Script,
): { tree: TokenTree; revisions: Played['revisions'] } {
  const revisions: Played['revisions'][number][] = []
  let tree = createTree(0)
  let budget = plan
  const report = (level: LevelReport): void => {
    const before = [...level.tree.tokens]
    budget = policy.revise(level, budget)
    revisions.push({ level, before, budget })
  }
  const whole = randomTree(plan, nodes)
  const deepest = Math.max(...whole.depths)
  for (let depth = 1; byLevel && depth < Math.min(deepest, budget.depth); depth++) {
    tree = whole.keep(nodesWhere(whole, (node) => whole.depths[node]! <= depth))
    const frontier = nodesWhere(tree, (node) => tree.depths[node] === depth)
    report({ tree, depth, frontier, topProbs: (node) => (tree.depths[node]! < depth ? probsBelow(whole, node) : none) })
  }
  tree = whole.keep(nodesWhere(whole, (node) => whole.depths[node]! <= budget.depth))
  report({ tree, depth: Math.max(...tree.depths), frontier: [], topProbs: noProbs })
  return { tree, revisions }
}

function randomTree(plan: Budget, nodes: Script['nodes']): TokenTree {
  const tree = createTree(0)
  for (const [where, token, prob] of nodes) {
    const parent = Math.floor(where * tree.size)
    if (tree.depths[parent]! < plan.depth && tree.child(parent, token) < 0)
      tree.add(parent, token, Math.log(prob + 0.001))
  }
  return tree
}

/** What the drafter of a random tree believes to come after a node, best first. */
function probsBelow(tree: TokenTree, node: NodeId): Float32Array {
  return Float32Array.from(tree.children(node), (child) => Math.exp(tree.logProbs[child]!))
    .sort()
    .reverse()
}

function nodesWhere(tree: TokenTree, wanted: (node: NodeId) => boolean): NodeId[] {
  return Array.from({ length: tree.size }, (_, node) => node).filter(wanted)
}

/** Some path of the tree is accepted, then comes a token that may or may not be in the tree. */
function walkRandomly(tree: TokenTree, accept: number): Pick<RoundOutcome, 'accepted' | 'next'> {
  const accepted = tree.path(Math.floor(accept * tree.size))
  const taken = new Set(tree.children(accepted.at(-1) ?? 0).map((child) => tree.tokens[child]))
  return { accepted, next: [0, 1, 2, 3, 4, 5, 6].find((token) => !taken.has(token)) ?? 7 }
}
