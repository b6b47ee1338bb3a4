/**
 * From what a drafter believes to what comes true: the chance that a node is accepted once its parent was, given the
 * drafter's own estimate. One curve per source for children of the root and one for deeper nodes.
 *
 * A node is judged when its parent is on the path that the text took, scored or not: the text shows for every child of
 * the parent whether it was right. So a tree that was drafted and not verified teaches as much as one that was, and the
 * estimate is accepted / (accepted + rejected), never accepted / proposed, which counts unjudged nodes as failures.
 */
import type { NodeId, TokenId, TokenTree } from '../tree/index.ts'
import { interpolate, isotonic, locate } from './isotonic.ts'
import type { AcceptanceCounts, PolicyMemory } from './types.ts'

/** Estimates at which curves are kept; between them they are straight. Closer together where products are sensitive. */
const KNOTS = [0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 1]
/** The prior starts with the weight of this many judged nodes per knot; a first estimate is the drafter's own. */
const PRIOR = 4
/** Each judged node lets the older ones of its knot, the prior among them, fade by this factor: about seventy count. */
const FADE = 0.985

export class Acceptance {
  readonly #sources: PolicyMemory['acceptance']
  /** What a judged node leaves of the older ones. */
  readonly #fade: number
  /** Curves by source, built when asked for; dropped when anything was learned. */
  #curves: { readonly first: number[]; readonly deeper: number[] }[] = []

  /** `sources` is where the counts live; it may be shared with other sessions. With `lasting` older nodes do not fade. */
  constructor(sources: PolicyMemory['acceptance'], lasting = false) {
    this.#sources = sources
    this.#fade = lasting ? 1 : FADE
  }

  /** Starts a round: what other sessions learned meanwhile counts from here on. */
  refresh(): void {
    this.#curves = []
  }

  /** Chance that a node at `depth` (1 below the root) with the drafter's estimate `prob` is accepted once its parent is. */
  calibrate(prob: number, depth: number, source = 0): number {
    const curves = (this.#curves[source] ??= this.#fit(source))
    return interpolate(depth > 1 ? curves.deeper : curves.first, locate(KNOTS, prob))
  }

  /** [size] calibrated chance of each node's path, 1 for the root. Never above the parent's. */
  pathProbs(tree: TokenTree): Float64Array {
    const { size, parents, depths, logProbs, sources } = tree
    const probs = new Float64Array(size)
    probs[0] = 1
    for (let node = 1; node < size; node++) {
      const own = this.calibrate(Math.exp(logProbs[node] as number), depths[node] as number, sources[node])
      probs[node] = (probs[parents[node] as NodeId] as number) * own
    }
    return probs
  }

  /**
   * Follows the text through a tree: below `from`, each of `tokens` judges the children of the node it has reached.
   * Returns the node reached, or -1 when the tree did not foresee the text.
   */
  learn(tree: TokenTree, from: NodeId, tokens: Iterable<TokenId>): NodeId {
    const { tokens: drafted, logProbs, depths, sources } = tree
    let node = from
    for (const token of tokens) {
      for (const child of tree.children(node)) {
        const prob = Math.exp(logProbs[child] as number)
        this.#count(prob, depths[child] as number, sources[child] as number, drafted[child] === token)
      }
      node = tree.child(node, token)
      if (node < 0) break
    }
    this.#curves = []
    return node
  }

  #count(prob: number, depth: number, source: number, accepted: boolean): void {
    while (this.#sources.length <= source) this.#sources.push({ first: emptyCounts(), deeper: emptyCounts() })
    const { first, deeper } = this.#sources[source] as PolicyMemory['acceptance'][number]
    const counts = depth > 1 ? deeper : first
    const { index, fraction } = locate(KNOTS, prob)
    addTo(counts, index, 1 - fraction, accepted, this.#fade)
    if (fraction > 0) addTo(counts, index + 1, fraction, accepted, this.#fade)
  }

  /** The deeper curve leans on the first one where it has seen little, the first one on the drafter. */
  #fit(source: number): { first: number[]; deeper: number[] } {
    const counts = this.#sources[source] ?? { first: emptyCounts(), deeper: emptyCounts() }
    const first = curve(counts.first, KNOTS)
    return { first, deeper: curve(counts.deeper, first) }
  }
}

// ---------------------------------------------------------------------------------------------------------------

function emptyCounts(): AcceptanceCounts {
  return { judged: KNOTS.map(() => 0), accepted: KNOTS.map(() => 0) }
}

function addTo(
  { judged, accepted }: AcceptanceCounts,
  knot: number,
  weight: number,
  success: boolean,
  fade: number,
): void {
  const keep = fade ** weight
  judged[knot] = (judged[knot] as number) * keep + weight
  accepted[knot] = (accepted[knot] as number) * keep + (success ? weight : 0)
}

/** Means of Beta posteriors around `prior` [knots], made non-decreasing: more confident drafts are never worth less. */
function curve({ judged, accepted }: AcceptanceCounts, prior: readonly number[]): number[] {
  // After n nodes `judged` is (1 - FADE ** n) / (1 - FADE), which tells how much of the prior is left.
  const priors = judged.map((count) => PRIOR * Math.max(0, 1 - (1 - FADE) * count))
  const weights = judged.map((count, i) => count + (priors[i] as number))
  const means = weights.map((all, i) => ((priors[i] as number) * (prior[i] as number) + (accepted[i] as number)) / all)
  // Knots that no draft ever touched must not hold up those that were seen: they hardly count here.
  return isotonic(
    means,
    judged.map((count) => count + 0.05),
  )
}
