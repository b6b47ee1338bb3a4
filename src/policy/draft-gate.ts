/**
 * Whether to draft at all: drafting that does not pay is stopped and tried again at growing intervals. How sparse the
 * trials become depends on their price, so that they cost a fixed share of the time; drafting that costs less than this
 * share is never stopped. Counts rounds and gains, knows nothing of trees.
 */

/** Rounds the running gain remembers. */
const MEMORY = 10

export class DraftGate {
  readonly #share: number
  /** Typical net gain of a drafted round, in tokens. */
  #gain = 0
  #interval = 1
  #wait = 0

  /** `share`: part of the time that drafts may cost while they do not pay, in (0, 1]. */
  constructor(share: number) {
    this.#share = share
  }

  /** Rounds from one draft to the next, 1 for every round. */
  get interval(): number {
    return this.#interval
  }

  /** Is this round one to draft in? Call once per round. */
  open(): boolean {
    if (this.#wait === 0) return true
    this.#wait--
    return false
  }

  /** A drafted round ended: its net gain in tokens over plain decoding, and the price of its draft in plain passes. */
  report(gain: number, price: number): void {
    this.#gain += (gain - this.#gain) / MEMORY
    const pays = gain > 0 || this.#gain > 0
    const sparsest = Math.max(1, Math.ceil(price / this.#share))
    this.#interval = pays ? 1 : Math.min(2 * this.#interval, sparsest)
    this.#wait = this.#interval - 1
  }
}
