/** Ratios with their spread: absolute times mean nothing on shared machines. */
import { defined } from '../util/assert.ts'
import { mean } from '../util/math.ts'
import type { Interval } from './types.ts'

const RESAMPLES = 2000
const SEED = 0x9e3779b9

/**
 * Geometric mean of ratios with a bootstrap 95 % interval (percentiles of 2,000 resamples with a fixed seed, so that the
 * same figures give the same interval). NaN for none.
 */
export function geometricMean(ratios: readonly number[]): Interval {
  return createEstimator()(ratios)
}

/** `geometricMean` for many lists: remembers which values each resample takes, and drawing those is nearly all the work. */
export function createEstimator(): (ratios: readonly number[]) => Interval {
  const drawsByCount = new Map<number, Int32Array>()
  return (ratios) => {
    if (ratios.length === 0) return { mean: NaN, low: NaN, high: NaN }
    const logs = ratios.map(Math.log)
    const draws = drawsByCount.get(logs.length) ?? drawResamples(logs.length)
    drawsByCount.set(logs.length, draws)
    const means = Array.from({ length: RESAMPLES }, (_, round) => meanOfResample(logs, draws, round))
    means.sort((a, b) => a - b)
    return {
      mean: Math.exp(mean(logs)),
      low: Math.exp(defined(means[Math.floor(0.025 * RESAMPLES)])),
      high: Math.exp(defined(means[Math.ceil(0.975 * RESAMPLES) - 1])),
    }
  }
}

/** Median with quartiles; NaN for none. */
export function quartiles(values: readonly number[]): Interval {
  const sorted = [...values].sort((a, b) => a - b)
  return { mean: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) }
}

/** `1.32 (1.19 to 1.49)` */
export function showInterval({ mean: middle, low, high }: Interval, digits = 2): string {
  return `${middle.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`
}

// ---------------------------------------------------------------------------------------------------------------

/**
 * [RESAMPLES, count] indices, drawn by Marsaglia's xorshift32: the counter-based generator of `util/rng.ts` would take a
 * second for a report.
 */
function drawResamples(count: number): Int32Array {
  let state = SEED
  return Int32Array.from({ length: RESAMPLES * count }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return Math.floor(((state >>> 0) / 2 ** 32) * count)
  })
}

function meanOfResample(values: readonly number[], draws: Int32Array, round: number): number {
  let sum = 0
  for (let index = 0; index < values.length; index++) {
    sum += defined(values[defined(draws[round * values.length + index])])
  }
  return sum / values.length
}

/** Of ascending values; linear between them, NaN for none. */
export function quantile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return NaN
  const at = share * (sorted.length - 1)
  const below = defined(sorted[Math.floor(at)])
  return below + (defined(sorted[Math.ceil(at)]) - below) * (at - Math.floor(at))
}
