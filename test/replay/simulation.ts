/**
 * A world without models for budget policies: a text, a drafter that foresees it more or less, a machine with prices.
 * Everything is a function of the seed, and time is simulated, so that goodput can be compared to a fraction of a percent.
 *
 * At each position of the text the drafter knows a few candidates, ranked. A regime says how often the text takes which
 * rank, and what the drafter believes, which need not be the same. Positions are hard or easy for all trees alike.
 */
import {
  virtualRounds,
  type Draft,
  type Revise,
  type VirtualRound,
  type VirtualWorld,
} from '../../src/bench/simulate/rounds.ts'
import { createTree, type NodeId, type TokenId, type TokenTree } from '../../src/tree/index.ts'
import type { Budget, BudgetPolicy, CostModel } from '../../src/policy/index.ts'
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
  readonly draft: {
    readonly by: 'tree' | 'level'
    readonly ms: number
    /** Of each node that a level expands, besides. */
    readonly nodeMs?: number
    /** What the drafter must read before its first draft. */
    readonly startMs?: number
  }
  /** Spread of the logarithm of times; 0 for exact ones. */
  readonly noise?: number
  /** Tokens in the cache at the start. */
  readonly context?: number
}

/** One round as it happened. */
export type SimulatedRound = VirtualRound

export interface Simulation {
  readonly rounds: readonly SimulatedRound[]
  readonly tokens: number
  readonly ms: number
  /** Tokens per second. */
  readonly rate: number
}

/** Decodes the world's text under `policy`. */
export function simulate(world: World, policy: BudgetPolicy): Simulation {
  const rounds = [...virtualRounds(virtual(world), policy)]
  const tokens = rounds.reduce((sum, { accepted }) => sum + accepted.length + 1, 0)
  const ms = rounds.reduce((sum, { draftMs, verifyMs }) => sum + draftMs + verifyMs, 0)
  return { rounds, tokens, ms, rate: (1000 * tokens) / ms }
}

// ---------------------------------------------------------------------------------------------------------------

/** Token ids tell position and rank; the last rank stands for all tokens that the drafter does not know. */
const RANKS = 8

function virtual(world: World): VirtualWorld {
  let unread = world.draft.startMs ?? 0
  return {
    tokens: world.tokens,
    cost: world.cost,
    tokenAt: (position) => textAt(world, position),
    contextAt: (position) => (world.context ?? 0) + position,
    roomAt: (position) => world.tokens - position - 1,
    draft(position, plan, revise) {
      const grow = world.draft.by === 'tree' ? draftTree : draftLevels
      const { tree, draftMs } = grow(world, revise, position, plan)
      const startMs = unread
      unread = 0
      return { tree, draftMs: draftMs + startMs }
    },
    verifyMs: (rows, context, round) => world.targetMs(rows, context) * noiseAt(world, round),
  }
}

/** Best first, all at once, as drafters without a model do. */
function draftTree(world: World, revise: Revise, position: number, plan: Budget): Draft {
  const tree = createTree(0)
  const queue = candidatesBelow(world, tree, 0, position, plan)
  while (tree.size <= plan.nodes && queue.length > 0) {
    const best = queue.reduce((a, b) => (b.pathLogProb > a.pathLogProb ? b : a))
    queue.splice(queue.indexOf(best), 1)
    const node = tree.add(best.parent, best.token, best.logProb)
    queue.push(...candidatesBelow(world, tree, node, position, plan))
  }
  revise({ tree, depth: Math.max(...tree.depths), frontier: [], topProbs: noProbs }, plan)
  return { tree, draftMs: world.draft.ms }
}

/** Level by level, as draft models do. */
function draftLevels(world: World, revise: Revise, position: number, plan: Budget): Draft {
  const tree = createTree(0)
  let budget = plan
  let frontier: readonly NodeId[] = [0]
  const told = new Map<NodeId, Float32Array>()
  const topProbs = (node: NodeId): Float32Array => told.get(node) ?? noProbs()
  let expanded = 0
  for (let depth = 1; depth <= budget.depth && budget.nodes > 0; depth++) {
    frontier = budget.expand ?? frontier
    expanded += frontier.length
    const first = tree.size
    for (const parent of frontier) {
      told.set(parent, Float32Array.from(situationAt(world, position + depth - 1).beliefs))
      for (const { token, logProb } of candidatesBelow(world, tree, parent, position, budget))
        tree.add(parent, token, logProb)
    }
    const fresh = Array.from({ length: tree.size - first }, (_, i) => first + i)
    frontier = fresh.sort((a, b) => tree.pathLogProb(b) - tree.pathLogProb(a)).slice(0, budget.width)
    budget = revise({ tree, depth, frontier, topProbs }, budget)
  }
  const depth = Math.max(...tree.depths)
  revise({ tree, depth, frontier: [], topProbs: noProbs }, budget)
  return { tree, draftMs: depth * world.draft.ms + expanded * (world.draft.nodeMs ?? 0) }
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
