/**
 * One text's rows in the cache of an EAGLE-3 head. The row at position P is made of the target's features at P and the
 * token at P + 1, and says what may stand at P + 2: so a row lies one position before its token, and the text's last token
 * belongs to the row before it. Drafted rows go on from the last row with the head's own outputs in the place of features.
 */
import { assert, defined } from '../util/assert.ts'
import { DisposedError } from '../util/errors.ts'
import type { PrefixCache, Region } from '../cache/index.ts'
import { HIDDEN, VISIBLE, type HeadPass } from './eagle3-pass.ts'
import { SLOT_STEP } from './pass.ts'
import type { TokenId } from '../tree/index.ts'
import type { HeadGuess, HeadNode, HeadRow, HeadSequence } from './types.ts'

/** What a pass said about one row. */
export interface HeadResult {
  readonly state: Float32Array
  readonly guess: HeadGuess
}

export interface HeadTextParts {
  readonly region: Region
  readonly capacity: number
  readonly cacheSlots: number
  /** Masks begin with the region's first slot, else with slot 0. */
  readonly windows: boolean
  /** Rows that texts left to others. */
  readonly prefixes: PrefixCache | undefined
  /** The results of the pass's outputs, with `count` guesses each. */
  readonly run: (pass: HeadPass, count: number) => Promise<readonly HeadResult[]>
  readonly release: () => void
}

/** Rows of text per pass, as in the target's prefill. */
const READ_ROWS = 64

interface DraftedRow {
  readonly parent: number
  readonly depth: number
  readonly state: Float32Array
}

export class HeadText implements HeadSequence {
  readonly capacity: number
  readonly #parts: HeadTextParts
  #length = 0
  /** Position of the last row, and its output when it was computed to the end. */
  #last: { readonly position: number; readonly state: Float32Array | undefined } | undefined
  #drafted: DraftedRow[] = []
  #disposed = false

  constructor(parts: HeadTextParts) {
    this.#parts = parts
    this.capacity = parts.capacity
  }

  get length(): number {
    return this.#length
  }

  get room(): number {
    return this.#parts.region.size - this.#length - this.#drafted.length
  }

