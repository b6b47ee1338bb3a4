/** Whose rows a shared pass takes when not all fit: trees before prompts, and of prompts one after the other. */
import type { ScoreItem } from '../model/index.ts'

/** Rows of a prompt per pass while nobody decodes: more would make no row cheaper. */
export const PROMPT_ROWS = 64
/** The same while others decode: their tokens wait for these rows. */
export const PROMPT_ROWS_BESIDE = 32
/** Rows of all prompts in one pass. */
const MOST_PROMPT_ROWS = 64
/** Rows of all trees in one pass: masks and logits of more would take hundreds of megabytes. */
const MOST_TREE_ROWS = 512

/** What wants to be in a pass. */
export interface Candidate {
  readonly item: Pick<ScoreItem, 'tree'>
  /** Who came first has the smaller number. */
  readonly arrived: number
  readonly seat: {
    readonly decodes: boolean
    /** Lower ones are read first. */
    readonly priority: number
    /** Who joined first has the smaller number. */
    readonly joined: number
  }
}

/**
 * The candidates of the next pass. Trees go by arrival, so that what is left out now is first next time; prompts by priority,
 * then by age: two prompts read at once are both late.
 */
export function choosePass<C extends Candidate>(candidates: readonly C[]): C[] {
  const trees = candidates.filter(({ seat }) => seat.decodes).sort((a, b) => a.arrived - b.arrived)
  const prompts = candidates
    .filter(({ seat }) => !seat.decodes)
    .sort((a, b) => a.seat.priority - b.seat.priority || a.seat.joined - b.seat.joined)
  return [...firstRows(trees, MOST_TREE_ROWS), ...firstRows(prompts, MOST_PROMPT_ROWS)]
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
