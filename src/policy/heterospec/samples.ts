/**
 * What the bins are learned from: the entropy of a round's meta-path, and how far down the ranking the text really went
 * (HeteroSpec's terminal confidence rank, arXiv 2505.13254).
 *
 * A round is judged against the nodes that plain EAGLE would have verified, pruned or not, and by the text, not by what was
 * scored: where pruning cut the tree, later rounds say how the text went on. So bins that prune do not spoil the samples
 * that they are learned from.
 */
import { bestNodes, type NodeId, type TokenId, type TokenTree } from '../../tree/index.ts'
import type { MetaPath } from './entropy.ts'

/** One judged round. Plain data. */
export interface BinSample {
  /** H(P*) in nats. */
  readonly entropy: number
  /**
   * Rank by cumulative confidence, 1 being the best, of the last node of the longest path that the text took (the terminal
   * confidence rank), 0 when not even a first token was right; of the last node of P* where P* came true.
   */
  readonly rank: number
  /** P* came true as a whole; with only such rounds the paper fits its bins. */
  readonly fullyAccepted: boolean
}

/** A drafted round whose text is still to come. */
export class OpenSample {
  readonly #tree: TokenTree
  readonly #entropy: number
  readonly #terminal: NodeId
  /** Rank of each node that plain EAGLE would verify. */
  readonly #ranks: ReadonlyMap<NodeId, number>
  #node: NodeId = 0

  /** `tree` as it is after the ordinary levels (nodes added later do not count); plain EAGLE would verify its best `nodes`. */
  constructor(tree: TokenTree, { terminal, entropy }: MetaPath, nodes: number) {
    this.#tree = tree
    this.#entropy = entropy
    this.#terminal = terminal
    this.#ranks = new Map(bestNodes(tree, nodes).map((node, index) => [node, index + 1]))
  }

  /** Goes on with the text. Returns the sample once it is known how far the tree foresaw the text. */
  follow(tokens: readonly TokenId[]): BinSample | undefined {
    for (const token of tokens) {
      const child = this.#tree.child(this.#node, token)
      if (!this.#ranks.has(child)) return this.#sample()
      this.#node = child
      // What lies below P* belongs to deeper trees than the ordinary one.
      if (child === this.#terminal) return this.#sample()
    }
    return undefined
  }

  #sample(): BinSample {
    const fullyAccepted = this.#node === this.#terminal
    return { entropy: this.#entropy, rank: this.#ranks.get(this.#node) ?? 0, fullyAccepted }
  }
}
