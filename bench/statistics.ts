/** Paired ratios with spread: absolute times mean nothing on shared machines. */
import { defined } from '../src/util/assert.ts'
import { median } from '../src/util/math.ts'
import { uniformAt } from '../src/util/rng.ts'

export interface Interval {
  readonly mean: number
  readonly low: number
  readonly high: number
}

/** Geometric mean of ratios with a bootstrap 95 % interval over prompts (1,000 resamples, fixed seed). */
export function geometricMean(ratios: readonly number[]): Interval {
  const logs = ratios.map(Math.log)
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const resampled = Array.from({ length: 1000 }, (_, round) =>
    mean(logs.map((_log, index) => defined(logs[Math.floor(uniformAt(round, index) * logs.length)]))),
  ).sort((a, b) => a - b)
  return {
    mean: Math.exp(mean(logs)),
    low: Math.exp(defined(resampled[25])),
    high: Math.exp(defined(resampled[974])),
  }
}

/** Median with quartiles. */
export function quartiles(values: readonly number[]): Interval {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number => defined(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))])
  return { mean: median(values), low: at(0.25), high: at(0.75) }
}

export function show({ mean, low, high }: Interval, digits = 3): string {
  return `${mean.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`
}
