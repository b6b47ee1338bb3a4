/**
 * How predictable the next stretch of text looks to the drafter: HeteroSpec's cumulative meta-path top-K entropy
 * (arXiv 2505.13254), from the draft's own probabilities and nothing else.
 *
 * The meta-path P* is the path of the beam whose last token was drawn from the surest distribution; its entropy is the sum
 * over the distributions that its tokens were drawn from, each cut to its K likeliest tokens and renormalised. Choices that
 * the paper leaves open: docs/methods/heterospec.md.
 */
import type { NodeId } from '../../tree/index.ts'
import type { LevelReport } from '../types.ts'

/** The path that tells for the round. */
export interface MetaPath {
  /** Its last node, a member of the frontier. */
  readonly terminal: NodeId
  /** H(P*) in nats, between 0 and depth x ln K. */
  readonly entropy: number
}

/**
 * Entropy in nats of the `count` first of `probs` (best first, at least 0, any common scale), renormalised to sum 1;
 * undefined when they hold no probability at all.
 */
export function topKEntropy(probs: Float32Array, count: number): number | undefined {
  const top = Math.min(count, probs.length)
  let sum = 0
  for (let i = 0; i < top; i++) sum += probs[i] as number
  if (!(sum > 0)) return undefined
  let entropy = 0
  for (let i = 0; i < top; i++) {
    const share = (probs[i] as number) / sum
    if (share > 0) entropy -= share * Math.log(share)
  }
  // Rounding may leave a tiny negative number of a nearly sure distribution.
  return Math.max(0, entropy)
}

/**
 * P* among the paths to the frontier, and its entropy over the `count` likeliest tokens of each step. Ties go to the
 * likelier node (in a merged tree a sibling from another source may be older), then to the smaller id. Undefined when there is no frontier or a distribution along the path was not reported.
 */
export function metaPath(level: LevelReport, count: number): MetaPath | undefined {
  const { tree, frontier } = level
  let terminal: NodeId = -1
  let surest = -Infinity
  for (const node of frontier) {
    const confidence = level.topProbs(tree.parents[node] as NodeId)[0] ?? -Infinity
    if (confidence > surest || (confidence === surest && isBetter(tree, node, terminal))) {
      terminal = node
      surest = confidence
    }
  }
  if (terminal <= 0) return undefined
  let entropy = 0
  for (let at = tree.parents[terminal] as NodeId; at >= 0; at = tree.parents[at] as NodeId) {
    const step = topKEntropy(level.topProbs(at), count)
    if (step === undefined) return undefined
    entropy += step
  }
  return { terminal, entropy }
}

// ---------------------------------------------------------------------------------------------------------------

function isBetter({ logProbs }: LevelReport['tree'], node: NodeId, than: NodeId): boolean {
  const [a, b] = [logProbs[node] as number, logProbs[than] as number]
  return a > b || (a === b && node < than)
}
