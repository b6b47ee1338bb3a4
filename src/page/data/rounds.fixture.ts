/** Rounds for tests. */
import type { Round } from '../types.ts'

/** A round with this tree; sources alternate between `lookup` and `recycling`. */
export function makeRound(
  parts: {
    readonly tokens: number[]
    readonly parents: number[]
    readonly acceptedPath: number[]
    readonly emitted: number[]
  },
  more: Partial<Round> = {},
): Round {
  const { tokens, parents, acceptedPath, emitted } = parts
  return {
    round: 0,
    context: 10,
    budget: { depth: 4, width: 2, nodes: 8 },
    drafted: tokens.length - 1,
    accepted: acceptedPath.length,
    emitted,
    tree: {
      tokens,
      parents,
      logProbs: tokens.map((_, index) => (index === 0 ? 0 : -0.1 * index)),
      sources: tokens.map((_, index) => (index === 0 ? 0 : (index - 1) % 2)),
      acceptedPath,
    },
    sourceNames: ['lookup', 'recycling'],
    draftMs: 1,
    targetMs: 8,
    hostMs: 1,
    ...more,
  }
}
