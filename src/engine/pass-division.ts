/**
 * Which nodes of whose tree get a row when requests share a pass: the most expected tokens per millisecond of all together
 * (`planBatch`). A confident request takes rows that a guessing one does not; where rows are dear nobody drafts.
 */
import { mean } from '../util/math.ts'
import { planBatch, type CostModel } from '../policy/index.ts'
import type { TokenTree } from '../tree/index.ts'

/** A tree that wants rows. */
export interface Wish {
  readonly tree: TokenTree
  /** Chances of its paths; undefined: all of its nodes or none. */
  readonly chances: Float64Array | undefined
  /** Tokens of its text in the cache. */
  readonly context: number
  readonly cost: CostModel
}

/** What the pass holds besides the trees. */
export interface PassConditions {
  /** Rows of prompts. */
  readonly promptRows: number
  /** Most rows of all trees. */
  readonly maxRows: number
  /** Milliseconds since the last pass: drafting and all else. */
  readonly spentMs: number
}

/** What rows bring must be so much more than their price. */
const MARGIN = 0.06

/** The trees in the order of `wishes`, those with chances cut to what deserves a row. */
export function divideRows(wishes: readonly Wish[], conditions: PassConditions): TokenTree[] {
  const { cost } = wishes.find(({ chances }) => chances !== undefined) ?? {}
  if (cost === undefined) return wishes.map(({ tree }) => tree)
  const context = mean(wishes.map((wish) => wish.context))
  // Nodes that are scored whatever happens make all others dearer.
  const insisted = wishes.reduce((sum, { tree, chances }) => sum + (chances ? 0 : tree.size - 1), 0)
  const fixed = insisted + conditions.promptRows
  const roots = wishes.length
  // Prompts have to be read one time or another: they move the price of a row, and are no part of what a token costs.
  const promptsMs = cost.targetMs(fixed + roots, context) - cost.targetMs(insisted + roots, context)
  // Behind the end of the list rows cost alike, and each number of them may be the best.
  const most = fixed + wishes.reduce((sum, { tree, chances }) => sum + (chances ? tree.size : 1), 0)
  const listed = Math.max(fixed + roots, cost.cheapRows.at(-1) ?? 0)
  const beyond = Array.from({ length: Math.max(0, most - listed) }, (_, index) => listed + index + 1)
  const plan = planBatch({
    chances: wishes.map(({ chances }) => chances ?? ROOT_ALONE),
    targetMs: (rows) => cost.targetMs(fixed + rows, context) - promptsMs,
    cheapRows: [...cost.cheapRows, ...beyond].map((rows) => rows - fixed),
    maxRows: conditions.maxRows,
    spentMs: conditions.spentMs,
    margin: MARGIN,
  })
  return wishes.map(({ tree, chances }, index) => {
    const nodes = plan.nodes[index] ?? []
    return chances === undefined || nodes.length === tree.size - 1 ? tree : tree.keep(nodes)
  })
}

/** The rows of a pass that was computed. */
export interface PassRows {
  /** Of each tree, roots included. */
  readonly trees: readonly number[]
  /** Of prompts. */
  readonly promptRows: number
}

/**
 * What of a pass that took `ms` belongs to the tree at `index`: an equal part of what plain decoding would have taken, and of what all
 * nodes added as much as it had nodes. The price list says what that is; a machine that is slower than its list is so for all.
 */
export function ownTime(
  { trees, promptRows }: PassRows,
  index: number,
  ms: number,
  price: (rows: number) => number,
): number {
  const rows = trees.reduce((sum, own) => sum + own, 0)
  const nodes = rows - trees.length
  const plain = price(trees.length)
  const added = nodes === 0 ? 0 : ((price(rows) - plain) * ((trees[index] ?? 1) - 1)) / nodes
  return (ms * (plain / trees.length + added)) / price(rows + promptRows)
}

// ---------------------------------------------------------------------------------------------------------------

const ROOT_ALONE = Float64Array.of(1)
