/**
 * One text read by a draft head: keeps the head's rows in step with the text and expands trees level by level.
 *
 * The head wants the target's features of every token, and the token after it. Features are kept as they come and read when
 * something shall be drafted, so that rounds without drafting cost nothing here. What the head has read stays when the
 * request ends: the next one that begins alike goes on from there. Rows whose features never came (the target had them in its
 * cache) are simply absent, positions stay true: it costs acceptance, never the text.
 */
import { assert } from '../util/assert.ts'
import type { HeadGuess, HeadNode, HeadRow, HeadSequence } from '../model/index.ts'
import type { LevelReport } from '../policy/index.ts'
import {
  emittedTokens,
  type NodeId,
  type RoundOutcome,
  type Scores,
  type TokenId,
  type TokenTree,
} from '../tree/index.ts'
import { throwIfAborted } from '../util/errors.ts'
import { Beam } from './beam.ts'
import type { LevelStepper } from './grow.ts'

/** Features that wait to be read take at most this. */
const MOST_WAITING_BYTES = 16 << 20

/** Rows are left to others when there are so many new ones: they are kept in blocks. */
const WORTH_LEAVING = 16

const NO_GUESS: HeadGuess = { tokens: [], probs: new Float32Array(0) }

interface Waiting {
  readonly position: number
  readonly features: Float32Array
}

interface Round {
  /** What may follow the text. */
  readonly first: HeadGuess
  /** By node of the tree: its index among the drafted rows. */
  readonly drafted: Map<NodeId, number>
  beam: Beam | undefined
}

export class HeadReader implements LevelStepper, Disposable {
  readonly #sequence: HeadSequence
  readonly #count: number
  readonly #mostWaitingBytes: number
  /** The text that rows and waiting features belong to. */
  readonly #text: TokenId[] = []
  /** [rows] ascending. */
  readonly #positions: number[] = []
  /** Ascending, after all rows. */
  #waiting: Waiting[] = []
  /** What may follow the last row; undefined when it was not computed to the end. */
  #guess: HeadGuess | undefined
  #round: Round | undefined
  /** Rows that were left to others. */
  #left = 0

  /** `count`: guesses asked for each row. */
  constructor(sequence: HeadSequence, count: number, mostWaitingBytes = MOST_WAITING_BYTES) {
    this.#sequence = sequence
    this.#count = count
    this.#mostWaitingBytes = mostWaitingBytes
  }

