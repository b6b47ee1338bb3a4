/** Small numeric helpers over Float32Array, without allocation in the hot ones. */

/** Index of the largest value; ties go to the smallest index. One rule for target, draft and baseline. */
export function argMax(values: Float32Array): number {
  let best = 0
  let bestValue = values[0] ?? -Infinity
  for (let i = 1; i < values.length; i++) {
    const value = values[i] as number
    if (value > bestValue) {
      bestValue = value
      best = i
    }
  }
  return best
}

/** log(sum(exp(values))), stable. */
export function logSumExp(values: Float32Array): number {
  let max = -Infinity
  for (let i = 0; i < values.length; i++) if ((values[i] as number) > max) max = values[i] as number
  if (max === -Infinity) return -Infinity
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += Math.exp((values[i] as number) - max)
  return max + Math.log(sum)
}

/** Shannon entropy in nats of a probability vector. */
export function entropy(probs: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < probs.length; i++) {
    const p = probs[i] as number
    if (p > 0) sum -= p * Math.log(p)
  }
  return sum
}

/** Arithmetic mean; NaN for none. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Middle value (mean of the two middle ones for even counts); NaN for none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return NaN
  const sorted = [...values].sort((a, b) => a - b)
  const mid = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[mid] as number) : ((sorted[mid - 1] as number) + (sorted[mid] as number)) / 2
}
