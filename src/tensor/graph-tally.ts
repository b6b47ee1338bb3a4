/** How often computation graphs were found and how often they had to be built, on one device: all models and heads together. */

/** Sums since the device was opened; plain numbers, so that reading them costs nothing. */
export interface GraphCounts {
  /** Passes that found their graph. */
  readonly reused: number
  /** Passes that had to build one, and the milliseconds that this took. */
  readonly built: number
  readonly buildMs: number
}

/** The device's own, written by the caches of graphs. */
export interface GraphTally {
  reused: number
  built: number
  buildMs: number
  /** False: a graph is only used again by the very next pass, for measuring what keeping them is worth. */
  keep: boolean
}

/** A tally that starts at zero. */
export function createGraphTally(): GraphTally {
  return { reused: 0, built: 0, buildMs: 0, keep: true }
}

/** What was counted since `before`. */
export function graphsSince({ reused, built, buildMs }: GraphCounts, before: GraphCounts): GraphCounts {
  return { reused: reused - before.reused, built: built - before.built, buildMs: buildMs - before.buildMs }
}
