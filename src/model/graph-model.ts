/**
 * A model that runs on our own ggml graphs: tree masks, taps, bit-identical rows.
 * Owns weights, cache and graphs; sequences borrow rows of the cache.
 */
import { assert, defined } from '../util/assert.ts'
import { DisposedError, UsageError } from '../util/errors.ts'
import { SlotPool, type KvCache, type PrefixCache } from '../cache/index.ts'
import type { Backend, GraphTally } from '../tensor/index.ts'
import { chainTree, type Scores } from '../tree/index.ts'
import { buildForward, type ForwardGraph, type PassShape } from './forward.ts'
import { GraphCache, GRAPHS_OF_MANY, GRAPHS_OF_ONE } from './graph-cache.ts'
import { normalise } from './pooling.ts'
import { layOutPass, SLOT_STEP, type PassItem, type PassLayout } from './pass.ts'
import { ScoreReader } from './scores.ts'
import { CacheSequence, SLACK_ROWS } from './sequence.ts'
import type { ModelConfig } from './config.ts'
import type { KernelWeights } from './kernel-weights.ts'
import type { RowPadding } from './invariance.ts'
import type { TargetLoan } from './target-loan.ts'
import type { ModelSpec, OpenOptions, PrefixStore, PricedModel, ScoreItem, Sequence } from './types.ts'
import { applyTuning, tuneKernels } from './tuning.ts'
import type { Weights } from './weights.ts'

export interface GraphModelParts {
  readonly backend: Backend
  /** Ends with the model when true. */
  readonly ownsBackend: boolean
  readonly config: ModelConfig
  readonly weights: Weights
  readonly kernelWeights: KernelWeights | undefined
  readonly cache: KvCache
  /** Rows of the cache that belong to sequences; those after them are `prefixes`'. */
  readonly sequenceSlots: number
  /** Sequences of any capacity share the rows. */
  readonly pooled: boolean
  readonly prefixes: PrefixCache | undefined
  readonly spec: ModelSpec
  readonly context: number
  readonly rowPadding: RowPadding
  /** Where measurements are remembered. */
  readonly cacheDir: string
}

export class GraphModel implements PricedModel {
  readonly spec: ModelSpec
  readonly context: number
  readonly #parts: GraphModelParts
  readonly #pool: SlotPool
  readonly #graphs: GraphCache<PassShape, ForwardGraph>
  readonly #sequences = new Set<CacheSequence>()
  /** Undefined where no memory was given to it. */
  readonly prefixes: PrefixStore | undefined
  /** Passes so far, and the milliseconds that the device computed in them: the rest of a pass is our own overhead. */
  readonly totals = { passes: 0, computeMs: 0 }
  readonly #reader: ScoreReader
  /** [width], copied at first need. */
  #headScale: Float32Array | undefined
  #disposed = false

  constructor(parts: GraphModelParts) {
    this.#parts = parts
    this.spec = parts.spec
    this.context = parts.context
    this.#pool = new SlotPool(parts.sequenceSlots)
    const capacity = parts.sequenceSlots > parts.context + SLACK_ROWS ? GRAPHS_OF_MANY : GRAPHS_OF_ONE
    this.#graphs = new GraphCache((shape) => buildForward(parts, shape), parts.backend.graphs, capacity)
    this.prefixes = parts.prefixes && prefixStore(parts.prefixes, (sequence) => this.#own(sequence))
    const { vocabSize, width } = parts.config
    this.#reader = new ScoreReader({ backend: parts.backend, vocabSize, width })
  }

  /** Counts of the device, drafters of this model included. */
  get graphs(): GraphTally {
    return this.#parts.backend.graphs
  }

  /** Rows are padded to a multiple of this, and whether that makes them independent of each other bit for bit. */
  get rowPadding(): RowPadding {
    return this.#parts.rowPadding
  }

  /** Tokens whose rows all sequences together can hold. */
  get cacheTokens(): number {
    const { sequenceSlots, context, pooled } = this.#parts
    return pooled ? sequenceSlots - SLACK_ROWS : context * Math.floor(sequenceSlots / (context + SLACK_ROWS))
  }

  open(options: OpenOptions = {}): Sequence {
    this.#requireLive()
    const capacity = options.capacity ?? this.context
    assert(Number.isInteger(capacity) && capacity > 0, `a sequence of ${capacity} tokens`)
    const region = this.#pool.take(regionSlots(capacity, this.#parts.pooled))
    if (!region) {
      throw new UsageError(
        'busy',
        `expected room for ${capacity} tokens in the cache, ${Math.max(0, this.#pool.freeSlots - SLACK_ROWS)} are free; end another sequence or load the model with more`,
      )
    }
    const sequence = new CacheSequence({
      cache: this.#parts.cache,
      region,
      capacity,
      layerCount: this.#parts.config.layerCount,
      score: (batch) => this.score(batch),
      release: () => {
        this.#sequences.delete(sequence)
        this.#pool.give(region)
      },
    })
    this.#sequences.add(sequence)
    return sequence
  }

  async score(batch: readonly ScoreItem[]): Promise<Scores[]> {
    this.#requireLive()
    if (batch.length === 0) return []
    const sequences = batch.map((item) => this.#own(item.sequence))
    assert(new Set(sequences).size === sequences.length, 'a sequence twice in one pass')
    return this.#parts.backend.exclusive(async () => {
      this.#requireLive()
      const items = batch.map((item, index) => passItem(item, defined(sequences[index])))
      const layout = layOutPass(items, {
        rowMultiple: this.#parts.rowPadding.multiple,
        cacheSlots: this.#parts.cache.settings.slots,
        windows: this.#parts.kernelWeights !== undefined,
      })
      await this.#parts.cache.flush()
      this.#reader.beforePass(sequences)
      const taps = union(sequences.map((sequence) => sequence.taps))
      const forward = await this.#run(layout, taps)
      batch.forEach((item, index) => defined(sequences[index]).noteScored(item.tree, defined(items[index]).from))
      return this.#reader.read({ forward, layout, items, sequences, taps })
    })
  }

