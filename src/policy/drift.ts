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
  readonly #size: number
  /** [1 + knots] log factors: the common one first. */
  readonly #factors: Float64Array
  /** [1 + knots][1 + knots] their covariance, row after row. */
  readonly #covariance: Float64Array
  /** [1 + knots] covariance of each factor with the observed price: room for `observe`. */
  readonly #spread: Float64Array

  constructor(knots: number, prior: DriftPrior) {
    this.#prior = prior
    this.#size = knots + 1
    this.#factors = new Float64Array(this.#size)
    this.#covariance = new Float64Array(this.#size ** 2)
    this.#spread = new Float64Array(this.#size)
    for (let i = 0; i < this.#size; i++) {
      this.#covariance[i * this.#size + i] = (i === 0 ? prior.common : prior.own) ** 2
    }
  }

  /** The factor on the price of knot `index`. */
  factor(index: number): number {
    return Math.exp((this.#factors[0] as number) + (this.#factors[index + 1] as number))
  }

  /** How well the price of knot `index` is known: the inverse of its factor's variance. */
  certainty(index: number): number {
    const covariance = this.#covariance
    const own = index + 1
    const both = covariance[own] as number
    return 1 / ((covariance[0] as number) + 2 * both + (covariance[own * this.#size + own] as number))
  }

  /** A pass at a point of the curve (see `locate`) took exp(`logRatio`) times the measured price. */
  observe(at: CurvePoint, logRatio: number): void {
    this.#forget()
    const size = this.#size
    const [factors, covariance, spread] = [this.#factors, this.#covariance, this.#spread]
    const [low, high] = [at.index + 1, Math.min(at.index + 2, size - 1)]
    const [lowWeight, highWeight] = [1 - at.fraction, at.fraction]
    /** A vector's part in the observed price: the common factor, and the two knots beside the point. */
    const observed = (vector: Float64Array, from: number): number =>
      (vector[from] as number) +
      lowWeight * (vector[from + low] as number) +
      highWeight * (vector[from + high] as number)
    for (let i = 0; i < size; i++) spread[i] = observed(covariance, i * size)
    const variance = observed(spread, 0) + NOISE ** 2
    const limit = CLIP * Math.sqrt(variance)
    const surprise = Math.min(limit, Math.max(-limit, logRatio - observed(factors, 0)))
    for (let i = 0; i < size; i++) {
      const gain = (spread[i] as number) / variance
      factors[i] = (factors[i] as number) + gain * surprise
      for (let j = 0; j < size; j++) {
        covariance[i * size + j] = (covariance[i * size + j] as number) - gain * (spread[j] as number)
      }
    }
  }

  /** Time passes: the common factor wanders, the own factors return to what was measured. */
  #forget(): void {
    const size = this.#size
    const [factors, covariance] = [this.#factors, this.#covariance]
    const keep = (i: number): number => (i === 0 ? 1 : 1 - RETURN)
    const fresh = (1 - (1 - RETURN) ** 2) * this.#prior.own ** 2
    for (let i = 0; i < size; i++) {
      factors[i] = (factors[i] as number) * keep(i)
      for (let j = 0; j < size; j++) {
        covariance[i * size + j] = (covariance[i * size + j] as number) * keep(i) * keep(j)
      }
      covariance[i * size + i] = (covariance[i * size + i] as number) + (i === 0 ? WANDER ** 2 : fresh)
    }
  }
}
