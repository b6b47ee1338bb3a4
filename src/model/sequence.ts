/** One text's rows in the cache: how many are committed, and which tree was scored on top of them. */
import { assert } from '../util/assert.ts'
import { DisposedError, UsageError, throwIfAborted } from '../util/errors.ts'
import { chainTree, type NodeId, type Scores, type TokenId, type TokenTree } from '../tree/index.ts'
import type { KvCache, Region } from '../cache/index.ts'
import type { PrefillOptions, PromptRow, ScoreItem, Sequence } from './types.ts'

/** Rows beyond the capacity, so that a tree fits below the last token, and padding rows behind it. */
export const SLACK_ROWS = 128

/** Tokens per pass while a prompt is read. Results do not depend on it: rows are independent of each other. */
const PREFILL_ROWS = 64

export interface SequenceParts {
  readonly cache: KvCache
  readonly region: Region
  /** Most tokens; beyond them the region has `SLACK_ROWS` at least. */
  readonly capacity: number
  readonly layerCount: number
  readonly score: (batch: readonly ScoreItem[]) => Promise<Scores[]>
  readonly release: () => void
}

export class CacheSequence implements Sequence {
  readonly capacity: number
  readonly region: Region
  readonly #parts: SequenceParts
  /** Layers whose incoming residual stream this sequence's scores carry. */
  taps: readonly number[] = []
  #length = 0
  /** Parents of the nodes scored since the last commit. */
  #scored: Int32Array | undefined
  /** Rows whose memory is known to be real. */
  #touched = 0
  #disposed = false

  constructor(parts: SequenceParts) {
    this.#parts = parts
    this.region = parts.region
    this.capacity = parts.capacity
  }

  get length(): number {
    return this.#length
  }

  async prefill(tokens: readonly TokenId[], options: PrefillOptions = {}): Promise<Scores> {
    this.requireLive()
    assert(tokens.length > 0, 'prefill of no tokens')
    if (this.#length + tokens.length > this.capacity) {
      throw new UsageError(
        'prompt-too-long',
        `expected at most ${this.capacity} tokens, got ${this.#length + tokens.length}; shorten the prompt or raise the context`,
      )
    }
    for (let start = 0; ;) {
      throwIfAborted(options.signal)
      const chunk = tokens.slice(start, start + (options.passes?.rows ?? PREFILL_ROWS))
      const isLast = start + chunk.length === tokens.length
      const scores = await this.#readChunk(chunk, start, isLast, options)
      start += chunk.length
      options.onProgress?.(start, tokens.length)
      if (isLast)
        return { logits: () => scores.logits(chunk.length - 1), features: () => scores.features(chunk.length - 1) }
    }
  }

  commit(accepted: readonly NodeId[]): void {
    this.requireLive()
    const parents = this.#scored
    assert(parents !== undefined, 'commit without a scored tree')
    let parent = 0
    for (const node of accepted) {
      assert(node < parents.length && parents[node] === parent, `node ${node} does not continue the accepted path`)
      parent = node
    }
    const base = this.region.start + this.#length
    const moves = accepted
      .map((node, index) => ({ from: base + node, to: base + index + 1 }))
      .filter(({ from, to }) => from !== to)
    this.#parts.cache.move(moves)
    this.#length += accepted.length + 1
    this.#scored = undefined
    assert(this.#length <= this.capacity, 'a commit beyond the capacity')
  }

  truncate(length: number): void {
    this.requireLive()
    assert(Number.isInteger(length) && length >= 0 && length <= this.#length, `truncate ${this.#length} to ${length}`)
    this.#length = length
    this.#scored = undefined
  }

  tap(layers: readonly number[]): void {
    this.requireLive()
    const { layerCount } = this.#parts
    for (const layer of layers) assert(layer >= 0 && layer <= layerCount, `a tap of layer ${layer} of ${layerCount}`)
    this.taps = [...layers]
  }

  /** For price lists: counts `length` rows as committed that nobody computed. `truncate(0)` ends the pretence. */
  pretend(length: number): void {
    this.requireLive()
    assert(length >= 0 && length <= this.capacity, `${length} pretended rows`)
    if (length > this.#touched) {
      this.#parts.cache.touch(this.region.start + this.#touched, length - this.#touched)
      this.#touched = length
    }
    this.#length = length
    this.#scored = undefined
  }

  /** Rows up to `length` were copied here. */
  adopt(length: number): void {
    this.requireLive()
    assert(length >= this.#length && length <= this.capacity, `${length} copied rows`)
    this.#length = length
    this.#scored = undefined
  }

  /** The model scored nodes `from..tree.size - 1`. */
  noteScored(tree: TokenTree, from: NodeId): void {
    assert(from === (this.#scored?.length ?? 0) || from === 0, 'a level was scored before the one above it')
    this.#scored = tree.parents.slice()
  }

  /** Nodes that were scored since the last commit. */
  get scoredNodes(): number {
    return this.#scored?.length ?? 0
  }

  requireLive(): void {
    if (this.#disposed) throw new DisposedError('sequence')
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#parts.release()
  }

  async #readChunk(
    chunk: readonly TokenId[],
    start: number,
    isLast: boolean,
    options: PrefillOptions,
  ): Promise<Scores> {
    const tree = chainTree(chunk)
    const wanted = chunk.map((_, node) => node).filter((node) => options.wanted?.(start + node) ?? false)
    const last = chunk.length - 1
    const outputs = isLast && wanted.at(-1) !== last ? [...wanted, last] : wanted
    const item: ScoreItem = { sequence: this, tree, outputs }
    const scores = await (options.passes?.score(item) ?? this.#parts.score([item]).then(([own]) => own))
    assert(scores !== undefined, 'a pass without scores')
    if (wanted.length > 0) {
      const rows = wanted.map((node): PromptRow => ({
        index: start + node,
        token: chunk[node] as TokenId,
        logits: scores.logits(node),
      }))
      options.onRows?.(rows)
    }
    this.commit(chunk.slice(1).map((_, index) => index + 1))
    if (this.taps.length > 0)
      await options.onFeatures?.(
        start,
        chunk.map((_, node) => scores.features(node)),
      )
    return scores
  }
}
