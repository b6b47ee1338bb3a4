/**
 * The prices of one round in plain passes: what a pass over n draft nodes costs, when a plain one costs 1.
 * A sequence that shares its passes with others takes them to choose as it does: rows then cost what they cost the batch. Where rows
 * are divided, a plain pass is this sequence's part of it: drafts of several share the time before it, so each weighs against a part.
 */
import type { RoundContext } from './types.ts'

export interface RoundPrices {
  /** Milliseconds of a plain round. */
  readonly plainMs: number
  /** The price of verifying `nodes` draft nodes. */
  of(nodes: number): number
  /** Node counts worth considering, ascending, at most `limit`: those that end a stair of the price list, and `limit`. */
  candidates(limit: number): number[]
  /** Chance below which no path can be worth its row, whatever else is verified; 0 where a sequence is alone. */
  readonly least: number
}

/** Drafters may be too modest: what they give half the chance that a row must have is grown nevertheless. */
const DOUBT = 0.5

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
    get least() {
      return divided ? DOUBT * cheapestRow({ cost, context, batch }) : 0
    },
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** The price of one more row where rows are cheapest, in tokens of plain decoding. */
function cheapestRow({ cost, context, batch }: Pick<RoundContext, 'cost' | 'context' | 'batch'>): number {
  const plainMs = cost.targetMs(batch, context)
  const more = [...cost.cheapRows.filter((rows) => rows > batch), 2 * batch]
  const perRow = Math.min(...more.map((rows) => (cost.targetMs(rows, context) - plainMs) / (rows - batch)))
  return Math.min(1, Math.max(0, (perRow * batch) / plainMs))
}
