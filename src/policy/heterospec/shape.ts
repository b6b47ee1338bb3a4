/**
 * What an entropy bin changes about EAGLE's tree (HeteroSpec, arXiv 2505.13254): Dynamic Extended
 * Drafting (DED) adds levels, Top-N Pruning (TNP) verifies fewer nodes. Only in the three lowest bins; elsewhere the tree
 * is EAGLE's.
 */

export interface ShapeOptions {
  /** Levels that are expanded below the first one, as EAGLE counts them: the paper's d. */
  readonly depth: number
  /** Nodes of the verified tree, the root included, as EAGLE counts them: the paper's Top_N. */
  readonly totalTokens: number
  /** The paper's alpha. */
  readonly alpha: number
  /** Share of the nodes that is verified, for bins 0, 1 and 2. */
  readonly gammas: readonly number[]
  readonly ded: boolean
  readonly tnp: boolean
}

/** Counted as EAGLE counts. */
export interface Shape {
  readonly depth: number
  readonly totalTokens: number
}

/** Bins that change something. */
export const LOW_BINS = 3

/** Half of the depth, rounded up: best in the paper's sweep. */
export function defaultAlpha(depth: number): number {
  return Math.ceil(depth / 2)
}

/**
 * The tree of a round in bin `bin`: d + (alpha - i) levels and floor(gamma_i x Top_N) + (alpha - i) nodes for i = 0, 1, 2.
 * The addend pays for the levels that DED added, so it is left out with DED, and it is never negative.
 */
export function shapeOf(bin: number, { depth, totalTokens, alpha, gammas, ded, tnp }: ShapeOptions): Shape {
  if (bin >= LOW_BINS) return { depth, totalTokens }
  const extra = ded ? Math.max(0, alpha - bin) : 0
  // 0.29 x 100 is 28.999999999999996 in binary fractions, and means 29.
  const kept = Math.floor((gammas[bin] ?? 1) * totalTokens + 1e-9)
  return { depth: depth + extra, totalTokens: tnp ? kept + extra : totalTokens }
}

/** The largest tree of all bins, by depth and by nodes: what has to be planned for. */
export function largestShape(options: ShapeOptions): Shape {
  const shapes = Array.from({ length: LOW_BINS + 1 }, (_, bin) => shapeOf(bin, options))
  return {
    depth: Math.max(...shapes.map(({ depth }) => depth)),
    totalTokens: Math.max(...shapes.map(({ totalTokens }) => totalTokens)),
  }
}
