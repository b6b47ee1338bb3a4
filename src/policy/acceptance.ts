/**
 * From what a drafter believes to what comes true: the chance that a node is accepted once its parent was, given the
 * drafter's own estimate. One curve per source for children of the root and one for deeper nodes.
 *
 * A node is judged when its parent is on the path that the text took, scored or not: the text shows for every child of
 * the parent whether it was right. So a tree that was drafted and not verified teaches as much as one that was, and the
 * estimate is accepted / (accepted + rejected), never accepted / proposed, which counts unjudged nodes as failures.
 */
import type { NodeId, TokenId, TokenTree } from '../tree/index.ts'
import { acceptanceCurve, countJudged, emptyCounts, type Weighing } from './counts.ts'
import { interpolate, locate } from './isotonic.ts'
import type { PolicyMemory } from './types.ts'

/** Estimates at which curves are kept; between them they are straight. Closer together where products are sensitive. */
const KNOTS = [0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 1]
/** A first estimate is the drafter's own; about seventy judged nodes count. */
const WEIGHING: Weighing = { prior: 4, fade: 0.985 }

export class Acceptance {
  readonly #sources: PolicyMemory['acceptance']
  /** What a judged node leaves of the older ones. */
  readonly #fade: number
  /** Curves by source, built when asked for; dropped when anything was learned. */
  #curves: { readonly first: number[]; readonly deeper: number[] }[] = []

  /** `sources` is where the counts live; it may be shared with other sessions. With `lasting` older nodes do not fade. */
  constructor(sources: PolicyMemory['acceptance'], lasting = false) {
    this.#sources = sources
    this.#fade = lasting ? 1 : WEIGHING.fade
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
    while (this.#sources.length <= source) this.#sources.push(nothingSeen())
    const { first, deeper } = this.#sources[source] as PolicyMemory['acceptance'][number]
    const counts = depth > 1 ? deeper : first
    countJudged(counts, locate(KNOTS, prob), accepted, this.#fade)
  }

  /** The deeper curve leans on the first one where it has seen little, the first one on the drafter. */
  #fit(source: number): { first: number[]; deeper: number[] } {
    const counts = this.#sources[source] ?? nothingSeen()
    const first = acceptanceCurve(counts.first, KNOTS, WEIGHING)
    return { first, deeper: acceptanceCurve(counts.deeper, first, WEIGHING) }
  }
}

// ---------------------------------------------------------------------------------------------------------------

function nothingSeen(): PolicyMemory['acceptance'][number] {
  return { first: emptyCounts(KNOTS.length), deeper: emptyCounts(KNOTS.length) }
}
