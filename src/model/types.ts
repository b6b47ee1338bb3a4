/** Contracts of models: shared weights (`TargetModel`), private state (`Sequence`). */
import type { PrefixUse } from '../cache/index.ts'
import type { GraphCounts } from '../tensor/index.ts'
import type { Pooling } from './pooling.ts'
import type { NodeId, Scores, TokenId, TokenTree } from '../tree/index.ts'

/** What other layers may know of a model: plain fields, frozen. */
export interface ModelSpec {
  readonly architecture: string
  readonly name: string
  readonly vocabSize: number
  readonly layerCount: number
  readonly width: number
  /** Tokens the model was trained for. */
  readonly trainedContext: number
  /** Bytes of all weights in memory. */
  readonly weightBytes: number
  /** Bytes of KV per token, all layers. */
  readonly kvBytesPerToken: number
  readonly parameterCount: number
  /** How the file says that a text's rows make one vector; left out where it says nothing. */
  readonly pooling?: Pooling | undefined
  /** Identifies the weights: hash of header, tensor table and file size. */
  readonly fingerprint: string
}

export interface PrefillOptions {
  readonly signal?: AbortSignal | undefined
  /** Called after every chunk with tokens done and tokens in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
  /** Called after every chunk: logits of the chunk's rows that `wanted` selected. */
  readonly onRows?: ((rows: readonly PromptRow[]) => void) | undefined
  /**
   * Called after every chunk with the features of all its rows (`Sequence.tap` says which); `first` is the index of the
   * chunk's first token. The receiver may keep the rows. The next chunk waits for what it returns.
   */
  readonly onFeatures?: ((first: number, rows: readonly Float32Array[]) => Promise<void> | void) | undefined
  /** Which prompt positions (index into `tokens`) need logits besides the last; none by default. */
  readonly wanted?: ((index: number) => boolean) | undefined
  /** Where chunks are read; by default in passes of their own. */
  readonly passes?: PromptPasses | undefined
}

/** Who reads the chunks of a prompt, perhaps in one pass with other texts. */
export interface PromptPasses {
  /** Most tokens of the next chunk. */
  readonly rows: number
  score(item: ScoreItem): Promise<Scores>
}

export interface PromptRow {
  /** Index into the prefilled tokens. */
  readonly index: number
  readonly token: TokenId
  /** [vocab], a view valid during the callback only. */
  readonly logits: Float32Array
}

/** One text's rows in the KV cache. */
export interface Sequence extends Disposable {
  /** Tokens committed to the cache. */
  readonly length: number
  /** Most tokens this sequence can hold. */
  readonly capacity: number
  /** Reads tokens in chunks; afterwards they are committed. Row 0 of the result is the last token's. */
  prefill(tokens: readonly TokenId[], options?: PrefillOptions): Promise<Scores>
  /** Keeps the rows of root + accepted nodes of the last scored tree (in order), drops the rest. */
  commit(accepted: readonly NodeId[]): void
  /** Forgets everything after the first `length` tokens, and any uncommitted tree. */
  truncate(length: number): void
  /**
   * From now on scores carry `features`: the residual stream that enters each of `layers` (0 to the number of layers, which
   * means the stream after the last one), one after the other. None by default: then passes cost what they cost without taps.
   */
  tap(layers: readonly number[]): void
}

export interface ScoreItem {
  readonly sequence: Sequence
  readonly tree: TokenTree
  /** Score only nodes with id >= `from`; the others were scored since the last commit. Default 0. */
  readonly from?: NodeId | undefined
  /** Nodes whose logits are wanted, ascending; default: all scored ones. */
  readonly outputs?: readonly NodeId[] | undefined
}

/** Rows of beginnings that texts share, kept when their sequences go on to other texts. */
export interface PrefixStore {
  readonly use: PrefixUse
  /**
   * Appends to the sequence, whose rows are a beginning of `tokens`, what is known of the first `most` of them. Returns its
   * length then.
   */
  load(sequence: Sequence, tokens: readonly TokenId[], most: number): number
  /** Keeps copies of the sequence's rows; `tokens` are those that they belong to. */
  save(sequence: Sequence, tokens: readonly TokenId[]): void
}

export interface OpenOptions {
  /** Most tokens; default: the model's context setting. */
  readonly capacity?: number
}

export interface TargetModel extends AsyncDisposable {
  readonly spec: ModelSpec
  /** Tokens one sequence may hold by default. */
  readonly context: number
  /** Graphs on the model's device, those of its drafters included; undefined for models without any. */
  readonly graphs?: GraphCounts
  open(options?: OpenOptions): Sequence
  /** One pass over all trees of all items. Calls queue up: one pass at a time. */
  score(batch: readonly ScoreItem[]): Promise<Scores[]>
}

/** What other layers may know of a draft head. */
export interface DraftHeadSpec {
  readonly name: string
  /** Layers whose incoming residual stream the head reads (`Sequence.tap`). */
  readonly taps: readonly number[]
  /** Tokens that it can propose. */
  readonly draftVocabSize: number
  readonly weightBytes: number
}

/** One row of the text as a draft head reads it. */
export interface HeadRow {
  /** Position of the token whose features these are. */
  readonly position: number
  /** The token *after* that position. */
  readonly next: TokenId
  /** `Scores.features` at that position. */
  readonly features: Float32Array
}

/** A drafted token that a head shall read. */
export interface HeadNode {
  /** Index of its parent among the nodes given to `draft` since the last `read`; -1 for a child of the text. */
  readonly parent: number
  readonly token: TokenId
}

/** The likeliest tokens after a row, best first, and their probabilities among all that the head can propose. */
export interface HeadGuess {
  readonly tokens: readonly TokenId[]
  readonly probs: Float32Array
}

/** One text's rows in a draft head's cache, and the drafted rows below its end. */
export interface HeadSequence extends Disposable {
  /** Rows of the text. */
  readonly length: number
  readonly capacity: number
  /** Drafted rows for which there is still room. */
  readonly room: number
  /**
   * Appends rows of the text, in ascending order of positions, which need not be dense; drops drafted rows. With a `count`
   * the `count` likeliest tokens after the last row; undefined without.
   */
  read(rows: readonly HeadRow[], count?: number): Promise<HeadGuess | undefined>
  /** Appends drafted rows below the last row that was read with a `count`; what may follow each of them. */
  draft(nodes: readonly HeadNode[], count: number): Promise<HeadGuess[]>
  /** Forgets the rows after the first `length`, and all drafted ones. */
  truncate(length: number): void
  /**
   * Appends rows that earlier texts left (`save`), as far as they began with `tokens`. Only for texts whose rows are those of
   * the positions from 0 on, without a gap. Returns the rows of the text then. Left out where nothing is kept.
   */
  load?(tokens: readonly TokenId[]): number
  /** Leaves copies of the rows of `tokens`, those of the positions from 0 on: one row less than tokens. */
  save?(tokens: readonly TokenId[]): void
}

/** A small network that drafts from what the target computed; it borrows the target's device and tables. */
export interface DraftHead extends AsyncDisposable {
  readonly spec: DraftHeadSpec
  /** Undefined when the cache has no room for another text. */
  open(): HeadSequence | undefined
}

/** A model whose passes can be priced without reading a prompt first. */
export interface PricedModel extends TargetModel {
  /** Finds out what our kernels run best with on this processor, unless it is known; `sequence` is emptied. */
  tune(sequence: Sequence): Promise<void>
  /** Milliseconds of one pass over `rows` rows as if `context` tokens were cached; `sequence` is emptied. */
  timePass(sequence: Sequence, rows: number, context: number): Promise<number>
}
