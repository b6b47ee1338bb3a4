/** Windows into batches of like length, in an order that depends on seed and epoch only, so that a run can go on anywhere. */
import { defined } from '../../util/assert.ts'
import { uniformAt } from '../../util/rng.ts'
import type { TextFeatures } from './features.ts'
import { halfTable } from './half.ts'
import type { TextWindow } from './texts.ts'
import type { TrainingBatch, TrainingText } from '../types.ts'

/** Batches that are sorted by length together; more would make the order of an epoch less random. */
const POOL_BATCHES = 16
/** Lengths are rounded up to a multiple of this: every other length would be another graph, with its own memory. */
const LENGTH_STEP = 128

export interface BatchOrder {
  readonly batchSize: number
  readonly seed: number
  readonly epoch: number
}

/** All windows once, shuffled, in batches of `batchSize` windows of like length; the last ones may be smaller. */
export function planEpoch(windows: readonly TextWindow[], { batchSize, seed, epoch }: BatchOrder): TextWindow[][] {
  const draw = drawer(seed, epoch)
  const order = shuffle(windows, draw)
  const batches: TextWindow[][] = []
  for (let start = 0; start < order.length; start += POOL_BATCHES * batchSize)
    batches.push(...inBatches(order.slice(start, start + POOL_BATCHES * batchSize), batchSize))
  return shuffle(batches, draw)
}

/** Windows in batches of like length, the shortest first. */
export function inBatches(windows: readonly TextWindow[], batchSize: number): TextWindow[][] {
  const sorted = [...windows].sort((a, b) => a.to - a.from - (b.to - b.from))
  const batches: TextWindow[][] = []
  for (let start = 0; start < sorted.length; start += batchSize) batches.push(sorted.slice(start, start + batchSize))
  return batches
}

/** Turns windows and their features into what a trainer reads. */
export class BatchBuilder {
  readonly #table = halfTable()
  readonly #width: number
  /** Numbers per row of the features: taps, then the last stream. */
  readonly #columns: number
  readonly #length: number

  /** `length`: the longest window; batches are never longer. */
  constructor(width: number, taps: number, length: number) {
    this.#width = width
    this.#columns = (taps + 1) * width
    this.#length = length
  }

  /** `texts` and `features`: one of each for every window. */
  build(
    windows: readonly TextWindow[],
    texts: readonly TrainingText[],
    features: readonly TextFeatures[],
  ): TrainingBatch {
    const longest = Math.max(...windows.map(({ from, to }) => to - from))
    const length = Math.min(this.#length, LENGTH_STEP * Math.ceil(longest / LENGTH_STEP))
    const tapColumns = this.#columns - this.#width
    const rows = windows.length * length
    const batch = {
      texts: windows.length,
      length,
      tokens: new Int32Array(rows),
      features: new Float32Array(rows * tapColumns),
      states: new Float32Array(rows * this.#width),
      best: new Int32Array(rows),
      answered: new Uint8Array(rows),
    }
    windows.forEach((window, index) => {
      const first = index * length
      const text = defined(texts[index])
      const { numbers, best } = defined(features[index])
      batch.tokens.set(text.tokens.slice(window.from, window.to), first)
      batch.best.set(best.subarray(window.from, window.to), first)
      for (const [from, to] of text.answers) {
        const [start, end] = [Math.max(from, window.from), Math.min(to, window.to)]
        if (start < end) batch.answered.fill(1, first + start - window.from, first + end - window.from)
      }
      for (let row = window.from; row < window.to; row++) {
        const at = first + row - window.from
        const source = row * this.#columns
        this.#decode(numbers, source, batch.features, at * tapColumns, tapColumns)
        this.#decode(numbers, source + tapColumns, batch.states, at * this.#width, this.#width)
      }
    })
    return batch
  }

  #decode(from: Uint16Array, start: number, into: Float32Array, at: number, count: number): void {
    const table = this.#table
    for (let i = 0; i < count; i++) into[at + i] = table[from[start + i] as number] as number
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** A stream of uniform numbers that belongs to one epoch. */
function drawer(seed: number, epoch: number): () => number {
  const own = Math.floor(uniformAt(seed, epoch) * Number.MAX_SAFE_INTEGER)
  let position = 0
  return () => uniformAt(own, position++)
}

function shuffle<T>(items: readonly T[], draw: () => number): T[] {
  const result = [...items]
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(draw() * (last + 1))
    const held = result[last] as T
    result[last] = result[other] as T
    result[other] = held
  }
  return result
}