  /** A row of the stream after the last layer (F32 [width]) as the head reads it, normalised. */
  headInput(row: Float32Array): Float32Array {
    this.#requireLive()
    const { weights, config } = this.#parts
    this.#headScale ??= weights.numbers('output_norm.weight')
    return normalise(row, this.#headScale, config.normEpsilon)
  }

  /** Builds the graph of a plain step, while whoever loads the model still waits for its tokenizer. */
  prepareStep(): void {
    const rows = this.#parts.rowPadding.multiple
    this.#graphs.get({ rows, slots: Math.min(SLOT_STEP, this.#parts.cache.settings.slots), outputs: rows, taps: [] })
  }

  /** What a draft head uses of this model; the head must end before the model does. */
  lend(): TargetLoan {
    this.#requireLive()
    return this.#parts
  }

  async tune(sequence: Sequence): Promise<void> {
    const { backend, cacheDir, kernelWeights } = this.#parts
    if (!kernelWeights?.complete || applyTuning(backend, cacheDir)) return
    await tuneKernels(backend, cacheDir, (rows) => this.timePass(sequence, rows, 0))
  }

  async timePass(sequence: Sequence, rows: number, context: number): Promise<number> {
    const own = this.#own(sequence)
    own.pretend(context)
    const tree = chainTree(new Array<number>(rows).fill(0))
    const started = performance.now()
    await this.score([{ sequence, tree }])
    const ms = performance.now() - started
    own.truncate(0)
    return ms
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#reader.end()
    const { backend, cache, weights, kernelWeights, ownsBackend } = this.#parts
    await backend.exclusive(async () => {
      this.#graphs[Symbol.dispose]()
      cache[Symbol.dispose]()
      kernelWeights?.[Symbol.dispose]()
      weights[Symbol.dispose]()
      return Promise.resolve()
    })
    if (ownsBackend) await backend[Symbol.asyncDispose]()
  }

  async #run(layout: PassLayout, taps: readonly number[]): Promise<ForwardGraph> {
    const form: PassShape = {
      rows: layout.tokens.length,
      slots: layout.slotCount,
      outputs: layout.outputRows.length,
      taps,
    }
    const forward = this.#graphs.get(form)
    const { graph } = forward
    graph.write(forward.tokens, layout.tokens)
    graph.write(forward.positions, layout.positions)
    graph.write(forward.slots, layout.slots)
    graph.write(forward.mask, layout.mask)
    if (forward.bases) graph.write(forward.bases, layout.bases)
    if (forward.outputRows) graph.write(forward.outputRows, layout.outputRows)
    const started = performance.now()
    await graph.compute()
    this.totals.computeMs += performance.now() - started
    this.totals.passes++
    return forward
  }

  #own(sequence: Sequence): CacheSequence {
    assert(sequence instanceof CacheSequence && this.#sequences.has(sequence), 'a sequence of another model')
    return sequence
  }

  #requireLive(): void {
    if (this.#disposed) throw new DisposedError('model')
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Slots of a sequence of so many tokens. Where they share a pool, each begins at a step: where sums begin decides how they round. */
export function regionSlots(capacity: number, pooled: boolean): number {
  const slots = capacity + SLACK_ROWS
  return pooled ? Math.ceil(slots / SLOT_STEP) * SLOT_STEP : slots
}

/** The cache of beginnings as sequences see it. */
function prefixStore(prefixes: PrefixCache, ownOf: (sequence: Sequence) => CacheSequence): PrefixStore {
  return {
    get use() {
      return prefixes.use
    },
    load(sequence, tokens, most) {
      const own = ownOf(sequence)
      own.adopt(prefixes.load(own.region.start, own.length, tokens, Math.min(most, own.capacity)))
      return own.length
    },
    save(sequence, tokens) {
      const own = ownOf(sequence)
      assert(tokens.length === own.length, `${tokens.length} tokens of ${own.length} rows`)
      prefixes.save(own.region.start, tokens)
    },
  }
}

/** All layers that somebody taps, ascending. */
function union(lists: readonly (readonly number[])[]): number[] {
  return [...new Set(lists.flat())].sort((a, b) => a - b)
}

function passItem(item: ScoreItem, sequence: CacheSequence): PassItem {
  sequence.requireLive()
  const from = item.from ?? 0
  const { tree } = item
  assert(from >= 0 && from < tree.size && from <= sequence.scoredNodes, `a pass from node ${from} of ${tree.size}`)
  const free = sequence.region.size - sequence.length
  if (tree.size > free) {
    throw new UsageError(
      'prompt-too-long',
      `expected a tree of at most ${free} nodes in the cache, got ${tree.size}; use a smaller budget or a larger context`,
    )
  }
  const outputs = item.outputs ?? Array.from({ length: tree.size - from }, (_, index) => from + index)
  for (const node of outputs) assert(node >= from && node < tree.size, `logits of node ${node} in a pass from ${from}`)
  const { start, size: slots } = sequence.region
  return { tree, from, outputs, start, slots, length: sequence.length }
}
