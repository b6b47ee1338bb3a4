/**
 * The prices of one round in plain passes: what a pass over n draft nodes costs, when a plain one costs 1.
 * A sequence that shares its passes with others takes them to choose as it does: rows then cost what they cost the batch. Where rows
 * are divided, a plain pass is this sequence's part of it: drafts of several come one after the other, so each weighs against a part.
 */
import type { RoundContext } from './types.ts'

export interface RoundPrices {
  /** Milliseconds of a plain round. */
  readonly plainMs: number
  /** The price of verifying `nodes` draft nodes. */
  of(nodes: number): number
  /** Node counts worth considering, ascending, at most `limit`: those that end a stair of the price list, and `limit`. */
  candidates(limit: number): number[]
}

/** Prices for a sequence at its present length. */
export function roundPrices({ cost, context, batch, divided = false }: RoundContext): RoundPrices {
  const plainMs = cost.targetMs(batch, context)
  return {
    plainMs: divided ? plainMs / batch : plainMs,
    of: (nodes) => cost.targetMs(batch * (nodes + 1), context) / plainMs,
    candidates(limit) {
      const counts = cost.cheapRows.map((rows) => Math.floor(rows / batch) - 1).filter((n) => n > 0 && n < limit)
      return limit > 0 ? [...new Set(counts), limit] : []
    },
  }
}
