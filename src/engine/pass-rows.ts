/** Whose rows a shared pass takes when not all fit: all trees if it can be; of prompts the oldest and the one that is soonest read. */
import type { ScoreItem } from '../model/index.ts'

/** Rows of a prompt per pass where there is nobody else: more would make no row cheaper. */
export const PROMPT_ROWS = 64
/** The same where others decode, whose tokens wait for these rows, or have prompts to be read. */
export const PROMPT_ROWS_BESIDE = 32
/** Rows of all prompts in one pass. */
const MOST_PROMPT_ROWS = 64
/** Rows of all trees in one pass: masks and logits of more would take hundreds of megabytes. */
export const MOST_TREE_ROWS = 512

/** What wants to be in a pass. */
export interface Candidate {
  readonly item: Pick<ScoreItem, 'tree'>
  /** Who came first has the smaller number. */
  readonly arrived: number
  readonly seat: {
    /** Lower ones are read first. */
    readonly priority: number
    /** Who joined first has the smaller number. */
    readonly joined: number
    /** Tokens of its prompt that are still to be read. */
    readonly toRead: number
  }
}

/** Trees by arrival, so that what is left out now is first next time. */
export function chooseTrees<C extends Candidate>(trees: readonly C[]): C[] {
  return firstRows(
    trees.toSorted((a, b) => a.arrived - b.arrived),
    MOST_TREE_ROWS,
  )
}

/**
 * Parts of prompts by priority. Among equals the oldest one, so that nobody waits for ever, and then those that are soonest read, so
 * that a short prompt does not wait for a long one; all at once would all be late.
 */
export function choosePrompts<C extends Candidate>(prompts: readonly C[]): C[] {
  const by = (key: 'joined' | 'toRead') => (a: C, b: C) =>
    a.seat.priority - b.seat.priority || a.seat[key] - b.seat[key]
  const [oldest, ...others] = prompts.toSorted(by('joined'))
  return oldest ? firstRows([oldest, ...others.toSorted(by('toRead'))], MOST_PROMPT_ROWS) : []
}

// ---------------------------------------------------------------------------------------------------------------

/** From the first on, as many as `limit` rows hold, one at least. */
function firstRows<C extends Candidate>(candidates: readonly C[], limit: number): C[] {
  const chosen: C[] = []
  let rows = 0
  for (const candidate of candidates) {
    rows += candidate.item.tree.size
    if (chosen.length > 0 && rows > limit) break
    chosen.push(candidate)
  }
  return chosen
}
