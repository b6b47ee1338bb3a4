/** The most probable tokens of one row of logits, without a pass of exponentials over the whole vocabulary. */
import { topK } from '../util/topk.ts'
import type { TokenId } from '../tree/index.ts'

export interface Likeliest {
  /** [k] best first, ties toward the smaller id. */
  readonly tokens: readonly TokenId[]
  /** [k] their probabilities at temperature 1. */
  readonly probs: Float32Array
}

/** Below this distance from the best, 100,000 logits together weigh less than 0.0001. */
const NEGLIGIBLE = 21

/** The `count` most probable tokens with ids below `vocabSize`; their probabilities are of the whole row. */
export function likeliest(logits: Float32Array, count: number, vocabSize: number): Likeliest {
  const { ids, values } = topK(logits.subarray(0, vocabSize), count)
  const best = values[0] ?? 0
  let sum = 0
  for (let i = 0; i < logits.length; i++) {
    const below = (logits[i] as number) - best
    if (below > -NEGLIGIBLE) sum += Math.exp(below)
  }
  return { tokens: [...ids], probs: values.map((value) => Math.exp(value - best) / sum) }
}
