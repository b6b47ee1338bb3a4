/**
 * Contracts of the token tree: words that every layer shares. Plain data, no model, no native code.
 *
 * A *round* drafts a tree below the *root* (the last emitted token, whose KV is not yet in the target's cache),
 * *scores* it in one target pass, *verifies* it and *commits* the accepted path.
 */
import type { TopK } from '../util/topk.ts'

export type TokenId = number

/** Index of a node; node 0 is the root. */
export type NodeId = number

/** A token tree as flat arrays, parents first. A chain is a tree of width one. */
export interface TokenTree {
  readonly size: number
  /** [size] token of each node. */
  readonly tokens: Int32Array
  /** [size] `parents[0] = -1`, else `parents[i] < i`. */
  readonly parents: Int32Array
  /** [size] the root has depth 0. */
  readonly depths: Uint16Array
  /** [size] log-probability of the token given its path, as the drafter estimates it; 0 for the root. */
  readonly logProbs: Float32Array
  /** [size] index into the drafter's list of sources (`Drafter.sources`); 0 where there is only one. */
  readonly sources: Uint8Array
  /** Adds a node below `parent` and returns its id. */
  add(parent: NodeId, token: TokenId, logProb: number, source?: number): NodeId
  /** Replaces what is believed of a node, when more is known about it than when it was added; its place and token stay. */
  restate(node: NodeId, logProb: number, source: number): void
  /** The child of `parent` that carries `token`, or -1. */
  child(parent: NodeId, token: TokenId): NodeId
  /** Children of `parent`, ascending. */
  children(parent: NodeId): NodeId[]
  /** Nodes from below the root down to `node`, in order; empty for the root. */
  path(node: NodeId): NodeId[]
  /** Sum of `logProbs` from below the root down to `node`. */
  pathLogProb(node: NodeId): number
  /** The subtree of `nodes` (the root always included), ids renumbered in ascending order. Throws on a child without its parent. */
  keep(nodes: Iterable<NodeId>): TokenTree
}

/** Tokens chosen by rank or by table: only the walk may judge them. */
export interface Ranked {
  readonly kind: 'ranked'
  readonly tree: TokenTree
  /** What `tree` was pruned from, where something was left out. For traces and pictures: nothing is decided by it. */
  readonly grown?: TokenTree
}

/** Tokens drawn by chance from the draft's distribution: ratio rules may judge them, and so may the walk. */
export interface Sampled {
  readonly kind: 'sampled'
  readonly tree: TokenTree
  /** [vocab] the distribution from which the children of `parent` were drawn. */
  draftProbs(parent: NodeId): Float32Array
}

export type Proposal = Ranked | Sampled

/** What the target said about a tree. Views: valid until the next `score` on the same model. */
export interface Scores {
  /** [vocab] logits after reading the path to `node`. Throws for a node whose logits were not asked for. */
  logits(node: NodeId): Float32Array
  /** The same as `topK(logits(node), count)`, for models that need not hand out the row for it. */
  top?(node: NodeId, count: number): TopK
  /** [tapCount * width] tapped hidden states of `node`; throws when the model has no taps switched on. */
  features(node: NodeId): Float32Array
}

/** What came of one round. */
export interface RoundOutcome {
  /** The tree that was scored. */
  readonly tree: TokenTree
  /** Accepted nodes, root excluded, in order. */
  readonly accepted: readonly NodeId[]
  /** The token the target added after the accepted path: the bonus or the recovered token. */
  readonly next: TokenId
  /** Tokens in the target's cache before this round. */
  readonly context: number
  readonly draftMs: number
  /** Of the pass; where several sequences shared it, this one's part. */
  readonly verifyMs: number
  /** From the scores until the drafter has learned from them; undefined where nobody timed it. */
  readonly hostMs?: number
  /** Nothing was drafted, nor will be for a while: what a drafter can learn is worth little of others' time. Default false. */
  readonly resting?: boolean
}
