/**
 * Running acceptance rates in bins: what a drafter believes about its own guesses, corrected by what happened.
 * A bin is a situation ("match of 7 tokens, no rival"); its rate is the share of guesses in that situation that were
 * right. Old evidence fades, so that the rates follow a text that changes its nature.
 */
import { defined } from '../util/assert.ts'

/** Rates never reach 0 or 1: one guess of the other kind must not have an infinite price. */
const SMALLEST_RATE = 1e-3

export interface RateOptions {
  readonly bins: number
  /** The belief about a bin before anything was seen. Asked at every estimate, so it may itself learn. */
  readonly prior: (bin: number) => number
  /** How many observations the prior is worth. */
  readonly strength: number
  /** Share of old evidence that survives one observation of its bin: 0.98 remembers about 50 of them. */
  readonly memory: number
}

/** Learns P(right) of each of `bins` situations. */
export class AcceptanceRates {
  readonly #options: RateOptions
  readonly #right: Float64Array
  readonly #seen: Float64Array

  constructor(options: RateOptions) {
    this.#options = options
    this.#right = new Float64Array(options.bins)
    this.#seen = new Float64Array(options.bins)
  }

  /** The belief that a guess of this bin is right, in [0.001, 0.999]. */
  estimate(bin: number): number {
    const { prior, strength } = this.#options
    const right = defined(this.#right[bin], 'bin') + strength * prior(bin)
    const rate = right / (defined(this.#seen[bin], 'bin') + strength)
    return Math.min(1 - SMALLEST_RATE, Math.max(SMALLEST_RATE, rate))
  }

  observe(bin: number, right: boolean): void {
    const { memory } = this.#options
    this.#right[bin] = defined(this.#right[bin], 'bin') * memory + (right ? 1 : 0)
    this.#seen[bin] = defined(this.#seen[bin], 'bin') * memory + 1
  }

  /** Forgets what was seen. */
  clear(): void {
    this.#right.fill(0)
    this.#seen.fill(0)
  }

  /** Rates of one session: they start from these, which learn along slowly. */
  forSession(): AcceptanceRates {
    return new SessionRates(this, this.#options.bins)
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** A session's text differs from the average one: about 60 observations of a bin decide, a dozen already count. */
class SessionRates extends AcceptanceRates {
  readonly #shared: AcceptanceRates

  constructor(shared: AcceptanceRates, bins: number) {
    super({ bins, prior: (bin) => shared.estimate(bin), strength: 8, memory: 0.985 })
    this.#shared = shared
  }

  override observe(bin: number, right: boolean): void {
    super.observe(bin, right)
    this.#shared.observe(bin, right)
  }
}
