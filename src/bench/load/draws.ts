/** What chance decides of a load, as functions of the seed: who comes when, who is asked what, which side has its turn. */
import { uniformAt } from '../../util/rng.ts'

/** Milliseconds at which `count` requests come, as a Poisson process of `perSecond` on average; the first comes at 0. */
export function arrivals(seed: number, count: number, perSecond: number): number[] {
  let at = 0
  return Array.from({ length: count }, (_, index) => {
    if (index > 0) at += (-1000 * Math.log(1 - uniformAt(seed, index))) / perSecond
    return at
  })
}

/** The numbers below `count` in an order of their own (Fisher and Yates). */
export function shuffled(seed: number, count: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index)
  for (let left = count - 1; left > 0; left--) {
    const other = Math.floor(uniformAt(seed, left) * (left + 1))
    ;[order[left], order[other]] = [order[other] as number, order[left] as number]
  }
  return order
}

/** A seed of its own for each use. */
export function derived(seed: number, ...uses: readonly number[]): number {
  return uses.reduce((mixed, use) => Math.floor(uniformAt(mixed, use) * 2 ** 48), seed)
}
