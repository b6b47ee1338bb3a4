/** The record of a round, plain JSON: what traces, metrics, benchmarks and pictures are made of. */
import type { GraphCounts } from '../model/index.ts'
import type { Budget, Explanation } from '../policy/index.ts'
import type { NodeId, TokenId } from '../tree/index.ts'

export type TokenOrigin = 'target' | 'drafted'

/** Nodes that the budget left out before the target saw them. */
export interface PrunedNodes {
  /** How many there were; the likeliest of them follow, parents before children. */
  readonly count: number
  readonly tokens: readonly TokenId[]
  /** Ids of verified nodes; the first node of this list has the id after theirs. */
  readonly parents: readonly NodeId[]
  readonly logProbs: readonly number[]
  readonly sources: readonly number[]
}

/** What happened in one round: plain JSON. Metrics, benchmark rows, tree views and replays read it. */
export interface RoundTrace {
  readonly round: number
  /** Tokens in the target's cache before the round. */
  readonly context: number
  readonly budget: Budget
  /** The policy's reasons, where it tells them. */
  readonly why?: Explanation
  /** Draft nodes that were verified. */
  readonly drafted: number
  readonly accepted: number
  /** Tokens emitted: accepted path, then the target's own. */
  readonly emitted: readonly TokenId[]
  readonly tree: {
    readonly tokens: readonly TokenId[]
    readonly parents: readonly NodeId[]
    readonly logProbs: readonly number[]
    readonly sources: readonly number[]
    readonly acceptedPath: readonly NodeId[]
  }
  /** What was drafted and not verified, where there was such. */
  readonly pruned?: PrunedNodes
  /** Names of the drafters that `sources` point to, where something was drafted. */
  readonly sourceNames?: readonly string[]
  readonly draftMs: number
  /** Of the target's pass; where requests shared it, this one's part. */
  readonly targetMs: number
  /** Verification, commit, learning. */
  readonly hostMs: number
  /** How many requests shared the target's pass; left out where this one was alone. */
  readonly requests?: number
  /**
   * Computation graphs of the round, target's and drafter's: found ready, built anew, and the milliseconds of building, which
   * are part of the other times. With several requests at once those of the others count too.
   */
  readonly graphs?: GraphCounts
}
