/**
 * Where did the end of this text occur before? An append-only index over token ids: for each n one hash map from an
 * n-gram to its last end, and a chain from each end to the one before. Appending costs O(1) per token and n.
 * Hashes may collide: a search compares the tokens themselves. Knows nothing of drafting.
 */
import type { TokenId } from '../tree/index.ts'

/** An earlier place whose left context equals the end of the text. */
export interface Occurrence {
  /** Position of the token that followed there. */
  readonly next: number
  /** Tokens that agree, counted back from the end; at least 1. */
  readonly length: number
}

/** Matches are measured up to this length: beyond it, longer ones say nothing more. */
const LONGEST_MATCH = 32

export class NgramIndex {
  readonly #maxNgram: number
  readonly #tokens: TokenId[] = []
  /** [maxNgram] by n - 1: hash -> last position at which an n-gram with this hash ends. */
  readonly #last: readonly Map<number, number>[]
  /** [maxNgram][length] the position before with the same hash, or -1. */
  readonly #before: readonly number[][]

  constructor(maxNgram: number) {
    this.#maxNgram = maxNgram
    this.#last = Array.from({ length: maxNgram }, () => new Map<number, number>())
    this.#before = Array.from({ length: maxNgram }, () => [])
  }

  get length(): number {
    return this.#tokens.length
  }

  token(position: number): TokenId {
    return this.#tokens[position] as TokenId
  }

  /** Takes in what `text` has beyond the tokens known already; `text` must start with those. */
  append(text: readonly TokenId[]): void {
    for (let i = this.#tokens.length; i < text.length; i++) {
      // The n-grams that end at the previous token enter now: only now have they a continuation.
      this.#enter(i - 1)
      this.#tokens.push(text[i] as TokenId)
    }
  }

  /**
   * At most `limit` earlier occurrences of the end of the text, longest match first, then most recent; of the end of the
   * text and `path` where a path is given.
   */
  occurrences(limit: number, minNgram = 1, path: readonly TokenId[] = []): Occurrence[] {
    const end = this.#tokens.length + path.length - 1
    const found = new Map<number, number>()
    for (const { n, hash } of this.#hashes(end, path).reverse()) {
      if (n < minNgram || found.size >= limit) break
      const before = this.#before[n - 1] as number[]
      for (let at = this.#last[n - 1]?.get(hash) ?? -1; at >= 0 && found.size < limit; at = before[at] as number) {
        if (found.has(at)) continue
        const length = this.#matchLength(at, end, path)
        if (length >= n) found.set(at, length)
      }
    }
    return [...found]
      .map(([at, length]) => ({ next: at + 1, length }))
      .sort((a, b) => b.length - a.length || b.next - a.next)
  }

  #enter(end: number): void {
    if (end < 0) return
    for (const { n, hash } of this.#hashes(end, [])) {
      const last = this.#last[n - 1] as Map<number, number>
      // Positions without an n-gram (the first n - 1) are never reached through the chain.
      ;(this.#before[n - 1] as number[])[end] = last.get(hash) ?? -1
      last.set(hash, end)
    }
  }

  /** Hashes of the n-grams that end at `end`, shortest first; fewer near the beginning of the text. */
  #hashes(end: number, path: readonly TokenId[]): { n: number; hash: number }[] {
    const hashes: { n: number; hash: number }[] = []
    let hash = 0
    for (let n = 1; n <= Math.min(this.#maxNgram, end + 1); n++) {
      hash = Math.imul(hash ^ this.#tokenAt(end - n + 1, path), 0x9e3779b1)
      hash ^= hash >>> 15
      hashes.push({ n, hash })
    }
    return hashes
  }

  #matchLength(at: number, end: number, path: readonly TokenId[]): number {
    let length = 0
    while (length < LONGEST_MATCH && at >= length && this.#tokens[at - length] === this.#tokenAt(end - length, path))
      length++
    return length
  }

  #tokenAt(position: number, path: readonly TokenId[]): TokenId {
    const { length } = this.#tokens
    return (position < length ? this.#tokens[position] : path[position - length]) as TokenId
  }
}
