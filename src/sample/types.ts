/** Contract of the sampler: one draw per emitted token, a function of (logits, prefix, seed, position) only. */
import type { TokenId } from '../tree/index.ts'

/**
 * What a random number decides at a position. Numbers of different purposes are independent: `draw` picks a token of
 * the target's distribution; ratio rules use `accept` for the test of a drafted token and `recover` for its replacement.
 */
export type RandomPurpose = 'draw' | 'accept' | 'recover'

/** Uniform numbers in [0, 1): the same arguments give the same number. */
export type UniformSource = (position: number, purpose: RandomPurpose) => number

export interface Sampler {
  /** True when the draw is the arg-max of the (penalised) logits and no randomness is used. */
  readonly greedy: boolean
  /** True when the draw is the arg-max of the row as it is: no penalty, no bias. Whoever knows the best entry need not ask. */
  readonly takesBest?: boolean
  /** [vocab] probabilities after the whole chain; a fresh array. `logits` is not changed. */
  distribution(logits: Float32Array, prefix: readonly TokenId[]): Float32Array
  /** The token at absolute `position` (= `prefix.length`), drawn by inverse CDF in token-id order. */
  draw(logits: Float32Array, prefix: readonly TokenId[], position: number): TokenId
  /** The random number of this request's seed for `purpose` at absolute `position`; `draw` uses the one for `draw`. */
  readonly uniform: UniformSource
}

/**
 * What the text may go on with: a function of the text alone, asked for every place that a verifier looks at, so that
 * speculation cannot change it.
 */
export interface Constraint {
  /** May `token` follow `prefix`? */
  allows(prefix: readonly TokenId[], token: TokenId): boolean
  /** [ceil(vocab / 32)] bit `id % 32` of word `id / 32` is set for the tokens that may follow `prefix`. */
  allowed(prefix: readonly TokenId[]): Int32Array
}

/** How likely the model found a token that was drawn: natural logarithms, before anything else changed the logits. */
export interface TokenLogProbs {
  readonly token: TokenId
  readonly logProb: number
  /** The likeliest tokens at this place, best first: as many as were asked for. */
  readonly top: readonly { readonly token: TokenId; readonly logProb: number }[]
}
