/**
 * An EAGLE-3 draft head that runs on our own graphs: weights, a cache of keys and values, and graphs by form. Texts borrow
 * rows of the cache. What a row means stands in `eagle3-sequence.ts`.
 */
import { defined } from '../util/assert.ts'
import { DisposedError } from '../util/errors.ts'
import { topK, type TopK } from '../util/topk.ts'
import { SlotPool, type PrefixCache } from '../cache/index.ts'
import { buildHead, type HeadGraph, type HeadGuessTensors, type HeadShape } from './eagle3-graph.ts'
import type { HeadParts } from './eagle3-layers.ts'
import { HeadText, rowsOf, type HeadPass, type HeadResult } from './eagle3-sequence.ts'
import { GraphCache } from './graph-cache.ts'
import type { DraftHead, DraftHeadSpec, HeadGuess, HeadSequence } from './types.ts'

export interface Eagle3Parts extends HeadParts {
  readonly spec: DraftHeadSpec
  /** Draft ids to tokens; undefined when they are the same. */
  readonly draftIds: Int32Array | undefined
  /** Rows of one text, drafted ones aside. */
  readonly context: number
  /** Slots that belong to texts; those after them are `prefixes`'. */
  readonly textSlots: number
  readonly prefixes: PrefixCache | undefined
}

/** Drafted rows that fit below a text: ten levels of the widest trees, and some. */
export const DRAFT_ROWS = 256

export class Eagle3Head implements DraftHead {
  readonly spec: DraftHeadSpec
  readonly #parts: Eagle3Parts
  readonly #pool: SlotPool
  readonly #graphs: GraphCache<HeadShape, HeadGraph>
  readonly #beside: Disposable | undefined
  #disposed = false

  constructor(parts: Eagle3Parts) {
    this.#parts = parts
    this.spec = parts.spec
    this.#pool = new SlotPool(parts.textSlots)
    this.#graphs = new GraphCache((shape) => buildHead(parts, shape), parts.target.backend.graphs)
    // Rows of a beginning that the target has to read again anyway would only take the place of others.
    this.#beside = parts.target.prefixes?.onEvict((tokens) => parts.prefixes?.drop(rowsOf(tokens)))
  }

  open(): HeadSequence | undefined {
    this.#requireLive()
    const region = this.#pool.take(this.#parts.context + DRAFT_ROWS)
    if (!region) return undefined
    return new HeadText({
      region,
      capacity: this.#parts.context,
      cacheSlots: this.#parts.cache.settings.slots,
      windows: this.#parts.kernelWeights !== undefined,
      prefixes: this.#parts.prefixes,
      run: (pass, count) => this.#run(pass, count),
      release: () => this.#pool.give(region),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#beside?.[Symbol.dispose]()
    const { target, cache, weights, kernelWeights } = this.#parts
    await target.backend.exclusive(async () => {
      this.#graphs[Symbol.dispose]()
      cache[Symbol.dispose]()
      kernelWeights?.[Symbol.dispose]()
      weights[Symbol.dispose]()
      return Promise.resolve()
    })
  }

  /** One pass; what it says is fetched before the next one may begin. */
  #run(pass: HeadPass, count: number): Promise<HeadResult[]> {
    return this.#parts.target.backend.exclusive(async () => {
      this.#requireLive()
      const head = this.#graphs.get(pass.shape)
      const { graph, guess } = head
      graph.write(head.input, pass.input)
      graph.write(head.tokens, pass.tokens)
      graph.write(head.positions, pass.positions)
      graph.write(head.slots, pass.slots)
      if (guess) graph.write(guess.mask, pass.mask)
      if (guess?.bases) graph.write(guess.bases, new Int32Array(guess.mask.shape[1]).fill(pass.base))
      await graph.compute()
      if (!guess) return []
      const rows = Array.from({ length: guess.mask.shape[1] }, (_, row) => row)
      return rows.map((row) => ({ state: this.#state(head, guess, row), guess: this.#guess(head, guess, row, count) }))
    })
  }

  #state({ graph }: HeadGraph, { states }: HeadGuessTensors, row: number): Float32Array {
    const state = new Float32Array(states.shape[0])
    graph.read(states, state, row * state.byteLength)
    return state
  }

  #guess(head: HeadGraph, guess: HeadGuessTensors, row: number, count: number): HeadGuess {
    const { draftIds } = this.#parts
    const { ids, values } = this.#top(head, guess, row, count)
    if (guess.sums) {
      const sum = new Float32Array(1)
      head.graph.read(guess.sums, sum, 4 * row)
      values.forEach((logit, place) => (values[place] = Math.exp(logit - (sum[0] as number))))
    }
    // What is no number, or has no probability at all, is no guess.
    const size = values.findIndex((probability) => !(probability > 0))
    const kept = size < 0 ? ids : ids.subarray(0, size)
    return {
      tokens: Array.from(kept, (id) => (draftIds ? defined(draftIds[id]) : id)),
      probs: values.subarray(0, kept.length),
    }
  }

  #top({ graph }: HeadGraph, { logits }: HeadGuessTensors, row: number, count: number): TopK {
    const { kernels } = this.#parts.target.backend
    const width = logits.shape[0]
    const size = Math.min(count, width)
    if (kernels === undefined) {
      const all = new Float32Array(width)
      graph.read(logits, all, row * all.byteLength)
      return topK(all, size)
    }
    const best = { ids: new Int32Array(size), values: new Float32Array(size) }
    kernels.top(graph.address(logits) + BigInt(row * width * 4), width, size, best.ids, best.values)
    return best
  }

  #requireLive(): void {
    if (this.#disposed) throw new DisposedError('draft head')
  }
}
