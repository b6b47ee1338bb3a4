/**
 * An EAGLE-3 head drafts (arXiv 2503.01840): one decoder layer that reads what the target's own layers computed. Its tree
 * grows level by level and is re-ranked as EAGLE-2's (arXiv 2406.16858); depth, width and nodes are the budget's. What
 * differs from the official code: docs/methods/eagle3.md.
 */
import { UsageError } from '../../util/errors.ts'
import { bareRoot, growTree } from '../grow.ts'
import { HeadReader } from '../head-reader.ts'
import type { DraftHead } from '../../model/index.ts'
import type { Ranked, RoundOutcome, Scores, TokenId } from '../../tree/index.ts'
import type { Drafter, DraftParts, DraftRound, DraftSession, LevelSource, PromptListener } from '../types.ts'
import { eagle3Options, type Eagle3Options } from './eagle3.options.ts'

export const summary = 'a small head that reads the target’s hidden states drafts a tree level by level'
export const paper = {
  title: 'EAGLE-3: Scaling up Inference Acceleration of Large Language Models via Training-Time Test',
  arxiv: '2503.01840',
  parts: 'the head, fed with true features of accepted tokens, and EAGLE-2’s expansion and re-ranking (2406.16858)',
}
export const options = eagle3Options

/** Loads the head, which the drafter owns. Throws `drafter-mismatch` for a head of another model, `bad-file` for a broken one. */
export async function create(
  settings: Eagle3Options,
  parts: Pick<DraftParts, 'loadDraftHead'>,
): Promise<Drafter<Ranked>> {
  return new Eagle3Drafter(settings, await parts.loadDraftHead(settings.path))
}

// ---------------------------------------------------------------------------------------------------------------

/** Probabilities told to the policy for each expanded node, at least. */
const REPORTED = 10

class Eagle3Drafter implements Drafter<Ranked> {
  readonly method = 'eagle3'
  readonly sources = ['eagle3']
  readonly needs: Drafter['needs']
  readonly #settings: Eagle3Options
  readonly #head: DraftHead
  /** Texts of ended requests, the one that ended last at the end. */
  readonly #idle: HeadReader[] = []

  constructor(settings: Eagle3Options, head: DraftHead) {
    this.#settings = settings
    this.#head = head
    this.needs = { features: true, taps: head.spec.taps }
  }

  listen(prompt: readonly TokenId[]): PromptListener {
    return new Listener(this.#take(prompt), (reader) => this.#idle.push(reader))
  }

  open(prompt: readonly TokenId[], heard?: PromptListener): DraftSession<Ranked> {
    const reader = heard instanceof Listener ? heard.take() : this.#take(prompt)
    reader.follow(prompt)
    return new Eagle3Session(this.#settings, reader, () => this.#idle.push(reader))
  }

  forget(): void {
    for (const reader of this.#idle) reader.follow([])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of this.#idle) reader[Symbol.dispose]()
    this.#idle.length = 0
    await this.#head[Symbol.asyncDispose]()
  }

  /** The idle text that begins like this one, else a new one, else the one that is idle for longest. */
  #take(tokens: readonly TokenId[]): HeadReader {
    const reader = this.#takeIdle(tokens) ?? this.#openText() ?? this.#idle.shift()
    if (reader === undefined) {
      throw new UsageError(
        'busy',
        'expected room for another text in the draft head’s cache, got none; end another request or load with more sequences',
      )
    }
    reader.follow(tokens)
    return reader
  }

  #takeIdle(tokens: readonly TokenId[]): HeadReader | undefined {
    let best: { readonly at: number; readonly shared: number } | undefined
    for (const [at, reader] of this.#idle.entries()) {
      const shared = reader.shared(tokens)
      if (shared > (best?.shared ?? 0)) best = { at, shared }
    }
    return best && this.#idle.splice(best.at, 1)[0]
  }

  #openText(): HeadReader | undefined {
    const sequence = this.#head.open()
    return sequence && new HeadReader(sequence, Math.max(REPORTED, this.#settings.maxWidth))
  }
}

class Listener implements PromptListener {
  #reader: HeadReader | undefined
  readonly #giveBack: (reader: HeadReader) => void

  constructor(reader: HeadReader, giveBack: (reader: HeadReader) => void) {
    this.#reader = reader
    this.#giveBack = giveBack
  }

  known(): number {
    // What was left while this request waited for its turn.
    this.#reader?.restore()
    return this.#reader?.known ?? Infinity
  }

  async hear(first: number, rows: readonly Float32Array[]): Promise<void> {
    await this.#reader?.hear(first, rows)
  }

  /** What was heard, for the session that goes on with it. */
  take(): HeadReader {
    const reader = this.#reader
    if (reader === undefined) throw new Error('internal: a prompt was taken over twice')
    this.#reader = undefined
    return reader
  }

  [Symbol.dispose](): void {
    if (this.#reader) this.#giveBack(this.#reader)
    this.#reader = undefined
  }
}

class Eagle3Session implements DraftSession<Ranked> {
  readonly levels: LevelSource
  readonly #settings: Eagle3Options
  readonly #reader: HeadReader
  readonly #giveBack: () => void
  #disposed = false

  constructor(settings: Eagle3Options, reader: HeadReader, giveBack: () => void) {
    this.#settings = settings
    this.#reader = reader
    this.#giveBack = giveBack
    const { maxDepth, maxWidth } = settings
    this.levels = {
      maxDepth,
      maxWidth,
      begin: (tokens, signal) => reader.begin(tokens, signal),
      canRead: (count) => reader.canRead(count),
      guess: (tree, nodes) => reader.guess(tree, nodes),
    }
  }

  async propose({ tokens, budget, policy, signal }: DraftRound): Promise<Ranked> {
    const root = tokens[tokens.length - 1] as TokenId
    if (budget.nodes <= 0 || budget.depth <= 0) {
      if (this.#reader.crowded) await this.#reader.catchUp()
      return bareRoot(root)
    }
    if (!(await this.#reader.begin(tokens, signal))) return bareRoot(root)
    const depth = Math.min(budget.depth, this.#settings.maxDepth)
    const width = Math.min(budget.width, this.#settings.maxWidth)
    return growTree(root, this.#reader, policy, { ...budget, depth, width }, signal)
  }

  observe(outcome: RoundOutcome, scores: Scores): void {
    this.#reader.end(outcome, scores)
  }

  [Symbol.dispose](): void {
    if (!this.#disposed) this.#giveBack()
    this.#disposed = true
  }
}
