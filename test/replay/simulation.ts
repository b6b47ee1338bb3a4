/**
 * A world without models for budget policies: a text, a drafter that foresees it more or less, a machine with prices.
 * Everything is a function of the seed, and time is simulated, so that goodput can be compared to a fraction of a percent.
 *
 * At each position of the text the drafter knows a few candidates, ranked. A regime says how often the text takes which
 * rank, and what the drafter believes, which need not be the same. Positions are hard or easy for all trees alike.
 */
import { createTree, pruneTree, type NodeId, type TokenId, type TokenTree } from '../../src/tree/index.ts'
import type { Budget, BudgetPolicy, CostModel, LevelReport } from '../../src/policy/index.ts'
import { uniformAt } from '../../src/util/rng.ts'

/** One kind of position: how common it is, the chance of each rank, and the chance that the drafter claims. */
export interface Situation {
  readonly share: number
  readonly chances: readonly number[]
  readonly beliefs: readonly number[]
}

export type Regime = readonly Situation[]

export interface World {
  readonly seed: number
  /** Tokens to emit. */
  readonly tokens: number
  readonly regime: (position: number) => Regime
  /** What a target pass really takes. */
  readonly targetMs: (rows: number, context: number) => number
  /** What the policy is told. */
  readonly cost: CostModel
  /** Milliseconds of a draft in one go, or of each level of a draft by levels. */
  readonly draft: { readonly by: 'tree' | 'level'; readonly ms: number }
  /** Spread of the logarithm of times; 0 for exact ones. */
  readonly noise?: number
  /** Tokens in the cache at the start. */
  readonly context?: number
}

/** One round as it happened. */
export interface SimulatedRound {
  readonly plan: Budget
  /** Revisions in order, each with the tree that the policy saw. */
  readonly revisions: readonly { readonly level: LevelReport; readonly budget: Budget }[]
  readonly scored: TokenTree
  readonly accepted: readonly NodeId[]
  readonly next: TokenId
  readonly room: number
  readonly context: number
  readonly draftMs: number
  readonly verifyMs: number
}

export interface Simulation {
  readonly rounds: readonly SimulatedRound[]
  readonly tokens: number
  readonly ms: number
  /** Tokens per second. */
  readonly rate: number
}

/** Decodes the world's text under `policy`. */
export function simulate(world: World, policy: BudgetPolicy): Simulation {
  const rounds: SimulatedRound[] = []
  let position = 0
  let ms = 0
  while (position < world.tokens) {
    const round = simulateRound(world, policy, position, rounds.length)
    rounds.push(round)
    position += round.accepted.length + 1
    ms += round.draftMs + round.verifyMs
  }
  return { rounds, tokens: position, ms, rate: (1000 * position) / ms }
}

// ---------------------------------------------------------------------------------------------------------------

/** Token ids tell position and rank; the last rank stands for all tokens that the drafter does not know. */
const RANKS = 8

function simulateRound(world: World, policy: BudgetPolicy, position: number, round: number): SimulatedRound {
  const context = (world.context ?? 0) + position
  const room = world.tokens - position - 1
  const plan = policy.plan({ round, room, context, batch: 1, cost: world.cost })
  const { tree, revisions } = draft(world, policy, position, plan)
  const budget = revisions.at(-1)?.budget ?? plan
  const scored = pruneTree(tree, budget.nodes).tree
  const accepted = walk(world, scored, position)
  const next = textAt(world, position + accepted.length)
  const steps = world.draft.by === 'level' ? tree.depths.reduce((deepest, depth) => Math.max(deepest, depth), 0) : 1
  const draftMs = plan.nodes > 0 ? steps * world.draft.ms : 0
  const verifyMs = world.targetMs(scored.size, context) * noiseAt(world, round)
  world.cost.observe(scored.size, context, verifyMs)
  policy.observe({ tree: scored, accepted, next, context, draftMs, verifyMs })
  return { plan, revisions, scored, accepted, next, room, context, draftMs, verifyMs }
}

interface Drafted {
  readonly tree: TokenTree
  readonly revisions: SimulatedRound['revisions']
}

