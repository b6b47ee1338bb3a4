/**
 * What the target computes over training texts: the streams that a head reads, the stream that it is taught with, and
 * the target's likeliest next token at every position. Large passes of one size, filled with several texts where one is
 * too short, because a graph is made once per size. Rows of a pass do not depend on each other, so packing changes no bit.
 */
import { defined } from '../../util/assert.ts'
import { throwIfAborted } from '../../util/errors.ts'
import { argMax } from '../../util/math.ts'
import type { Sequence, TargetModel } from '../../model/index.ts'
import { chainTree, type Scores, type TokenId } from '../../tree/index.ts'
import { officialTaps } from '../taps.ts'
import { encodeHalf } from './half.ts'

/** Features of one text. */
export interface TextFeatures {
  readonly rows: number
  /** [rows, columns] F16 bits: the tapped streams, then the last one. */
  readonly numbers: Uint16Array
  /** [rows]: the target's likeliest token after each position, of the whole vocabulary. */
  readonly best: Int32Array
}

/** Computes features; shared by cache and trainer. */
export interface FeatureReader {
  /** Numbers per row: (taps + 1) * width. */
  readonly columns: number
  /** Features of all texts, in their order. `onRows` is told after every pass how many rows it computed. */
  read(texts: readonly (readonly TokenId[])[], options?: ReadOptions): Promise<TextFeatures[]>
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined
  readonly onRows?: ((rows: number) => void) | undefined
}

/** Rows of one pass: larger ones were no faster, and logits take `rows * vocabulary * 4` bytes. */
const PASS_ROWS = 128
/** Texts in one pass; the cache of keys and values must have room for them. */
const MOST_TEXTS = 8

/** `officialTaps`, or the last layers where there are too few for that rule. */
export function defaultTaps(layerCount: number): number[] {
  const wanted = officialTaps(layerCount)
  if (new Set(wanted).size === 3 && wanted.every((layer) => layer > 0)) return wanted.sort((a, b) => a - b)
  return [0, 1, 2].map((place) => Math.max(0, layerCount - 2 + place))
}

/** Reads features with `model`, whose cache holds the longest text and `MOST_TEXTS` short ones. */
export function createFeatureReader(model: TargetModel, taps: readonly number[], passRows = PASS_ROWS): FeatureReader {
  const { width, layerCount } = model.spec
  const columns = (taps.length + 1) * width
  return {
    columns,
    async read(texts, { signal, onRows } = {}) {
      const results = texts.map(({ length }): TextFeatures => ({
        rows: length,
        numbers: new Uint16Array(length * columns),
        best: new Int32Array(length),
      }))
      const queue = new TextQueue(model, texts, [...taps, layerCount])
      try {
        for (let parts = queue.next(passRows); parts.length > 0; parts = queue.next(passRows)) {
          throwIfAborted(signal)
          const rows = parts.reduce((sum, { count }) => sum + count, 0)
          // Filled up with rows that nobody looks at: another size would be another graph, with its own memory.
          using filler = rows < passRows ? model.open({ capacity: passRows - rows }) : undefined
          const fill = filler ? [{ sequence: filler, tree: chainTree(new Array<number>(passRows - rows).fill(0)) }] : []
          const scores = await model.score([
            ...parts.map(({ work, count }) => ({
              sequence: work.sequence,
              tree: chainTree(work.tokens.slice(work.done, work.done + count)),
            })),
            ...fill,
          ])
          parts.forEach(({ work, count }, index) => {
            keep(defined(scores[index]), work.done, count, defined(results[work.index]), columns)
            work.sequence.commit(Array.from({ length: count - 1 }, (_, node) => node + 1))
            queue.advance(work, count)
          })
          onRows?.(rows)
        }
      } finally {
        queue.end()
      }
      return results
    },
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** A text on its way through the target. */
interface Work {
  readonly index: number
  readonly tokens: readonly TokenId[]
  readonly sequence: Sequence
  done: number
}

interface Part {
  readonly work: Work
  readonly count: number
}

/** Cuts texts into parts that fill passes; at most one text is left unfinished between two passes. */
class TextQueue {
  readonly #model: TargetModel
  readonly #texts: readonly (readonly TokenId[])[]
  readonly #taps: readonly number[]
  readonly #open = new Set<Work>()
  #next = 0
  #unfinished: Work | undefined

  constructor(model: TargetModel, texts: readonly (readonly TokenId[])[], taps: readonly number[]) {
    this.#model = model
    this.#texts = texts
    this.#taps = taps
  }

  next(rows: number): Part[] {
    const parts: Part[] = []
    for (let room = rows; room > 0 && parts.length < MOST_TEXTS;) {
      const work = this.#unfinished ?? this.#start()
      this.#unfinished = undefined
      if (!work) break
      const count = Math.min(room, work.tokens.length - work.done)
      parts.push({ work, count })
      room -= count
      if (work.done + count < work.tokens.length) this.#unfinished = work
    }
    return parts
  }

  advance(work: Work, count: number): void {
    work.done += count
    if (work.done < work.tokens.length) return
    this.#open.delete(work)
    work.sequence[Symbol.dispose]()
  }

  end(): void {
    for (const { sequence } of this.#open) sequence[Symbol.dispose]()
    this.#open.clear()
  }

  #start(): Work | undefined {
    while (this.#texts[this.#next]?.length === 0) this.#next++
    const tokens = this.#texts[this.#next]
    if (!tokens) return undefined
    const sequence = this.#model.open({ capacity: tokens.length })
    sequence.tap(this.#taps)
    const work = { index: this.#next++, tokens, sequence, done: 0 }
    this.#open.add(work)
    return work
  }
}

function keep(scores: Scores, first: number, count: number, into: TextFeatures, columns: number): void {
  for (let node = 0; node < count; node++) {
    encodeHalf(scores.features(node), into.numbers, (first + node) * columns)
    into.best[first + node] = scores.top?.(node, 1).ids[0] ?? argMax(scores.logits(node))
  }
}
