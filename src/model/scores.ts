/**
 * What one pass said. Rows of logits stay on the device until somebody asks for them: greedy decoding needs none. Before
 * the device computes again, rows of sequences that the next pass does not hold are fetched, since their owner may not have
 * looked yet; what a sequence's own next pass makes obsolete refuses to be read.
 */
import { assert, defined } from '../util/assert.ts'
import { DisposedError } from '../util/errors.ts'
import { topK, type TopK } from '../util/topk.ts'
import type { Backend } from '../tensor/index.ts'
import type { NodeId, Scores } from '../tree/index.ts'
import type { ForwardGraph } from './forward.ts'
import type { PassItem, PassLayout } from './pass.ts'
import type { CacheSequence } from './sequence.ts'

export interface ScoreReaderParts {
  readonly backend: Backend
  readonly vocabSize: number
  readonly width: number
}

/** A pass that has been computed. */
export interface FinishedPass {
  readonly forward: ForwardGraph
  readonly layout: PassLayout
  readonly items: readonly PassItem[]
  /** Whose rows these are, one per item. */
  readonly sequences: readonly CacheSequence[]
  /** Layers of the graph's taps, in their order. */
  readonly taps: readonly number[]
}

/** Hands out the scores of one pass after the other; memory is used again where nobody can look any more. */
export class ScoreReader {
  readonly #parts: ScoreReaderParts
  #latest: PassScores | undefined
  #spare = new Float32Array(0)

  constructor(parts: ScoreReaderParts) {
    this.#parts = parts
  }

  /** The device is about to compute for `sequences`. Call inside `backend.exclusive`, before any graph is touched. */
  beforePass(sequences: readonly CacheSequence[]): void {
    const latest = this.#latest
    this.#latest = undefined
    if (latest === undefined) return
    if (latest.pass.sequences.every((sequence) => sequences.includes(sequence))) this.#spare = latest.end()
    else latest.fetchAll()
  }

  /** Scores of all items of the pass that was just computed. */
  read(pass: FinishedPass): Scores[] {
    const memory = this.#spare
    this.#spare = new Float32Array(0)
    this.#latest = new PassScores(this.#parts, pass, memory)
    return this.#latest.scores()
  }

  /** The model ended. */
  end(): void {
    this.#latest?.end()
  }
}

// ---------------------------------------------------------------------------------------------------------------

class PassScores {
  readonly pass: FinishedPass
  readonly #parts: ScoreReaderParts
  /** [outputs * vocab], grown when too small */
  readonly #memory: Float32Array<ArrayBuffer>
  /** [outputs] 1 for rows of logits that are here. */
  readonly #fetched: Uint8Array
  /** Per tap [rows * width], once the graph's own memory may be overwritten. */
  #features: readonly Float32Array[] | undefined
  /** What each item's sequence taps, when the pass was made. */
  readonly #taps: readonly (readonly number[])[]
  #ended = false

  constructor(parts: ScoreReaderParts, pass: FinishedPass, spare: Float32Array<ArrayBuffer>) {
    this.pass = pass
    this.#parts = parts
    const outputs = pass.layout.outputRows.length
    const wanted = outputs * parts.vocabSize
    this.#memory = spare.length >= wanted ? spare : new Float32Array(wanted)
    this.#fetched = new Uint8Array(outputs)
    this.#taps = pass.sequences.map((sequence) => sequence.taps)
  }

  scores(): Scores[] {
    const { items, layout } = this.pass
    let firstOutput = 0
    return items.map((item, index): Scores => {
      const places = new Map(item.outputs.map((node, place) => [node, place]))
      const offset = firstOutput
      const firstRow = layout.firstRows[index] as number
      firstOutput += item.outputs.length
      const rowOf = (node: NodeId): number => offset + defined(places.get(node), `logits of node ${node}`)
      return {
        logits: (node) => this.#row(rowOf(node)),
        top: (node, count) => this.#top(rowOf(node), count),
        features: (node) => {
          const taps = this.#taps[index] as readonly number[]
          assert(taps.length > 0 && node >= item.from && node < item.tree.size, `features of node ${node}`)
          return this.#featuresOf(firstRow + node - item.from, taps)
        },
      }
    })
  }

  /** Fetches what nobody has asked for yet: the graph's memory will hold another pass. */
  fetchAll(): void {
    for (let row = 0; row < this.#fetched.length; row++) this.#row(row)
    const { forward, layout } = this.pass
    this.#features ??= forward.taps.map((tap) => {
      const rows = new Float32Array(layout.tokens.length * this.#parts.width)
      forward.graph.read(tap, rows)
      return rows
    })
  }

  /** Nobody may look any more; the memory is free. */
  end(): Float32Array<ArrayBuffer> {
    this.#ended = true
    return this.#memory
  }

  #row(row: number): Float32Array {
    this.#requireLive()
    const { vocabSize } = this.#parts
    const { forward } = this.pass
    const logits = this.#memory.subarray(row * vocabSize, (row + 1) * vocabSize)
    if (this.#fetched[row] === 0) forward.graph.read(forward.logits, logits, row * vocabSize * 4)
    this.#fetched[row] = 1
    return logits
  }

  #top(row: number, count: number): TopK {
    this.#requireLive()
    const { vocabSize, backend } = this.#parts
    const size = Math.min(count, vocabSize)
    if (backend.kernels === undefined || size < 1 || this.#fetched[row] === 1) return topK(this.#row(row), count)
    const best = { ids: new Int32Array(size), values: new Float32Array(size) }
    const { graph, logits } = this.pass.forward
    const address = graph.address(logits) + BigInt(row * vocabSize * 4)
    backend.kernels.top(address, vocabSize, size, best.ids, best.values)
    return best
  }

  /** [taps * width] of one row, copied. */
  #featuresOf(row: number, layers: readonly number[]): Float32Array {
    this.#requireLive()
    const { width } = this.#parts
    const { forward, taps } = this.pass
    const result = new Float32Array(layers.length * width)
    layers.forEach((layer, place) => {
      const index = taps.indexOf(layer)
      const into = result.subarray(place * width, (place + 1) * width)
      const fetched = this.#features?.[index]
      if (fetched) into.set(fetched.subarray(row * width, (row + 1) * width))
      else forward.graph.read(defined(forward.taps[index], `a tap of layer ${layer}`), into, row * width * 4)
    })
    return result
  }

  #requireLive(): void {
    if (this.#ended) throw new DisposedError('set of scores (a later pass replaced them)')
  }
}
