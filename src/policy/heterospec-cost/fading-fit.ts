/**
 * Times as a sum of parts: least squares through all rounds, older ones fading. What the rounds cannot tell apart is laid to
 * the first part, and no part is negative. Three numbers per fit; plain data.
 */

/** Each round lets the older ones fade by this factor: some fifty count. */
const FADE = 0.98
/** Parts after the first are held towards 0 by the weight of this share of a typical round. */
const RELUCTANCE = 0.005
/** A time counts at most this many times what was expected: pauses of the machine are no prices. */
const CLIP = 2

/** Turns of the descent, and the milliseconds below which a turn has moved nothing. */
const MOST_TURNS = 300
const STILL = 1e-4

/** The sums of a fit: products of parts [parts x parts], products of parts and times [parts]. */
export interface FitSums {
  readonly products: number[]
  readonly moments: number[]
}

export class FadingFit {
  readonly #sums: FitSums
  readonly #parts: number
  #solution: readonly number[] | undefined
  /** Where the last descent ended: sums change little from round to round. */
  readonly #start: number[]

  /** `sums` may be shared with other requests. */
  constructor(sums: FitSums, parts: number) {
    this.#sums = sums
    this.#parts = parts
    this.#start = Array<number>(parts).fill(0)
    // Sums of another number of parts say nothing here.
    if (sums.moments.length !== parts) {
      sums.products.splice(0, Infinity, ...Array<number>(parts * parts).fill(0))
      sums.moments.splice(0, Infinity, ...Array<number>(parts).fill(0))
    }
  }

  /** Has any round been seen? */
  get known(): boolean {
    return this.#sums.products.some((sum) => sum > 0)
  }

  /** Reads the shared sums anew. */
  refresh(): void {
    this.#solution = undefined
  }

  /** Milliseconds of one unit of each part; zeros while nothing is known. */
  get prices(): readonly number[] {
    return (this.#solution ??= this.#solve())
  }

  /** What a round with these parts should take. */
  expect(parts: readonly number[]): number {
    return parts.reduce((sum, part, i) => sum + part * (this.prices[i] as number), 0)
  }

  /** A round with these parts took `ms`. */
  observe(parts: readonly number[], ms: number): void {
    const expected = this.expect(parts)
    const counted = expected > 0 ? Math.min(ms, CLIP * expected) : ms
    const { products, moments } = this.#sums
    for (let i = 0; i < this.#parts; i++) {
      moments[i] = (moments[i] as number) * FADE + (parts[i] as number) * counted
      for (let j = 0; j < this.#parts; j++) {
        const at = i * this.#parts + j
        products[at] = (products[at] as number) * FADE + (parts[i] as number) * (parts[j] as number)
      }
    }
    this.#solution = undefined
  }

  /** Coordinate descent: with few parts it is there after some turns, and keeping parts above 0 costs nothing. */
  #solve(): number[] {
    const { products, moments } = this.#sums
    const size = this.#parts
    const prices = this.#start
    for (let turn = 0, moved = Infinity; turn < MOST_TURNS && moved > STILL; turn++) {
      moved = 0
      for (let i = 0; i < size; i++) {
        const own = products[i * size + i] as number
        if (own === 0) continue
        let rest = moments[i] as number
        for (let j = 0; j < size; j++) if (j !== i) rest -= (products[i * size + j] as number) * (prices[j] as number)
        const price = Math.max(0, rest / (own * (i === 0 ? 1 : 1 + RELUCTANCE)))
        moved = Math.max(moved, Math.abs(price - (prices[i] as number)))
        prices[i] = price
      }
    }
    return [...prices]
  }
}
