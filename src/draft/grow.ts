/**
 * Where drafters meet the budget policy: the level loop of drafters that grow by levels, and the last word of the policy
 * on trees that were drafted in one go. Nothing here knows where tokens come from.
 */
import { createTree, pruneTree, type NodeId, type Ranked, type TokenId, type TokenTree } from '../tree/index.ts'
import type { Budget, BudgetPolicy, LevelReport } from '../policy/index.ts'
import { throwIfAborted } from '../util/errors.ts'

/** Adds one level to a tree. */
export interface LevelStepper {
  /**
   * Adds children below the `frontier` nodes, at most `width` each; the report's frontier holds the at most `width` nodes
   * to expand next, none when the drafter cannot go on.
   */
  expand(tree: TokenTree, frontier: readonly NodeId[], width: number): Promise<LevelReport>
}

/**
 * Grows a tree level by level under a policy: after each level the policy may deepen, narrow or stop; in the end the best
 * `nodes` of all are kept (EAGLE-2's re-ranking). Throws `aborted` between levels.
 */
export async function growTree(
  root: TokenId,
  stepper: LevelStepper,
  policy: BudgetPolicy,
  first: Budget,
  signal?: AbortSignal,
): Promise<Ranked> {
  return growFurther(createTree(root), stepper, policy, first, { signal })
}

/** What sets a tree apart that was begun by others. */
export interface GrowthLimits {
  readonly signal?: AbortSignal | undefined
  /** Levels that the stepper can grow; the budget's depth where it is left out, or smaller. */
  readonly levels?: number
  /** Nodes that shall not be chosen in the end; all may be if left out. */
  readonly keeps?: (tree: TokenTree, node: NodeId) => boolean
}

/**
 * The same, from a tree in which other sources have put nodes already. Where there are some, the policy is asked before the
 * first level too: perhaps none is worth its price. Stopping leaves nodes in that lie deeper than the growth has come.
 */
export async function growFurther(
  tree: TokenTree,
  stepper: LevelStepper,
  policy: BudgetPolicy,
  first: Budget,
  { signal, levels = first.depth, keeps }: GrowthLimits = {},
): Promise<Ranked> {
  let budget = { ...first, depth: Math.min(first.depth, levels) }
  let level: LevelReport = { tree, depth: 0, frontier: [0], topProbs: noProbs }
  if (tree.size > 1) budget = policy.revise(level, budget)
  while (level.depth < budget.depth && budget.nodes > 0 && level.frontier.length > 0) {
    throwIfAborted(signal)
    level = await stepper.expand(tree, budget.expand ?? level.frontier, budget.width)
    budget = policy.revise(level, budget)
  }
  // Stopped early: the policy has not yet seen the tree as a finished one.
  if (tree.size > 1 && level.frontier.length > 0) budget = policy.revise({ ...level, frontier: [] }, budget)
  return pruneToBudget(tree, lastWord(first, level, budget), keeps)
}

/** The policy's word on a tree that was drafted in one go: one revision, then the best `nodes` within `depth` levels. */
export function finishTree(tree: TokenTree, policy: BudgetPolicy, budget: Budget): Ranked {
  if (tree.size === 1) return { kind: 'ranked', tree }
  const depth = tree.depths.reduce((deepest, level) => Math.max(deepest, level), 0)
  return pruneToBudget(tree, policy.revise({ tree, depth, frontier: [], topProbs: noProbs }, budget))
}

/** What a policy's answer to the last level means for the tree: stopping leaves nodes in that lie deeper than the growth has come. */
export function lastWord(first: Budget, { depth }: LevelReport, budget: Budget): Budget {
  return budget.depth >= depth ? { ...budget, depth: Math.max(first.depth, budget.depth) } : budget
}

/**
 * What a budget lets through of a tree: the nodes that it names, or the best of those that are not too deep and that `keeps`,
 * if given, allows.
 */
export function pruneToBudget(tree: TokenTree, budget: Budget, keeps?: GrowthLimits['keeps']): Ranked {
  if (budget.keep !== undefined) return prunedFrom(tree, { kind: 'ranked', tree: tree.keep([0, ...budget.keep]) })
  const allowed: NodeId[] = []
  for (let node = 0; node < tree.size; node++) {
    if ((tree.depths[node] as number) <= budget.depth && (keeps?.(tree, node) ?? true)) allowed.push(node)
  }
  const shallow = allowed.length === tree.size ? tree : tree.keep(allowed)
  return prunedFrom(tree, pruneTree(shallow, Math.max(0, Math.floor(budget.nodes))))
}

/** The tree of a round without drafting. */
export function bareRoot(root: TokenId): Ranked {
  return { kind: 'ranked', tree: createTree(root) }
}

/** For drafters inside of another one: the outer drafter asks the real policy once, about the merged tree. */
export const passivePolicy: BudgetPolicy = {
  name: 'passive',
  plan: () => {
    throw new Error('internal: the passive policy plans nothing')
  },
  revise: (_level, budget) => budget,
  observe: () => undefined,
}

// ---------------------------------------------------------------------------------------------------------------

function prunedFrom(grown: TokenTree, ranked: Ranked): Ranked {
  return ranked.tree.size < grown.size ? { ...ranked, grown } : ranked
}

const empty = new Float32Array(0)
const noProbs = (): Float32Array => empty
