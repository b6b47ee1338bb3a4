/** Contract of verifiers: pure and synchronous, so that they can be enumerated exactly. */
import type { NodeId, Proposal, Scores, TokenId } from '../tree/index.ts'
import type { Sampler } from '../sample/index.ts'

export interface Verdict {
  /** Accepted nodes, root excluded, in order. */
  readonly accepted: readonly NodeId[]
  /** Emitted after the accepted path. */
  readonly next: TokenId
  /** `bonus`: the path ended in a leaf; `recovered`: the target disagreed with every child. */
  readonly from: 'bonus' | 'recovered'
}

export interface Verifier<P extends Proposal = Proposal> {
  readonly name: string
  /** False must be asked for (`allowLossy`). */
  readonly lossless: boolean
  /**
   * `prefix` holds every token up to and including the root. A property on purpose: method parameters
   * are compared loosely by TypeScript, and a `Verifier<Sampled>` would pass as a general one.
   */
  readonly verify: (proposal: P, scores: Scores, sampler: Sampler, prefix: readonly TokenId[]) => Verdict
}
