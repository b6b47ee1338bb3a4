/**
 * Log-probabilities of what was drawn: those of the model itself, before bias, penalties, constraints, cuts and temperature,
 * as llama-server and vLLM give them. They are read off the very rows that the verifier looks at, so they cost no pass.
 */
import { logSumExp } from '../util/math.ts'
import { topK } from '../util/topk.ts'
import type { TokenId } from '../tree/index.ts'
import type { Sampler, TokenLogProbs, UniformSource } from './types.ts'

/** A sampler that draws what `sampler` draws, and remembers how likely the model found each token. */
export class RecordingSampler implements Sampler {
  readonly greedy: boolean
  /** The row is needed. */
  readonly takesBest = false
  readonly uniform: UniformSource
  readonly #sampler: Sampler
  readonly #count: number
  readonly #first: number
  /** By position - first. */
  readonly #drawn: TokenLogProbs[] = []

  /** `count`: alternatives to remember of each token; `first`: position of the first token of the answer. */
  constructor(sampler: Sampler, count: number, first: number) {
    this.#sampler = sampler
    this.#count = count
    this.#first = first
    this.greedy = sampler.greedy
    this.uniform = sampler.uniform
  }

  distribution(logits: Float32Array, prefix: readonly TokenId[]): Float32Array {
    return this.#sampler.distribution(logits, prefix)
  }

  draw(logits: Float32Array, prefix: readonly TokenId[], position: number): TokenId {
    const token = this.#sampler.draw(logits, prefix, position)
    this.#drawn[position - this.#first] = logProbsOf(logits, token, this.#count)
    return token
  }

  /** Of the answer's tokens from index `from` to before `to`. */
  slice(from: number, to: number): readonly TokenLogProbs[] {
    return this.#drawn.slice(from, to)
  }
}

/** How likely `logits` [vocab] make `token`, and the `count` likeliest tokens, best first. */
export function logProbsOf(logits: Float32Array, token: TokenId, count: number): TokenLogProbs {
  const total = logSumExp(logits)
  const { ids, values } = topK(logits, count)
  return {
    token,
    logProb: (logits[token] as number) - total,
    top: Array.from(ids, (id, i) => ({ token: id, logProb: (values[i] as number) - total })),
  }
}
