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
  /** Tapped layers. */
  readonly tapCount: number
}

/** A pass that has been computed. */
export interface FinishedPass {
  readonly forward: ForwardGraph
  readonly layout: PassLayout
  readonly items: readonly PassItem[]
  /** Whose rows these are, one per item. */
  readonly sequences: readonly CacheSequence[]
}

/** Hands out the scores of one pass after the other; memory is used again where nobody can look any more. */
export class ScoreReader {
  readonly #parts: ScoreReaderParts
  #latest: PassScores | undefined
  #spare: RowMemory = { logits: new Float32Array(0), features: new Float32Array(0) }

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
    this.#spare = { logits: new Float32Array(0), features: new Float32Array(0) }
    this.#latest = new PassScores(this.#parts, pass, memory)
    return this.#latest.scores()
  }

  /** The model ended. */
  end(): void {
    this.#latest?.end()
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Grown when too small. */
interface RowMemory {
  /** [outputs * vocab] */
  readonly logits: Float32Array
  /** [taps * rows * width] */
  readonly features: Float32Array
}

class PassScores {
  readonly pass: FinishedPass
  readonly #parts: ScoreReaderParts
  readonly #memory: RowMemory
  /** [outputs] 1 for rows of logits that are here. */
  readonly #fetched: Uint8Array
  #ended = false

  constructor(parts: ScoreReaderParts, pass: FinishedPass, spare: RowMemory) {
    this.pass = pass
    this.#parts = parts
    const outputs = pass.layout.outputRows.length
    const perTap = pass.layout.tokens.length * parts.width
    this.#memory = {
      logits: atLeast(spare.logits, outputs * parts.vocabSize),
      features: atLeast(spare.features, perTap * parts.tapCount),
    }
    this.#fetched = new Uint8Array(outputs)
    pass.forward.taps.forEach((tap, index) =>
      pass.forward.graph.read(tap, this.#memory.features.subarray(index * perTap, (index + 1) * perTap)),
    )
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
          assert(this.#parts.tapCount > 0 && node >= item.from && node < item.tree.size, `features of node ${node}`)
          return this.#featuresOf(firstRow + node - item.from)
        },
      }
    })
  }

  /** Fetches what nobody has asked for yet: the graph's memory will hold another pass. */
  fetchAll(): void {
    for (let row = 0; row < this.#fetched.length; row++) this.#row(row)
  }

  /** Nobody may look any more; the memory is free. */
  end(): RowMemory {
    this.#ended = true
    return this.#memory
  }

  #row(row: number): Float32Array {
    this.#requireLive()
    const { vocabSize } = this.#parts
    const { forward } = this.pass
    const logits = this.#memory.logits.subarray(row * vocabSize, (row + 1) * vocabSize)
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

  #featuresOf(row: number): Float32Array {
    this.#requireLive()
    const { tapCount, width } = this.#parts
    const rows = this.pass.layout.tokens.length
    const result = new Float32Array(tapCount * width)
    for (let tap = 0; tap < tapCount; tap++) {
      const at = (tap * rows + row) * width
      result.set(this.#memory.features.subarray(at, at + width), tap * width)
    }
    return result
  }

  #requireLive(): void {
    if (this.#ended) throw new DisposedError('set of scores (a later pass replaced them)')
  }
}

function atLeast(spare: Float32Array, length: number): Float32Array {
  return spare.length >= length ? spare : new Float32Array(length)
}
