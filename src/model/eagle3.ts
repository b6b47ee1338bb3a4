/**
 * An EAGLE-3 draft head that runs on our own graphs: weights, a cache of keys and values, and graphs by form. Texts borrow
 * rows of the cache. What a row means stands in `eagle3-sequence.ts`.
 *
 * Texts share passes: what waits when the device is free is computed as one, so that the weights are read once. Only where all
 * products are our kernels', which compute a row alike whatever stands beside it: else drafts would depend on neighbours.
 */
import { defined } from '../util/assert.ts'
import { DisposedError } from '../util/errors.ts'
import { Joined } from '../util/joined.ts'
import { topK, type TopK } from '../util/topk.ts'
import { SlotPool, type PrefixCache } from '../cache/index.ts'
import { buildHead, runsOnKernels, type HeadGraph, type HeadGuessTensors, type HeadShape } from './eagle3-graph.ts'
import type { HeadParts } from './eagle3-layers.ts'
import { joinPasses, joins, shapeOf, type HeadPass } from './eagle3-pass.ts'
import { HeadText, rowsOf, type HeadResult } from './eagle3-sequence.ts'
import { GraphCache, GRAPHS_OF_MANY, GRAPHS_OF_ONE } from './graph-cache.ts'
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

/** A text's part of a pass. */
interface Wish extends HeadPass {
  /** Guesses for each output. */
  readonly count: number
}

export class Eagle3Head implements DraftHead {
  readonly spec: DraftHeadSpec
  /** Passes so far, and those that there would have been if no texts had shared them. */
  readonly totals = { passes: 0, wishes: 0 }
  readonly #parts: Eagle3Parts
  readonly #pool: SlotPool
  readonly #graphs: GraphCache<HeadShape, HeadGraph>
  readonly #passes: Joined<Wish, readonly HeadResult[]>
  readonly #beside: Disposable | undefined
  #disposed = false

  constructor(parts: Eagle3Parts) {
    this.#parts = parts
    this.spec = parts.spec
    this.#pool = new SlotPool(parts.textSlots)
    const { backend } = parts.target
    const isShared = runsOnKernels(parts) && parts.textSlots > parts.context + DRAFT_ROWS
    const capacity = isShared ? GRAPHS_OF_MANY : GRAPHS_OF_ONE
    this.#graphs = new GraphCache((shape) => buildHead(parts, shape), backend.graphs, capacity)
    this.#passes = new Joined<Wish, readonly HeadResult[]>({
      enter: (work) => backend.exclusive(work),
      fits: (lot, wish) => isShared && joins(lot, wish),
      run: (lot) => this.#run(lot),
    })
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
      run: (pass, count) => this.#passes.add({ ...pass, count }),
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

  /** One pass of all wishes; what it says is fetched before the next one may begin. */
  async #run(wishes: readonly Wish[]): Promise<HeadResult[][]> {
    this.#requireLive()
    const pass = joinPasses(wishes)
    const head = this.#graphs.get(shapeOf(pass))
    const { graph, guess } = head
    graph.write(head.input, pass.input)
    graph.write(head.tokens, pass.tokens)
    graph.write(head.positions, pass.positions)
    graph.write(head.slots, pass.slots)
    if (guess) graph.write(guess.mask, pass.mask)
    if (guess?.outputs) graph.write(guess.outputs, pass.outputs)
    if (guess?.bases) graph.write(guess.bases, pass.bases)
    await graph.compute()
    this.totals.passes++
    this.totals.wishes += wishes.length
    const results = this.#results(
      head,
      wishes.flatMap(({ outputs, count }) => Array.from(outputs, () => count)),
    )
    return wishes.map(({ outputs }) => results.splice(0, outputs.length))
  }

  /** What the pass says about its outputs; `counts`: guesses wanted of each. */
  #results(head: HeadGraph, counts: readonly number[]): HeadResult[] {
    const { graph, guess } = head
    if (guess === undefined) return []
    const [width] = guess.states.shape
    const states = new Float32Array(width * counts.length)
    graph.read(guess.states, states)
    const sums = guess.sums && new Float32Array(counts.length)
    if (guess.sums && sums) graph.read(guess.sums, sums)
    return counts.map((count, row) => ({
      state: states.subarray(row * width, (row + 1) * width),
      guess: this.#guess(this.#top(head, guess, row, count), sums?.[row]),
    }))
  }

  /** `sum`: where the values are logits, the logarithm of the sum of their exponentials. */
  #guess({ ids, values }: TopK, sum: number | undefined): HeadGuess {
    const { draftIds } = this.#parts
    if (sum !== undefined) values.forEach((logit, place) => (values[place] = Math.exp(logit - sum)))
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
