/** Choices of a fault run: the same seed gives the same clients. */
import { uniformAt } from '../../src/util/rng.ts'

/** A stream of choices. */
export interface Random {
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number
  pick<Item>(items: readonly Item[]): Item
  bytes(count: number): Buffer
}

/** Choices by a seed. */
export function openRandom(seed: number): Random {
  let drawn = 0
  const below = (limit: number): number => Math.floor(limit * uniformAt(seed, drawn++))
  return {
    below,
    pick(items) {
      const item = items[below(items.length)]
      if (item === undefined) throw new Error('expected something to pick from, got an empty list; add an item')
      return item
    },
    bytes: (count) => Buffer.from(Uint8Array.from({ length: count }, () => below(256))),
  }
}
