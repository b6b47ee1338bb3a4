/**
 * The nodes that are worth a row, and the number of them with the most expected tokens per millisecond. Chances in, numbers
 * out: no trees, no learning.
 */
import type { NodeId } from '../../tree/index.ts'
import type { RoundPrices } from '../prices.ts'

/** A number of nodes to verify. */
export interface Choice {
  readonly nodes: number
  /** Expected tokens of the round. */
  readonly tokens: number
  /** Milliseconds of the pass and of the work around it. */
  readonly ms: number
}

/** Expected tokens per millisecond when `spentMs` went into drafting. */
export function rateOf({ tokens, ms }: Choice, spentMs: number): number {
  return tokens / (ms + spentMs)
}

/** What passes cost this round, asked once for each number of nodes. */
export class PassPrices {
  readonly plainMs: number
  readonly #prices: RoundPrices
  readonly #nodeMs: number
  readonly #limit: number
  /** Numbers of nodes that end a stair of the price list, ascending. */
  readonly #stairs: readonly number[]
  readonly #known = new Map<number, number>()

  /** `nodeMs`: work around the pass per node; `limit`: most nodes of the round. */
  constructor(prices: RoundPrices, nodeMs: number, limit: number) {
    this.#prices = prices
    this.#nodeMs = nodeMs
    this.#limit = limit
    this.plainMs = prices.plainMs
    this.#stairs = prices.candidates(limit)
  }

  /** Most nodes of the round. */
  get limit(): number {
    return this.#limit
  }

  get plain(): Choice {
    return { nodes: 0, tokens: 1, ms: this.plainMs }
  }

  /** Milliseconds with `nodes` nodes verified. */
  of(nodes: number): number {
    let ms = this.#known.get(nodes)
    if (ms === undefined) {
      ms = this.#prices.of(nodes) * this.plainMs + this.#nodeMs * nodes
      this.#known.set(nodes, ms)
    }
    return ms
  }

  /** The best number of nodes out of those that end a stair, and the whole list; plain decoding if none beats it. All are looked at: prices may have dips. */
  best(ranked: Ranked, spentMs: number): Choice {
    let best = this.plain
    let bestRate = rateOf(best, spentMs)
    let tokens = 1
    let summed = 0
    for (let stair = 0; summed < ranked.size; stair++) {
      const nodes = Math.min(this.#stairs[stair] ?? Infinity, ranked.size)
      while (summed < nodes) tokens += ranked.chances[summed++] as number
      const ms = this.of(nodes)
      const rate = tokens / (ms + spentMs)
      if (rate <= bestRate) continue
      best = { nodes, tokens, ms }
      bestRate = rate
    }
    return best
  }

  /** Every number of nodes that `best` looks at. */
  options(ranked: Ranked): Choice[] {
    const counts = [...this.#stairs.filter((nodes) => nodes < ranked.size), ...(ranked.size > 0 ? [ranked.size] : [])]
    return counts.map((nodes) => {
      const tokens = ranked.chances.subarray(0, nodes).reduce((sum, chance) => sum + chance, 1)
      return { nodes, tokens, ms: this.of(nodes) }
    })
  }
}

/**
 * The likeliest paths of a tree, best first, as many as a round may verify. Equal ones keep the order in which they came: parents
 * first, so that every beginning of the list is a tree.
 */
export class Ranked {
  readonly chances: Float64Array
  readonly ids: Int32Array
  #size = 0

  constructor(capacity: number) {
    this.chances = new Float64Array(capacity)
    this.ids = new Int32Array(capacity)
  }

  get size(): number {
    return this.#size
  }

  /** Would a path of this chance still be listed? */
  admits(chance: number): boolean {
    return this.#size < this.chances.length || (this.#size > 0 && chance > (this.chances[this.#size - 1] as number))
  }

  /** Lists a path; the least likely one falls off a full list. */
  add(chance: number, id: NodeId): void {
    if (!this.admits(chance)) return
    let at = Math.min(this.#size, this.chances.length - 1)
    for (; at > 0 && (this.chances[at - 1] as number) < chance; at--) {
      this.chances[at] = this.chances[at - 1] as number
      this.ids[at] = this.ids[at - 1] as number
    }
    this.chances[at] = chance
    this.ids[at] = id
    if (this.#size < this.chances.length) this.#size++
  }

  /** The `count` first nodes. */
  first(count: number): NodeId[] {
    return Array.from(this.ids.subarray(0, count))
  }

  /** Becomes a copy of `other`, which is as large at most. */
  copyOf(other: Ranked): this {
    this.chances.set(other.chances.subarray(0, other.size))
    this.ids.set(other.ids.subarray(0, other.size))
    this.#size = other.size
    return this
  }
}
