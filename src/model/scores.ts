/** What one pass said: rows of logits stay on the device until somebody asks for them. */
import { assert, defined } from '../util/assert.ts'
import { DisposedError } from '../util/errors.ts'
import { topK, type TopK } from '../util/topk.ts'
import type { Backend } from '../tensor/index.ts'
import type { NodeId, Scores } from '../tree/index.ts'
import type { ForwardGraph } from './forward.ts'
import type { PassItem, PassLayout } from './pass.ts'

export interface ScoreReaderParts {
  readonly backend: Backend
  readonly vocabSize: number
  readonly width: number
  /** Tapped layers. */
  readonly tapCount: number
}

/** Reads results of the latest pass; results of older ones refuse to be read. Its buffers are used again by every pass. */
export class ScoreReader {
  readonly #parts: ScoreReaderParts
  /** [outputs * vocab], filled row by row as rows are asked for. */
  #logits = new Float32Array(0)
  #features = new Float32Array(0)
  /** Counts passes. */
  #pass = 0

  constructor(parts: ScoreReaderParts) {
    this.#parts = parts
  }

  /** Scores of all items of the pass that `forward` has just computed. */
  scores(forward: ForwardGraph, items: readonly PassItem[], layout: PassLayout): Scores[] {
    const pass = ++this.#pass
    const rows = layout.outputRows.length
    if (this.#logits.length < rows * this.#parts.vocabSize)
      this.#logits = new Float32Array(rows * this.#parts.vocabSize)
    this.#readFeatures(forward, layout)
    const fetched = new Uint8Array(rows)
    let firstOutput = 0
    return items.map((item, index) => {
      const places = new Map(item.outputs.map((node, place) => [node, place]))
      const offset = firstOutput
      const firstRow = layout.firstRows[index] as number
      firstOutput += item.outputs.length
      const rowOf = (node: NodeId): number => {
        if (pass !== this.#pass) throw new DisposedError('set of scores (a later pass replaced them)')
        return offset + defined(places.get(node), `logits of node ${node}`)
      }
      return {
        logits: (node) => this.#row(forward, rowOf(node), fetched),
        top: (node, count) => this.#top(forward, rowOf(node), count),
        features: (node) => {
          if (pass !== this.#pass) throw new DisposedError('set of scores (a later pass replaced them)')
          assert(this.#parts.tapCount > 0 && node >= item.from && node < item.tree.size, `features of node ${node}`)
          return this.#featuresOf(firstRow + node - item.from, layout.tokens.length)
        },
      }
    })
  }

  /** The model ended: nothing may be read any more. */
  end(): void {
    this.#pass++
  }

  #row(forward: ForwardGraph, row: number, fetched: Uint8Array): Float32Array {
    const { vocabSize } = this.#parts
    const logits = this.#logits.subarray(row * vocabSize, (row + 1) * vocabSize)
    if (fetched[row] === 0) forward.graph.read(forward.logits, logits, row * vocabSize * 4)
    fetched[row] = 1
    return logits
  }

  #top(forward: ForwardGraph, row: number, count: number): TopK {
    const { vocabSize, backend } = this.#parts
    const size = Math.min(count, vocabSize)
    if (backend.kernels === undefined || size < 1) {
      return topK(this.#row(forward, row, new Uint8Array(row + 1)), count)
    }
    const best = { ids: new Int32Array(size), values: new Float32Array(size) }
    const address = forward.graph.address(forward.logits) + BigInt(row * vocabSize * 4)
    backend.kernels.top(address, vocabSize, size, best.ids, best.values)
    return best
  }

  #readFeatures(forward: ForwardGraph, layout: PassLayout): void {
    const perTap = layout.tokens.length * this.#parts.width
    if (this.#features.length < perTap * forward.taps.length)
      this.#features = new Float32Array(perTap * forward.taps.length)
    forward.taps.forEach((tap, index) =>
      forward.graph.read(tap, this.#features.subarray(index * perTap, (index + 1) * perTap)),
    )
  }

  #featuresOf(row: number, rows: number): Float32Array {
    const { tapCount, width } = this.#parts
    const result = new Float32Array(tapCount * width)
    for (let tap = 0; tap < tapCount; tap++) {
      const at = (tap * rows + row) * width
      result.set(this.#features.subarray(at, at + width), tap * width)
    }
    return result
  }
}
