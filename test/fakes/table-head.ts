/**
 * A draft head without weights for a table model. It knows of the text only what a real head would: the target's features
 * at a position (the last two tokens there) and the token after it. So its guesses are right only when both belong together,
 * and it throws where positions and features do not fit, or where rows are drafted below something that was not read.
 */
import { defined } from '../../src/util/assert.ts'
import type { DraftHead, HeadGuess, HeadNode, HeadRow, HeadSequence } from '../../src/model/index.ts'
import type { TokenId } from '../../src/tree/index.ts'
import type { NextLogits } from './table-model.ts'

export interface TableHeadOptions {
  readonly vocabSize: number
  /** A function of the last two tokens. */
  readonly next: NextLogits
  /** Rows of one text. Default 1024. */
  readonly context?: number
  /** Texts at the same time. Default 4. */
  readonly texts?: number
  /** Drafted rows of one text. Default 256. */
  readonly room?: number
}

export class TableHead implements DraftHead {
  readonly spec = { name: 'table head', taps: [0], draftVocabSize: 0, weightBytes: 0 }
  readonly options: Required<TableHeadOptions>
  passes = 0
  rows = 0
  openTexts = 0
  disposed = false

  constructor(options: TableHeadOptions) {
    this.options = { context: 1024, texts: 4, room: 256, ...options }
  }

  open(): HeadSequence | undefined {
    if (this.disposed) throw new Error('misuse: a disposed head was opened')
    if (this.openTexts >= this.options.texts) return undefined
    this.openTexts++
    return new TableText(this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.openTexts > 0) throw new Error('misuse: a head with open texts was disposed')
    this.disposed = true
  }
}

class TableText implements HeadSequence {
  readonly capacity: number
  readonly #head: TableHead
  #rows: HeadRow[] = []
  /** The last two tokens at the end of the text, when the last row was computed to the end. */
  #end: readonly TokenId[] | undefined
  #drafted: (readonly TokenId[])[] = []

  constructor(head: TableHead) {
    this.#head = head
    this.capacity = head.options.context
  }

  get length(): number {
    return this.#rows.length
  }

  get room(): number {
    return this.#head.options.room - this.#drafted.length
  }

  async read(rows: readonly HeadRow[], count = 0): Promise<HeadGuess | undefined> {
    await Promise.resolve()
    this.#head.passes++
    this.#head.rows += rows.length
    if (rows.length === 0 || this.length + rows.length > this.capacity) throw new Error('misuse: a text without room')
    for (const row of rows) {
      const last = this.#rows.at(-1)?.position ?? -1
      if (row.position <= last) throw new Error(`misuse: position ${row.position} after ${last}`)
      if (row.features[0] !== row.position + 1) throw new Error('misuse: features of another position')
      this.#rows.push(row)
    }
    const { features, next } = defined(rows.at(-1))
    this.#drafted = []
    this.#end = count > 0 ? [defined(features[1]), next] : undefined
    return this.#end && this.#guess(this.#end, count)
  }

  async draft(nodes: readonly HeadNode[], count: number): Promise<HeadGuess[]> {
    await Promise.resolve()
    this.#head.passes++
    this.#head.rows += nodes.length
    if (nodes.length > this.room) throw new Error('misuse: drafted rows without room')
    const paths = nodes.map(({ parent, token }) => {
      const before = parent < 0 ? this.#end : this.#drafted[parent]
      if (before === undefined) throw new Error('misuse: a row below one that was not read')
      return [defined(before.at(-1)), token]
    })
    this.#drafted.push(...paths)
    return paths.map((path) => this.#guess(path, count))
  }

  truncate(length: number): void {
    if (length > this.length) throw new Error(`misuse: a truncation of ${this.length} rows to ${length}`)
    this.#drafted = []
    if (length < this.length) this.#end = undefined
    this.#rows.length = length
  }

  [Symbol.dispose](): void {
    this.#head.openTexts--
  }

  #guess(text: readonly TokenId[], count: number): HeadGuess {
    const weights = [...this.#head.options.next(text)].map((logit) => Math.exp(logit))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const tokens = [...weights.keys()]
      .sort((a, b) => defined(weights[b]) - defined(weights[a]) || a - b)
      .slice(0, count)
    return { tokens, probs: Float32Array.from(tokens, (token) => defined(weights[token]) / total) }
  }
}
