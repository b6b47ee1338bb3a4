/**
 * One pass, many sequences: which nodes of whose tree deserve a row (HeteroSpec, section 5.4, with prices instead of a fixed
 * budget). A scheduler that scores several trees in one pass asks this instead of each sequence's own choice.
 *
 * For any number of rows the nodes with the most probable paths of all trees together are best: what a round is expected to emit is a
 * plain sum over nodes, each row costs the same whoever uses it, and a child is never likelier than its parent, so the best
 * nodes of each tree form a tree. What remains is one number, the rows in all, which the price of the pass decides.
 */
import type { NodeId } from '../../tree/index.ts'

/** A batch's trees and what its pass costs. */
export interface BatchRequest {
  /**
   * Per sequence [size]: the calibrated chance of each node's path, 1 for the root; parents before children and never less likely than
   * they. An empty tree is its root alone.
   */
  readonly chances: readonly ArrayLike<number>[]
  /** Milliseconds of one pass over so many rows, all roots included. */
  readonly targetMs: (rows: number) => number
  /** Row counts worth choosing, ascending, as in `CostModel`. */
  readonly cheapRows: readonly number[]
  /** Most rows of the pass, roots included; default: no limit. */
  readonly maxRows?: number
  /** Milliseconds that drafting has taken already, whatever is chosen. */
  readonly spentMs?: number
  /** What drafts must bring beyond the price of their rows, as a share of it. */
  readonly margin?: number
}

/** The best pass of a batch. */
export interface BatchPlan {
  /** Per sequence: the nodes to verify, best first; none is plain decoding. */
  readonly nodes: readonly (readonly NodeId[])[]
  /** Rows of the pass, roots included. */
  readonly rows: number
  /** Expected tokens of all sequences together. */
  readonly tokens: number
  /** Milliseconds of the pass. */
  readonly ms: number
}

/**
 * The nodes with the most expected tokens per millisecond of the whole batch; no draft at all unless drafts bring more than their rows
 * cost, by the margin.
 *
 * A millisecond is worth what it brings where it is spent best: plain decoding of the next token, at least. Time that drafting has
 * taken is gone either way; were plain decoding charged with it too, dear drafts would make rows look cheap.
 */
export function planBatch({
  chances,
  targetMs,
  cheapRows,
  maxRows = Infinity,
  spentMs = 0,
  margin = 0,
}: BatchRequest): BatchPlan {
  const sequences = chances.length
  const ranked = rankAll(chances).slice(0, Math.max(0, maxRows - sequences))
  const counts = cheapRows.map((rows) => rows - sequences).filter((nodes) => nodes > 0 && nodes < ranked.length)
  const plain = { nodes: 0, tokens: sequences, ms: targetMs(sequences) }
  const options: (typeof plain)[] = []
  let tokens = sequences
  let summed = 0
  for (const nodes of ranked.length > 0 ? [...counts, ranked.length] : []) {
    while (summed < nodes) tokens += (ranked[summed++] as Leaf).chance
    options.push({ nodes, tokens, ms: targetMs(sequences + nodes) })
  }
  const worth = Math.max(plain.tokens / plain.ms, ...options.map((option) => option.tokens / (option.ms + spentMs)))
  const gain = ({ tokens, ms }: typeof plain): number => tokens - plain.tokens - worth * (ms - plain.ms)
  let best = plain
  for (const option of options) if (gain(option) > gain(best)) best = option
  if (gain(best) <= margin * worth * (best.ms - plain.ms)) best = plain
  const nodes: NodeId[][] = chances.map(() => [])
  for (const { sequence, node } of ranked.slice(0, best.nodes)) (nodes[sequence] as NodeId[]).push(node)
  return { nodes, rows: sequences + best.nodes, tokens: best.tokens, ms: best.ms }
}

// ---------------------------------------------------------------------------------------------------------------

interface Leaf {
  readonly sequence: number
  readonly node: NodeId
  readonly chance: number
}

/** All nodes but the roots, likeliest first; ties go to the earlier sequence, then to the smaller node: parents first. */
function rankAll(chances: readonly ArrayLike<number>[]): Leaf[] {
  const all = chances.flatMap((own, sequence) =>
    Array.from(own, (chance, node): Leaf => ({ sequence, node, chance })).slice(1),
  )
  return all.sort((a, b) => b.chance - a.chance || a.sequence - b.sequence || a.node - b.node)
}
