/**
 * A target model without weights: next-token logits are a function of the text. Its sequences check every use against
 * the contract of `model/types.ts` (what is committed, which nodes were scored, room, views that have expired) and throw
 * where a real model would silently read wrong rows.
 */
import { defined } from '../../src/util/assert.ts'
import type { ModelSpec, PrefillOptions, ScoreItem, Sequence, TargetModel } from '../../src/model/index.ts'
import type { NodeId, Scores, TokenId, TokenTree } from '../../src/tree/index.ts'

/** [vocab] logits of the token after `text`, which is never empty. */
export type NextLogits = (text: readonly TokenId[]) => Float32Array

/**
 * A seeded Markov text: the last token decides most, the one before it the rest. Greedy text runs into a cycle after
 * some dozens of tokens; at temperature 1 about every other token is a likely one.
 */
export function markov(seed: number, vocabSize: number): NextLogits {
  const rows = new Map<number, Float32Array>()
  return (text) => {
    const last = defined(text.at(-1))
    const key = last * vocabSize + (text.at(-2) ?? 0)
    let row = rows.get(key)
    if (row === undefined) {
      const logit = (_: unknown, token: number): number =>
        8 * noise(seed + last, token) ** 2 + 2 * noise(seed - key - 1, token)
      row = Float32Array.from({ length: vocabSize }, logit)
      rows.set(key, row)
    }
    return row
  }
}

/** The same text seen through a haze of `width` logits: an imperfect draft model of `next`. */
export function blurred(next: NextLogits, width: number): NextLogits {
  return (text) => next(text).map((logit, token) => logit + width * noise(text.at(-1) ?? 0, token))
}

/** What a table model knows after `text`: how long it is, and its last two tokens. */
function featuresOf(text: readonly TokenId[]): Float32Array {
  return Float32Array.of(text.length, text.at(-1) ?? -1, text.at(-2) ?? -1)
}