function draft(world: World, policy: BudgetPolicy, position: number, plan: Budget): Drafted {
  if (plan.nodes === 0) return { tree: createTree(0), revisions: [] }
  return world.draft.by === 'tree'
    ? draftTree(world, policy, position, plan)
    : draftLevels(world, policy, position, plan)
}

/** Best first, all at once, as drafters without a model do. */
function draftTree(world: World, policy: BudgetPolicy, position: number, plan: Budget): Drafted {
  const tree = createTree(0)
  const queue = candidatesBelow(world, tree, 0, position, plan)
  while (tree.size <= plan.nodes && queue.length > 0) {
    const best = queue.reduce((a, b) => (b.pathLogProb > a.pathLogProb ? b : a))
    queue.splice(queue.indexOf(best), 1)
    const node = tree.add(best.parent, best.token, best.logProb)
    queue.push(...candidatesBelow(world, tree, node, position, plan))
  }
  const level = { tree, depth: Math.max(...tree.depths), frontier: [], topProbs: noProbs }
  return { tree, revisions: [{ level, budget: policy.revise(level, plan) }] }
}

/** Level by level, as draft models do. */
function draftLevels(world: World, policy: BudgetPolicy, position: number, plan: Budget): Drafted {
  const tree = createTree(0)
  const revisions: { level: LevelReport; budget: Budget }[] = []
  let budget = plan
  let frontier: readonly NodeId[] = [0]
  for (let depth = 1; depth <= budget.depth && budget.nodes > 0; depth++) {
    const first = tree.size
    for (const parent of frontier) {
      for (const { token, logProb } of candidatesBelow(world, tree, parent, position, budget))
        tree.add(parent, token, logProb)
    }
    const fresh = Array.from({ length: tree.size - first }, (_, i) => first + i)
    frontier = fresh.sort((a, b) => tree.pathLogProb(b) - tree.pathLogProb(a)).slice(0, budget.width)
    const level = { tree, depth, frontier, topProbs: noProbs }
    budget = policy.revise(level, budget)
    revisions.push({ level, budget })
  }
  const level = { tree, depth: Math.max(...tree.depths), frontier: [], topProbs: noProbs }
  revisions.push({ level, budget: policy.revise(level, budget) })
  return { tree, revisions }
}

const noProbs = (): Float32Array => new Float32Array(0)

interface Candidate {
  readonly parent: NodeId
  readonly token: TokenId
  readonly logProb: number
  readonly pathLogProb: number
}

function candidatesBelow(world: World, tree: TokenTree, parent: NodeId, root: number, budget: Budget): Candidate[] {
  const depth = tree.depths[parent] as number
  if (depth >= budget.depth) return []
  const path = tree.pathLogProb(parent)
  return situationAt(world, root + depth)
    .beliefs.slice(0, budget.width)
    .map((belief, rank) => {
      const logProb = Math.log(belief)
      return { parent, token: (root + depth) * RANKS + rank, logProb, pathLogProb: path + logProb }
    })
}

function walk(world: World, tree: TokenTree, position: number): NodeId[] {
  const accepted: NodeId[] = []
  for (let node = tree.child(0, textAt(world, position)); node >= 0;) {
    accepted.push(node)
    node = tree.child(node, textAt(world, position + accepted.length))
  }
  return accepted
}

function textAt(world: World, position: number): TokenId {
  let left = uniformAt(world.seed, 3 * position)
  const rank = situationAt(world, position).chances.findIndex((chance) => (left -= chance) < 0)
  return position * RANKS + (rank >= 0 ? rank : RANKS - 1)
}

function situationAt(world: World, position: number): Situation {
  const regime = world.regime(position)
  let left = uniformAt(world.seed, 3 * position + 1)
  return regime.find((situation) => (left -= situation.share) < 0) ?? (regime.at(-1) as Situation)
}

/** Log-normal with median 1, from twelve uniform numbers. */
function noiseAt({ seed, noise = 0 }: World, round: number): number {
  if (noise === 0) return 1
  let sum = -6
  for (let i = 0; i < 12; i++) sum += uniformAt(seed + 1, 12 * round + i)
  return Math.exp(noise * sum)
}
