/**
 * How far one request's text is from what all requests taught: a shift of log-odds, so that one number moves chances near 0
 * and near 1 alike, and a few dozen judged nodes suffice. Older nodes fade.
 */

/** A judged node counts by its variance; the shift starts with the weight of so much of it at 0. */
const PRIOR = 8
/** Each judged node lets the older ones fade by this factor per unit of variance: those of some hundred rounds count. */
const FADE = 0.98
/** No text is further off than this. */
const MOST = 1.5
/** Chances are kept this far from 0 and 1. */
const SURE = 1e-4

export class Shift {
  #residuals = 0
  #variance = 0
  #by = 0

  /** A node whose chance was thought to be `chance`, this shift included, came true or not. */
  observe(chance: number, right: boolean): void {
    const variance = chance * (1 - chance)
    const keep = FADE ** variance
    this.#residuals = this.#residuals * keep + ((right ? 1 : 0) - chance) + variance * this.#by
    this.#variance = this.#variance * keep + variance
    const by = this.#residuals / (this.#variance + PRIOR)
    this.#by = Math.min(MOST, Math.max(-MOST, by))
  }

  /** The chances of a curve, shifted. The curve itself while nothing was observed. */
  apply(curve: number[]): number[] {
    if (this.#by === 0) return curve
    const factor = Math.exp(this.#by)
    return curve.map((chance) => {
      const p = Math.min(1 - SURE, Math.max(0, chance))
      return (p * factor) / (1 - p + p * factor)
    })
  }
}
