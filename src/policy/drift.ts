/**
 * How far the machine of this minute is from the measured price list: a Kalman filter over log factors, one that all
 * row counts share (a busy machine, another clock) and one per measured count (the measurement was off there).
 *
 * Why a filter and not a running mean per count: a policy that always verifies eight rows sees no other price. When
 * these passes turn out slow, the filter keeps both explanations open, and the next plain pass settles which it was.
 */

import type { CurvePoint } from './isotonic.ts'

/** Spread (standard deviation of the logarithm) of what is not known when the work begins. */
export interface DriftPrior {
  /** Of the common factor. */
  readonly common: number
  /** Of each count's own factor. */
  readonly own: number
}

/** The common factor wanders this much per pass. */
const WANDER = 0.03
/** Noise of one timed pass. */
const NOISE = 0.1
/** A surprise counts at most this many standard deviations: garbage collection and page faults are no news. */
const CLIP = 2
/** Own factors return to 0 by this share per pass: the measurement is trusted again after some thousand passes. */
const RETURN = 0.001

export class Drift {
  readonly #prior: DriftPrior
  /** [1 + knots] log factors: the common one first. */
  #factors: number[]
  /** [1 + knots][1 + knots] their covariance. */
  #covariance: number[][]

  constructor(knots: number, prior: DriftPrior) {
    this.#prior = prior
    this.#factors = Array<number>(knots + 1).fill(0)
    this.#covariance = this.#factors.map((_, i) =>
      this.#factors.map((_, j) => (i !== j ? 0 : (i === 0 ? prior.common : prior.own) ** 2)),
    )
  }

  /** The factor on the price of knot `index`. */
  factor(index: number): number {
    return Math.exp((this.#factors[0] as number) + (this.#factors[index + 1] as number))
  }

  /** How well the price of knot `index` is known: the inverse of its factor's variance. */
  certainty(index: number): number {
    const [common, own] = [this.#covariance[0] as number[], this.#covariance[index + 1] as number[]]
    return 1 / ((common[0] as number) + 2 * (common[index + 1] as number) + (own[index + 1] as number))
  }

  /** A pass at a point of the curve (see `locate`) took exp(`logRatio`) times the measured price. */
  observe(at: CurvePoint, logRatio: number): void {
    this.#forget()
    const design = this.#factors.map((_, i) => {
      if (i === 0) return 1
      return i === at.index + 1 ? 1 - at.fraction : i === at.index + 2 ? at.fraction : 0
    })
    const spread = this.#covariance.map((row) => dot(row, design))
    const variance = dot(spread, design) + NOISE ** 2
    const limit = CLIP * Math.sqrt(variance)
    const surprise = Math.min(limit, Math.max(-limit, logRatio - dot(this.#factors, design)))
    const gain = spread.map((value) => value / variance)
    this.#factors = this.#factors.map((factor, i) => factor + (gain[i] as number) * surprise)
    this.#covariance = this.#covariance.map((row, i) =>
      row.map((value, j) => value - (gain[i] as number) * (spread[j] as number)),
    )
  }

  /** Time passes: the common factor wanders, the own factors return to what was measured. */
  #forget(): void {
    const keep = this.#factors.map((_, i) => (i === 0 ? 1 : 1 - RETURN))
    const fresh = (1 - (1 - RETURN) ** 2) * this.#prior.own ** 2
    this.#factors = this.#factors.map((factor, i) => factor * (keep[i] as number))
    this.#covariance = this.#covariance.map((row, i) =>
      row.map((value, j) => {
        const kept = value * (keep[i] as number) * (keep[j] as number)
        return i !== j ? kept : kept + (i === 0 ? WANDER ** 2 : fresh)
      }),
    )
  }
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)
}
