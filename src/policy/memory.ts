/** The statistics that sessions of one engine share (see `PolicyMemory`), and running means for them. */
import type { PolicyMemory } from './types.ts'

/** A memory that knows nothing yet. */
export function createPolicyMemory(): PolicyMemory {
  return { acceptance: [], draftMs: null, levelMs: null, roundsSincePlain: 0, bins: null, cost: null }
}

/** Share of the newest value in a running mean of times: about ten rounds. */
const NEWEST = 0.1

/** A running mean that one slow round cannot upset: a value counts at most twice the mean. */
export function meanTime(known: number | null, ms: number): number {
  if (known === null) return ms
  return known + NEWEST * (Math.min(ms, 2 * known) - known)
}
