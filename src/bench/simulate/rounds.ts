/**
 * Speculative decoding on a virtual clock: a text that is known, a drafter whose proposals are known, a machine with
 * prices, and a real budget policy between them. The same rounds as the engine's (`engine/round.ts`) without models, so
 * that a policy can be judged on machines that are not here, to a fraction of a per cent.
 */
import { lastWord, pruneToBudget } from '../../draft/index.ts'
import type { Budget, BudgetPolicy, CostModel, Explanation, LevelReport } from '../../policy/index.ts'
import { createTree, type NodeId, type TokenId, type TokenTree } from '../../tree/index.ts'

/** Everything around a policy. Positions count the tokens emitted so far; the root is the token before. */
export interface VirtualWorld {
  /** Tokens to emit. */
  readonly tokens: number
  /** What the policy is told about prices; corrected by every pass. */
  readonly cost: CostModel
  /** Sequences that share every pass, all alike; 1 if left out. */
  readonly batch?: number | undefined
  /** The token that the target emits at `position`. */
  tokenAt(position: number): TokenId
  /** Tokens in the cache before the round at `position`. */
  contextAt(position: number): number
  /** Draft nodes on one path that may still be accepted at `position`. */
  roomAt(position: number): number
  /** The tree that the drafter proposes under `plan`, which is not empty; `revise` is the policy's word on each level. */
  draft(position: number, plan: Budget, revise: Revise): Draft
  /** Milliseconds of the pass of round number `round` over `rows` rows of each sequence. */
  verifyMs(rows: number, context: number, round: number): number
  /** Milliseconds of the work around a pass that verifies `nodes` nodes, as far as policies are told; 0 if left out. */
  hostMs?(nodes: number): number
}

export type Revise = (level: LevelReport, budget: Budget) => Budget

export interface Draft {
  readonly tree: TokenTree
  readonly draftMs: number
}

/** One round as it happened. */
export interface VirtualRound {
  readonly plan: Budget
  /** Revisions in order, each with the tree that the policy saw. */
  readonly revisions: readonly { readonly level: LevelReport; readonly budget: Budget }[]
  /** What the policy said of its choice. */
  readonly why: Explanation | undefined
  readonly scored: TokenTree
  readonly accepted: readonly NodeId[]
  readonly next: TokenId
  readonly room: number
  readonly context: number
  readonly draftMs: number
  readonly verifyMs: number
}

/** Emits the world's tokens under `policy`, round by round. */
export function* virtualRounds(world: VirtualWorld, policy: BudgetPolicy): Generator<VirtualRound, void, undefined> {
  let position = 0
  for (let round = 0; position < world.tokens; round++) {
    const done = decodeVirtually(world, policy, position, round)
    yield done
    position += done.accepted.length + 1
  }
}

// ---------------------------------------------------------------------------------------------------------------

function decodeVirtually(world: VirtualWorld, policy: BudgetPolicy, position: number, round: number): VirtualRound {
  const { cost, batch = 1 } = world
  const context = world.contextAt(position)
  const room = world.roomAt(position)
  const plan = policy.plan({ round, room, context, batch, cost })
  const revisions: { level: LevelReport; budget: Budget }[] = []
  const revise: Revise = (level, before) => {
    const budget = policy.revise(level, before)
    revisions.push({ level, budget })
    return budget
  }
  const { tree, draftMs } = plan.nodes > 0 ? world.draft(position, plan, revise) : { tree: createTree(0), draftMs: 0 }
  const last = revisions.at(-1)
  const scored = pruneToBudget(tree, last ? lastWord(plan, last.level, last.budget) : plan).tree
  const accepted = walk(world, scored, position)
  const next = world.tokenAt(position + accepted.length)
  const verifyMs = world.verifyMs(scored.size, context, round)
  cost.observe(batch * scored.size, context, verifyMs)
  const why = policy.explain?.()
  const hostMs = world.hostMs?.(scored.size - 1)
  policy.observe({ tree: scored, accepted, next, context, draftMs, verifyMs, ...(hostMs !== undefined && { hostMs }) })
  return { plan, revisions, why, scored, accepted, next, room, context, draftMs, verifyMs }
}

/** Follows the text down the tree; the last token of the text is always the target's own. */
function walk(world: VirtualWorld, tree: TokenTree, position: number): NodeId[] {
  const accepted: NodeId[] = []
  for (let node = 0; position + accepted.length < world.tokens - 1; accepted.push(node)) {
    node = tree.child(node, world.tokenAt(position + accepted.length))
    if (node < 0) break
  }
  return accepted
}