  /** Tokens that this text has in common with `tokens` from the start. */
  shared(tokens: readonly TokenId[]): number {
    const most = Math.min(this.#text.length, tokens.length)
    let shared = 0
    while (shared < most && this.#text[shared] === tokens[shared]) shared++
    return shared
  }

  /** The text is `tokens` now: forgets what belonged to another one. */
  follow(tokens: readonly TokenId[]): void {
    this.#round = undefined
    const shared = this.shared(tokens)
    // A row holds the token after its position.
    let rows = this.#positions.length
    while (rows > 0 && (this.#positions[rows - 1] as number) + 1 >= shared) rows--
    if (rows < this.#positions.length) this.#guess = undefined
    this.#positions.length = rows
    this.#left = Math.min(this.#left, rows)
    this.#sequence.truncate(rows)
    this.#waiting = this.#waiting.filter(({ position }) => position < shared)
    this.#text.length = shared
    for (let at = shared; at < tokens.length; at++) this.#text.push(tokens[at] as TokenId)
  }

  /** Takes over rows that earlier texts left, as far as they began like this one. */
  restore(): void {
    if (!this.#isWhole) return
    const length = this.#sequence.load?.(this.#text) ?? 0
    if (length <= this.#positions.length) return
    for (let at = this.#positions.length; at < length; at++) this.#positions.push(at)
    this.#waiting = this.#waiting.filter(({ position }) => position >= length)
    this.#guess = undefined
    this.#left = length
  }

  /** Tokens from the beginning on whose features are not needed any more: they were read, or wait to be. */
  get known(): number {
    let known = this.#isWhole ? this.#positions.length : 0
    for (const { position } of this.#waiting) if (position === known) known++
    return known
  }

  /** Leaves copies of rows to later texts, once there are enough new ones. */
  leave(): void {
    const rows = this.#positions.length
    if (rows < this.#left + WORTH_LEAVING || !this.#isWhole) return
    this.#sequence.save?.(this.#text.slice(0, rows + 1))
    this.#left = rows
  }

  /** Are the rows those of all positions from 0 on? */
  get #isWhole(): boolean {
    return (this.#positions.at(-1) ?? -1) === this.#positions.length - 1
  }

  /** Features of the text's tokens from `first` on. */
  async hear(first: number, rows: readonly Float32Array[]): Promise<void> {
    this.#keep(rows.map((features, index) => ({ position: first + index, features })))
    if (this.crowded) await this.catchUp()
  }

  /** True when what waits takes too much memory. */
  get crowded(): boolean {
    const bytes = this.#waiting[0]?.features.byteLength ?? 0
    return bytes * this.#waiting.length > this.#mostWaitingBytes
  }

  /** Reads what waits, as far as the token after it is known. Guesses only when asked. */
  async catchUp(guess = false): Promise<void> {
    const ready = this.#waiting.filter(({ position }) => position + 1 < this.#text.length)
    const room = this.#sequence.capacity - this.#positions.length
    if (room <= 0) this.#waiting = []
    if (ready.length === 0 || room <= 0) return
    const rows = ready.slice(0, room).map((waiting): HeadRow => ({
      ...waiting,
      next: this.#text[waiting.position + 1] as TokenId,
    }))
    // Taken away first: a pass that fails leaves rows nobody can trust.
    this.#waiting = this.#waiting.slice(rows.length)
    this.#guess = await this.#sequence.read(rows, guess ? this.#count : 0)
    for (const { position } of rows) this.#positions.push(position)
  }

  /** Brings the head in step with `tokens`. False when it cannot draft: its context is full, or features are missing. */
  async begin(tokens: readonly TokenId[], signal?: AbortSignal): Promise<boolean> {
    this.follow(tokens)
    throwIfAborted(signal)
    await this.catchUp(true)
    this.leave()
    if (this.#guess === undefined || this.#positions.at(-1) !== tokens.length - 2) return false
    // Drops what an earlier round drafted.
    this.#sequence.truncate(this.#positions.length)
    this.#round = { first: this.#guess, drafted: new Map(), beam: undefined }
    return true
  }

  async expand(tree: TokenTree, frontier: readonly NodeId[], width: number): Promise<LevelReport> {
    const round = this.#round
    assert(round !== undefined, 'a draft head expands a tree before it has read the text')
    round.beam ??= new Beam(tree)
    const level = round.beam.grow(frontier, await this.guess(tree, frontier), width)
    return this.canRead(level.frontier.length) ? level : { ...level, frontier: [] }
  }

  /** Is there room to ask about `count` further nodes? */
  canRead(count: number): boolean {
    return count <= this.#sequence.room
  }

  /** What may follow each of `nodes`; no guesses for those whose parent the head has not read (see `LevelSource`). */
  async guess(tree: TokenTree, nodes: readonly NodeId[]): Promise<readonly HeadGuess[]> {
    const round = this.#round
    assert(round !== undefined, 'a draft head expands a tree before it has read the text')
    // The row before the root's token was read with the text: the first level needs no pass.
    if (nodes[0] === 0) return [round.first]
    const read = nodes.filter((node) => {
      const parent = tree.parents[node] as NodeId
      return parent === 0 || round.drafted.has(parent)
    })
    const guesses = read.length > 0 && this.canRead(read.length) ? await this.#draft(round, tree, read) : []
    const byNode = new Map(guesses.map((guess, i) => [read[i], guess]))
    return nodes.map((node) => byNode.get(node) ?? NO_GUESS)
  }

  /** The round is over: keeps the features of what was emitted. */
  end(outcome: RoundOutcome, scores: Scores): void {
    this.#round = undefined
    const { context, tree, accepted } = outcome
    assert(this.#text.length >= context, 'a draft head follows the text')
    this.#text.length = context
    this.#text.push(tree.tokens[0] as TokenId, ...emittedTokens(outcome))
    this.#keep([0, ...accepted].map((node, i) => ({ position: context + i, features: scores.features(node) })))
  }

  [Symbol.dispose](): void {
    this.#round = undefined
    this.#sequence[Symbol.dispose]()
  }

  async #draft(round: Round, tree: TokenTree, frontier: readonly NodeId[]): Promise<HeadGuess[]> {
    const nodes = frontier.map((node): HeadNode => ({
      parent: round.drafted.get(tree.parents[node] as NodeId) ?? -1,
      token: tree.tokens[node] as TokenId,
    }))
    for (const node of frontier) round.drafted.set(node, round.drafted.size)
    return this.#sequence.draft(nodes, this.#count)
  }

  /** Rows of a shared beginning may come again: what is known already is not read twice. */
  #keep(rows: readonly Waiting[]): void {
    const last = this.#waiting.at(-1)?.position ?? this.#positions.at(-1) ?? -1
    this.#waiting.push(...rows.filter(({ position }) => position > last))
  }
}
