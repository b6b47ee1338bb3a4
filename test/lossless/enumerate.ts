/**
 * Exact integration over random numbers: runs a procedure once for every combination of the intervals on which its
 * decisions are constant. Not a random test: the weights of all runs sum to 1.
 *
 * Each interval is tried at its middle and just inside of both ends, a third of its weight each. A procedure whose
 * decisions change anywhere else than at the stated edges therefore shows a wrong law.
 */

/**
 * Asks for one random number: `edges` are the ascending points in (0, 1) at which the decision may change.
 * `insets` are the places within each interval that are tried.
 */
export type Chance = (edges: readonly number[], insets?: readonly number[]) => number

export interface Weighted<T> {
  readonly value: T
  readonly weight: number
}

const BOTH_ENDS = [1e-7, 0.5, 1 - 1e-7]
/** For decisions of the test itself, whose edges are not in doubt. */
export const MIDDLE = [0.5]
/** Rounding makes slivers where two edges should be equal. */
const SLIVER = 1e-12

/** All outcomes of `run` with their probabilities. `run` must ask in the same order for the same answers. */
export function enumerate<T>(run: (chance: Chance) => T): Weighted<T>[] {
  const outcomes: Weighted<T>[] = []
  /** Choices of the run in progress: which option was taken, out of how many. */
  const taken: { option: number; count: number }[] = []
  do {
    let depth = 0
    let weight = 1
    const value = run((edges, insets = BOTH_ENDS) => {
      const options = optionsOf(edges, insets)
      const choice = (taken[depth++] ??= { option: 0, count: options.length })
      const option = options[choice.option]!
      weight *= option.weight
      return option.at
    })
    outcomes.push({ value, weight })
    while (taken.length > 0 && taken.at(-1)!.option === taken.at(-1)!.count - 1) taken.pop()
    if (taken.length > 0) taken.at(-1)!.option++
  } while (taken.length > 0)
  return outcomes
}

function optionsOf(edges: readonly number[], insets: readonly number[]): { at: number; weight: number }[] {
  const ends = [0, ...edges, 1]
  return ends.slice(1).flatMap((end, i) => {
    const width = end - ends[i]!
    if (width < SLIVER) return []
    return insets.map((inset) => ({ at: ends[i]! + inset * width, weight: width / insets.length }))
  })
}

/** The inner edges of the inverse CDF of `probs`. */
export function cdfEdges(probs: readonly number[]): number[] {
  let reached = 0
  return probs.slice(0, -1).map((p) => Math.min(1, (reached += p)))
}
