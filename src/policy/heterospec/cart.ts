/**
 * A regression tree of one feature (CART), of which only the thresholds matter: they cut the feature into bins. Splits are
 * found exactly, by one sweep over the sorted samples with running sums, and ties go to the smaller threshold, so that the
 * same samples give the same bins to the last bit, in whatever order they come.
 */

/** One sample: the feature and what it shall foretell. */
export interface Point {
  readonly x: number
  readonly y: number
}

/**
 * `paper`: mean squared deviation left of the split plus that right of it, each side divided by its own count, as HeteroSpec
 * prints it (arXiv 2505.13254). `weighted`: the usual loss of CART, the squared deviations of both sides.
 */
export type SplitLoss = 'paper' | 'weighted'

export interface CartOptions {
  readonly loss: SplitLoss
  /** Splits on one way from the top; depth 3 gives at most 8 bins. */
  readonly depth: number
  /** Samples that either side of a split must hold; without it the loss of the paper isolates single points. */
  readonly minimumSide: number
}

/** Thresholds between the bins, ascending; a sample on a threshold belongs to the bin below. Empty when nothing can be split. */
export function fitEdges(points: readonly Point[], options: CartOptions): number[] {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y)
  return splitWithin(sorted, 0, sorted.length, options.depth, options)
}

/** The bin of `x`: how many edges lie below it. */
export function binOf(x: number, edges: readonly number[]): number {
  let bin = 0
  while (bin < edges.length && x > (edges[bin] as number)) bin++
  return bin
}

/** The best place to split samples sorted by x: how many go left, and the threshold; undefined when there is none. */
export function bestSplit(
  sorted: readonly Point[],
  { loss, minimumSide }: Pick<CartOptions, 'loss' | 'minimumSide'>,
): { readonly left: number; readonly threshold: number } | undefined {
  const count = sorted.length
  // Around the mean the running sums stay small and lose nothing to cancellation.
  const mean = sorted.reduce((sum, { y }) => sum + y, 0) / count
  const total = sumsOf(sorted, mean)
  if (!(deviation(total) > 0)) return undefined
  const side = Math.max(1, minimumSide)
  const left = { count: 0, sum: 0, squares: 0 }
  let best: { left: number; threshold: number; loss: number } | undefined
  for (let i = 0; i < count - side; i++) {
    addTo(left, (sorted[i] as Point).y - mean)
    const [here, next] = [(sorted[i] as Point).x, (sorted[i + 1] as Point).x]
    if (left.count < side || here === next) continue
    const right = { count: count - left.count, sum: total.sum - left.sum, squares: total.squares - left.squares }
    const value =
      loss === 'paper'
        ? deviation(left) / left.count + deviation(right) / right.count
        : deviation(left) + deviation(right)
    if (best === undefined || value < best.loss) best = { left: left.count, threshold: middle(here, next), loss: value }
  }
  return best
}

// ---------------------------------------------------------------------------------------------------------------

interface Sums {
  count: number
  sum: number
  squares: number
}

function splitWithin(
  sorted: readonly Point[],
  from: number,
  to: number,
  depth: number,
  options: CartOptions,
): number[] {
  if (depth === 0 || to - from < 2) return []
  const split = bestSplit(sorted.slice(from, to), options)
  if (split === undefined) return []
  const at = from + split.left
  return [
    ...splitWithin(sorted, from, at, depth - 1, options),
    split.threshold,
    ...splitWithin(sorted, at, to, depth - 1, options),
  ]
}

/** Halfway, but never so close to `next` that rounding would put `next` into the bin below. */
function middle(here: number, next: number): number {
  const halfway = here + (next - here) / 2
  return halfway < next ? halfway : here
}

function sumsOf(points: readonly Point[], mean: number): Sums {
  const sums = { count: 0, sum: 0, squares: 0 }
  for (const { y } of points) addTo(sums, y - mean)
  return sums
}

function addTo(sums: Sums, y: number): void {
  sums.count += 1
  sums.sum += y
  sums.squares += y * y
}

/** Sum of squared deviations from the mean of the samples summed up. */
function deviation({ count, sum, squares }: Sums): number {
  return Math.max(0, squares - (sum * sum) / count)
}
