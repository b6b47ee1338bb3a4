/**
 * Which nodes are worth a row of the target pass: those with the most probable paths (EAGLE-2, arXiv 2406.16858, re-ranking).
 * The walk accepts a node with the probability of its path, so these nodes maximise the expected accepted tokens,
 * as far as the drafter's estimates are right.
 *
 * Choosing by rank makes a sampled tree a ranked one: ratio rules would be wrong for what is left of it.
 */
import { topK } from '../util/topk.ts'
import type { NodeId, Ranked, TokenTree } from './types.ts'

/**
 * The `count` nodes with the highest path log-probability, best first, the root not among them.
 * A child never scores above its parent and ties go to the smaller id, so the set is connected.
 * Scores are compared in float32, the precision of `logProbs`.
 */
export function bestNodes(tree: TokenTree, count: number): NodeId[] {
  const { ids } = topK(pathLogProbs(tree).subarray(1), Math.max(0, count))
  return Array.from(ids, (id) => id + 1)
}

/** The tree of the root and its `count` best nodes. The tree itself when it has no more than that. */
export function pruneTree(tree: TokenTree, count: number): Ranked {
  return { kind: 'ranked', tree: count >= tree.size - 1 ? tree : tree.keep(bestNodes(tree, count)) }
}

/**
 * [size] tokens that a round is expected to emit when the n best nodes are verified, for n = 0 .. size - 1:
 * one of the target's own, and each node with the probability of its path.
 */
export function expectedTokens(tree: TokenTree): Float64Array {
  const expected = new Float64Array(tree.size)
  const scores = pathLogProbs(tree).subarray(1).sort()
  expected[0] = 1
  for (let n = 1; n < tree.size; n++)
    expected[n] = (expected[n - 1] as number) + Math.exp(scores[tree.size - 1 - n] as number)
  return expected
}

/** [size] sums of `logProbs` along each node's path. Adding numbers of at most 0 and rounding keep child <= parent. */
export function pathLogProbs(tree: TokenTree): Float32Array {
  const { size, parents, logProbs } = tree
  const sums = new Float32Array(size)
  for (let node = 1; node < size; node++)
    sums[node] = (sums[parents[node] as NodeId] as number) + (logProbs[node] as number)
  return sums
}