  async read(rows: readonly HeadRow[], count = 0): Promise<HeadGuess | undefined> {
    this.#requireLive()
    assert(rows.length > 0 && this.#length + rows.length <= this.capacity, `${rows.length} rows for a draft head`)
    this.#drafted = []
    let results: readonly HeadResult[] = []
    for (let at = 0; at < rows.length; at += READ_ROWS) {
      const chunk = rows.slice(at, at + READ_ROWS)
      const wanted = at + chunk.length === rows.length ? count : 0
      results = await this.#parts.run(this.#readingPass(chunk, wanted > 0), wanted)
      this.#length += chunk.length
      this.#last = { position: defined(chunk.at(-1)).position, state: results[0]?.state }
    }
    return results[0]?.guess
  }

  async draft(nodes: readonly HeadNode[], count: number): Promise<HeadGuess[]> {
    this.#requireLive()
    assert(nodes.length > 0 && nodes.length <= this.room, `${nodes.length} drafted rows`)
    const parents = nodes.map(({ parent }) => (parent < 0 ? this.#root() : defined(this.#drafted[parent], 'a parent')))
    const results = await this.#parts.run(this.#draftingPass(nodes, parents), count)
    results.forEach(({ state }, index) => {
      const { parent } = defined(nodes[index])
      this.#drafted.push({ parent, depth: defined(parents[index]).depth + 1, state })
    })
    return results.map(({ guess }) => guess)
  }

  truncate(length: number): void {
    this.#requireLive()
    assert(Number.isInteger(length) && length >= 0 && length <= this.#length, `truncate ${this.#length} to ${length}`)
    this.#drafted = []
    if (length === this.#length) return
    this.#length = length
    this.#last = undefined
  }

  load(tokens: readonly TokenId[]): number {
    this.#requireLive()
    const { prefixes, region } = this.#parts
    const rows = rowsOf(tokens)
    const most = Math.min(rows.length, this.capacity)
    const length = prefixes?.load(region.start, this.#length, rows, most) ?? this.#length
    if (length > this.#length) {
      this.#drafted = []
      this.#length = length
      this.#last = { position: length - 1, state: undefined }
    }
    return length
  }

  save(tokens: readonly TokenId[]): void {
    this.#requireLive()
    assert(tokens.length - 1 <= this.#length, `${tokens.length} tokens of ${this.#length} rows`)
    this.#parts.prefixes?.save(this.#parts.region.start, rowsOf(tokens))
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#parts.release()
  }

  #root(): Pick<DraftedRow, 'depth' | 'state'> {
    return { depth: 0, state: defined(this.#last?.state, 'the state of the last row') }
  }

  #readingPass(rows: readonly HeadRow[], guesses: boolean): HeadPass {
    const { region } = this.#parts
    const start = region.start + this.#length
    const base = this.#base()
    const window = this.#window(start + rows.length - base)
    const width = defined(rows[0]).features.length
    const input = new Float32Array(rows.length * width)
    rows.forEach(({ features }, index) => input.set(features, index * width))
    const mask = new Uint16Array(guesses ? window : 0).fill(HIDDEN)
    if (guesses) mask.fill(VISIBLE, region.start - base, start + rows.length - base)
    return {
      reads: 'features',
      input,
      tokens: Int32Array.from(rows, ({ next }) => next),
      positions: Int32Array.from(rows, ({ position }) => position),
      slots: BigInt64Array.from(rows, (_, index) => BigInt(start + index)),
      // Only from the last row on is drafted.
      outputs: Int32Array.from(guesses ? [rows.length - 1] : []),
      window,
      bases: Int32Array.from(guesses ? [base] : []),
      mask,
    }
  }

  /** Every row sees the text, its own ancestors and itself. */
  #draftingPass(nodes: readonly HeadNode[], parents: readonly Pick<DraftedRow, 'depth' | 'state'>[]): HeadPass {
    const { region } = this.#parts
    const text = region.start + this.#length
    const start = text + this.#drafted.length
    const base = this.#base()
    const window = this.#window(start + nodes.length - base)
    const width = defined(parents[0]).state.length
    const input = new Float32Array(nodes.length * width)
    const mask = new Uint16Array(nodes.length * window).fill(HIDDEN)
    nodes.forEach(({ parent }, row) => {
      input.set(defined(parents[row]).state, row * width)
      const first = row * window - base
      mask.fill(VISIBLE, first + region.start, first + text)
      for (let at = parent; at >= 0; at = defined(this.#drafted[at]).parent) mask[first + text + at] = VISIBLE
      mask[first + start + row] = VISIBLE
    })
    const { position } = defined(this.#last)
    return {
      reads: 'states',
      input,
      tokens: Int32Array.from(nodes, ({ token }) => token),
      positions: Int32Array.from(parents, ({ depth }) => position + depth + 1),
      slots: BigInt64Array.from(nodes, (_, row) => BigInt(start + row)),
      outputs: Int32Array.from(nodes, (_, row) => row),
      window,
      bases: new Int32Array(nodes.length).fill(base),
      mask,
    }
  }

  #base(): number {
    return this.#parts.windows ? this.#parts.region.start : 0
  }

  #window(end: number): number {
    return Math.min(this.#parts.cacheSlots, Math.ceil(end / SLOT_STEP) * SLOT_STEP)
  }

  #requireLive(): void {
    if (this.#disposed) throw new DisposedError('draft text')
  }
}

/** What rows of a text are known by: the token after each position, and for the first row the token at its position too. */
export function rowsOf(tokens: readonly TokenId[]): number[] {
  const rows = tokens.slice(1)
  if (rows.length > 0) rows[0] = (tokens[0] as number) * 2 ** 24 + (rows[0] as number)
  return rows
}
