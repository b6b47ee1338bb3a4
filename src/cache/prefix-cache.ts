/**
 * Rows of beginnings that several texts share, kept beside the rows of the sequences: a text that begins like an earlier one takes
 * copies instead of computing. Copies and not references, because exact attention wants a sequence's rows in one run; copying a row
 * takes a thousandth of the time of computing it, and a copied row is the same row bit for bit.
 */
import type { KvCache } from './kv.ts'
import { PrefixTree } from './prefix-tree.ts'
import type { CacheEviction, PrefixUse } from './types.ts'

/** Tokens of a block: small, so that little of a text is left over; large enough that its rows are copied in one piece. */
export const PREFIX_BLOCK = 16

/** Told of the tokens up to the end of a block whose rows had to go. */
type EvictionListener = (tokens: readonly number[]) => void

export class PrefixCache {
  /** Which rows go where there is no room. */
  readonly eviction: CacheEviction
  readonly #cache: KvCache
  readonly #first: number
  readonly #tree: PrefixTree
  readonly #listeners = new Set<EvictionListener>()

  /** Uses the slots of `cache` from `first` on. */
  constructor(cache: KvCache, first: number, eviction: CacheEviction = 'lru') {
    this.#cache = cache
    this.#first = first
    this.eviction = eviction
    this.#tree = new PrefixTree(PREFIX_BLOCK, Math.floor((cache.settings.slots - first) / PREFIX_BLOCK), {
      eviction,
      onEvict: (tokens) => {
        for (const listener of this.#listeners) listener(tokens)
      },
    })
  }

  get use(): PrefixUse {
    const { used, capacity, evicted, predictions } = this.#tree
    return {
      tokens: used * PREFIX_BLOCK,
      capacity: capacity * PREFIX_BLOCK,
      evicted: evicted * PREFIX_BLOCK,
      eviction: this.eviction,
      predicted: (predictions?.predicted ?? 0) * PREFIX_BLOCK,
      wrong: (predictions?.wrong ?? 0) * PREFIX_BLOCK,
    }
  }

  /** Tells of every block that has to go, until the result is disposed of. */
  onEvict(listener: EvictionListener): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) }
  }

  /** Forgets the rows of the block in which this text ends, and of all that goes on from it. */
  drop(tokens: readonly number[]): void {
    this.#tree.drop(tokens)
  }

  /**
   * Copies what is known of the first `most` of `tokens` behind the `length` rows that a sequence has from slot `start` on. Returns
   * the rows that the sequence has then.
   */
  load(start: number, length: number, tokens: readonly number[], most: number): number {
    let end = length
    for (const { first, count, place } of this.#tree.match(tokens, most)) {
      const from = Math.max(first, end)
      const fresh = first + count - from
      if (fresh <= 0) continue
      this.#cache.copy(this.#slotOf(place) + from - first, start + from, fresh)
      end = from + fresh
    }
    return end
  }

  /** Keeps copies of a text's rows, which lie from slot `start` on: of whole blocks, and only what is not there yet. */
  save(start: number, tokens: readonly number[]): void {
    for (const { first, place } of this.#tree.insert(tokens)) {
      this.#cache.copy(start + first, this.#slotOf(place), PREFIX_BLOCK)
    }
  }

  #slotOf(place: number): number {
    return this.#first + place * PREFIX_BLOCK
  }
}