/** A number in [0, 1) that looks random: cheaper than the product's, which is made for longer texts. */
function noise(a: number, b: number): number {
  let hash = Math.imul(a ^ 0x2545f491, 0x9e3779b1) ^ Math.imul(b + 0x632be5ab, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32
}

export interface TableModelOptions {
  readonly vocabSize: number
  readonly next: NextLogits
  /** Tokens one sequence may hold. Default 1024. */
  readonly context?: number
}

export class TableModel implements TargetModel {
  readonly spec: ModelSpec
  readonly context: number
  readonly next: NextLogits
  /** Passes and rows so far, and sequences that are open. */
  passes = 0
  rows = 0
  openSequences = 0
  disposed = false

  constructor({ vocabSize, next, context = 1024 }: TableModelOptions) {
    this.context = context
    this.next = next
    this.spec = {
      architecture: 'table',
      name: 'table',
      vocabSize,
      layerCount: 1,
      width: 1,
      trainedContext: context,
      weightBytes: 0,
      kvBytesPerToken: 0,
      parameterCount: 0,
      fingerprint: 'table',
    }
  }

  open(options: { capacity?: number } = {}): TableSequence {
    if (this.disposed) throw new Error('misuse: a disposed model was opened')
    this.openSequences++
    return new TableSequence(this, options.capacity ?? this.context)
  }

  async score(batch: readonly ScoreItem[]): Promise<Scores[]> {
    if (this.disposed) throw new Error('misuse: a disposed model was asked to score')
    await Promise.resolve()
    this.passes++
    return batch.map((item) => {
      if (!(item.sequence instanceof TableSequence)) throw new Error('misuse: a sequence of another model')
      return item.sequence.score(item, this.passes)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.openSequences > 0)
      throw new Error(`misuse: a model with ${this.openSequences} open sequences was disposed`)
    this.disposed = true
  }
}

export class TableSequence implements Sequence {
  readonly capacity: number
  readonly #model: TableModel
  readonly #tokens: TokenId[] = []
  #taps: readonly number[] = []
  #scored: { tokens: readonly TokenId[]; parents: readonly NodeId[] } | undefined
  #disposed = false

  constructor(model: TableModel, capacity: number) {
    this.#model = model
    this.capacity = capacity
  }

  get length(): number {
    return this.#tokens.length
  }

  /** The committed text. */
  get tokens(): readonly TokenId[] {
    return this.#tokens
  }

  async prefill(tokens: readonly TokenId[], options: PrefillOptions = {}): Promise<Scores> {
    this.#check(this.#scored === undefined, 'a prefill while a scored tree was neither committed nor dropped')
    this.#check(tokens.length > 0, 'a prefill of no tokens')
    this.#check(this.length + tokens.length <= this.capacity, `a prefill of ${tokens.length} tokens without room`)
    await Promise.resolve()
    const pass = ++this.#model.passes
    const rows = tokens.map((token, index) => {
      this.#tokens.push(token)
      return { index, token, logits: this.#model.next(this.#tokens) }
    })
    options.onRows?.(rows.filter(({ index }) => options.wanted?.(index)))
    options.onProgress?.(tokens.length, tokens.length)
    const before = this.length - tokens.length
    const featuresAt = (index: number): Float32Array => featuresOf(this.#tokens.slice(0, before + index + 1))
    if (this.#taps.length > 0)
      await options.onFeatures?.(
        0,
        tokens.map((_, index) => featuresAt(index)),
      )
    return this.#scores(pass, new Map([[0, defined(rows.at(-1)).logits]]), () => featuresAt(tokens.length - 1))
  }

  score({ tree, from = 0, outputs }: ScoreItem, pass: number): Scores {
    this.#checkFrom(tree, from)
    this.#check(this.length + tree.size <= this.capacity, `a tree of ${tree.size} nodes without room`)
    this.#model.rows += tree.size - from
    const wanted = outputs ?? Array.from({ length: tree.size - from }, (_, i) => from + i)
    const rows = new Map<NodeId, Float32Array>()
    for (const node of wanted) {
      this.#check(node >= from && node < tree.size, `logits of node ${node} from a pass over nodes ${from} and later`)
      const path = [0, ...tree.path(node)].map((at) => defined(tree.tokens[at]))
      rows.set(node, this.#model.next([...this.#tokens, ...path]))
    }
    this.#scored = { tokens: [...tree.tokens], parents: [...tree.parents] }
    const committed = [...this.#tokens]
    return this.#scores(pass, rows, (node) =>
      featuresOf([...committed, ...[0, ...tree.path(node)].map((at) => defined(tree.tokens[at]))]),
    )
  }

  commit(accepted: readonly NodeId[]): void {
    const scored = this.#scored
    if (scored === undefined) throw new Error('misuse: a commit without a scored tree')
    let parent = 0
    this.#tokens.push(defined(scored.tokens[0]))
    for (const node of accepted) {
      this.#check(scored.parents[node] === parent, `a commit of node ${node} that does not follow node ${parent}`)
      this.#tokens.push(defined(scored.tokens[node]))
      parent = node
    }
    this.#scored = undefined
  }

  truncate(length: number): void {
    this.#check(length >= 0 && length <= this.length, `a truncation of ${this.length} tokens to ${length}`)
    this.#tokens.length = length
    this.#scored = undefined
  }

  tap(layers: readonly number[]): void {
    this.#check(
      layers.every((layer) => layer === 0),
      'a tap of a layer that a table does not have',
    )
    this.#taps = layers
  }

  [Symbol.dispose](): void {
    if (!this.#disposed) this.#model.openSequences--
    this.#disposed = true
  }

  #scores(pass: number, rows: ReadonlyMap<NodeId, Float32Array>, features: (node: NodeId) => Float32Array): Scores {
    const tapped = this.#taps.length > 0
    return {
      logits: (node) => {
        if (this.#model.passes !== pass) throw new Error('misuse: scores were read after the next pass')
        const row = rows.get(node)
        if (row === undefined) throw new Error(`misuse: logits of node ${node} were not asked for`)
        return row.slice()
      },
      features: (node) => {
        if (!tapped) throw new Error('misuse: features of a sequence without taps')
        if (this.#model.passes !== pass) throw new Error('misuse: features were read after the next pass')
        return features(node)
      },
    }
  }

  /** Nodes before `from` must be those that were scored since the last commit. */
  #checkFrom(tree: TokenTree, from: NodeId): void {
    this.#check(!this.#disposed, 'a disposed sequence was scored')
    this.#check(from < tree.size, 'a pass over no nodes')
    if (from === 0) return
    const known = this.#scored
    this.#check(known?.tokens.length === from, `from ${from} after ${known?.tokens.length ?? 0} scored nodes`)
    for (let node = 0; node < from; node++) {
      const same = tree.tokens[node] === known?.tokens[node] && tree.parents[node] === known?.parents[node]
      this.#check(same, `node ${node} changed after it was scored`)
    }
  }

  #check(condition: boolean, what: string): void {
    if (!condition) throw new Error(`misuse: ${what}`)
    if (this.#disposed) throw new Error('misuse: a disposed sequence was used')
  }
}
