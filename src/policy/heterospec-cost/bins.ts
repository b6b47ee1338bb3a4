/**
 * Entropy bins of nodes: how open the drafter's distributions were on the way to a node, in nats per step. HeteroSpec (arXiv
 * 2505.13254) asks this once a round, of its surest path, to choose among fixed shapes; here it tells which curve to
 * trust, so it is asked of every node, of its own path.
 */
import type { NodeId, TokenTree } from '../../tree/index.ts'
import { topKEntropy } from '../heterospec/entropy.ts'
import type { LevelReport } from '../types.ts'

/** Upper ends of the bins but the last, in nats per step. */
const EDGES = [0.1, 0.4, 1, 1.8]
/** Bins of nodes whose distributions are known. */
export const BINS = EDGES.length + 1
/** The bin of nodes whose distributions nobody told: those of drafters that tell none, and those that only a cheap source of a merged tree has spoken about. */
export const UNKNOWN_BIN = EDGES.length + 1
/** The K of the entropies, as in the paper. */
const TOP = 10

/** The bin of a path of mean entropy `nats`. */
export function binOfMean(nats: number): number {
  let bin = 0
  while (bin < EDGES.length && nats > (EDGES[bin] as number)) bin++
  return bin
}

/** Bins of one round's nodes, told level by level. */
export class RoundBins {
  #tree: TokenTree | undefined
  /** By node: the sum of the entropies that its path was drawn from; NaN where one is unknown. */
  #sums: number[] = [0]
  /** By node: the entropy of the distribution after it, once it is expanded. */
  readonly #after = new Map<NodeId, number>()
  #bins: number[] = [UNKNOWN_BIN]

  /** [size] bins of the tree's nodes; those that were told before keep theirs. */
  of({ tree, topProbs }: Pick<LevelReport, 'tree' | 'topProbs'>): readonly number[] {
    if (tree !== this.#tree) this.#begin(tree)
    for (let node = this.#sums.length; node < tree.size; node++) {
      const parent = tree.parents[node] as NodeId
      const sum = (this.#sums[parent] as number) + this.#entropyAfter(parent, topProbs)
      this.#sums.push(sum)
      this.#bins.push(Number.isNaN(sum) ? UNKNOWN_BIN : binOfMean(sum / (tree.depths[node] as number)))
    }
    return this.#bins
  }

  /** [size] bins of the nodes told so far. */
  get latest(): readonly number[] {
    return this.#bins
  }

  /** Mean entropy of the path to `node`, in nats per step; undefined for the root and where nobody told it. */
  meanOf(node: NodeId): number | undefined {
    const depth = this.#tree?.depths[node] ?? 0
    const sum = this.#sums[node] ?? NaN
    return depth > 0 && !Number.isNaN(sum) ? sum / depth : undefined
  }

  /** Begins anew with a tree whose nodes are no longer what they were: another one, or one whose nodes were restated. */
  restart(tree: TokenTree): void {
    this.#begin(tree)
  }

  #begin(tree: TokenTree): void {
    this.#tree = tree
    this.#sums = [0]
    this.#bins = [UNKNOWN_BIN]
    this.#after.clear()
  }

  #entropyAfter(node: NodeId, topProbs: LevelReport['topProbs']): number {
    let entropy = this.#after.get(node)
    if (entropy === undefined) this.#after.set(node, (entropy = topKEntropy(topProbs(node), TOP) ?? NaN))
    return entropy
  }
}
