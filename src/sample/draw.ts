/** One draw from weights, by inverse CDF in index order. Which random number is used is the caller's business. */
import { NativeError } from '../util/errors.ts'

/**
 * The first index at which the running sum of `weights` exceeds `uniform` (in [0, 1)) times the total: index i has the
 * interval [sum before i, sum up to i) / total. A weight of 0 is never drawn. Weights need not sum to 1, but to more than 0.
 */
export function drawIndex(weights: Float32Array | Float64Array, uniform: number): number {
  let total = 0
  for (let i = 0; i < weights.length; i++) total += weights[i] as number
  const goal = uniform * total
  let reached = 0
  for (let i = 0; i < weights.length; i++) {
    reached += weights[i] as number
    if (reached > goal) return i
  }
  throw new NativeError(
    'native-failure',
    `expected probabilities to draw from, got a sum of ${total}; the model's scores are broken`,
  )
}
