/**
 * Beginnings of texts, in blocks of tokens, as a tree: texts that begin alike share blocks. It says where a block's rows lie; moving
 * rows is not its work. When all places are taken, an order of blocks says which one goes (`prefix-eviction.ts`), and never one that
 * others build upon.
 */
import { assert } from '../util/assert.ts'
import { LeastRecentlyUsed, MarkAndPredict, type EvictionOrder, type PredictionCounts } from './prefix-eviction.ts'
import { hashesOf, type BeginningHash } from './return-rates.ts'
import type { CacheEviction } from './types.ts'

/** A stretch of a text whose rows are known. */
export interface KnownRows {
  /** Index of its first token. */
  readonly first: number
  readonly count: number
  /** The place of the block; its first row is that of token `first`. */
  readonly place: number
}

/** A block whose rows are to be stored. */
export interface NewBlock {
  /** Index of its first token. */
  readonly first: number
  readonly place: number
}

/** How a tree is kept. */
export interface PrefixTreeOptions {
  /** Which block goes when there is no place. Default `lru`. */
  readonly eviction?: CacheEviction | undefined
  /** Told of the tokens up to the end of a block that has to go. */
  readonly onEvict?: ((tokens: readonly number[]) => void) | undefined
}

interface Node {
  readonly key: string
  readonly tokens: readonly number[]
  readonly place: number
  readonly parent: Node | undefined
  readonly children: Map<string, Node>
  readonly hash: BeginningHash
  /** Texts went on behind it in different ways, at some time. */
  shared: boolean
}

export class PrefixTree {
  /** Tokens of a block. */
  readonly blockTokens: number
  /** Most blocks. */
  readonly capacity: number
  readonly #roots = new Map<string, Node>()
  readonly #order: EvictionOrder<Node>
  readonly #freePlaces: number[]
  readonly #onEvict: PrefixTreeOptions['onEvict']
  #evicted = 0

  constructor(blockTokens: number, capacity: number, { eviction = 'lru', onEvict }: PrefixTreeOptions = {}) {
    assert(blockTokens > 0 && capacity >= 0, `a tree of ${capacity} blocks of ${blockTokens} tokens`)
    this.blockTokens = blockTokens
    this.capacity = capacity
    this.#order = eviction === 'lru' ? new LeastRecentlyUsed() : new MarkAndPredict(capacity)
    this.#onEvict = onEvict
    this.#freePlaces = Array.from({ length: capacity }, (_, index) => capacity - 1 - index)
  }

  /** Blocks in use. */
  get used(): number {
    return this.#order.size
  }

  /** Blocks that had to go so far. */
  get evicted(): number {
    return this.#evicted
  }

  /** Undefined where nothing is predicted. */
  get predictions(): PredictionCounts | undefined {
    return this.#order.predictions
  }

  /** What is known of the first `most` tokens of a text, from its beginning on without a gap; the last block may be used in part. */
  match(tokens: readonly number[], most = tokens.length): KnownRows[] {
    const found: KnownRows[] = []
    let level = this.#roots
    let last: Node | undefined
    for (let first = 0; first < most; first += this.blockTokens) {
      const whole = level.get(keyOf(tokens, first, this.blockTokens))
      const best = whole ?? closest(level, tokens, first)
      if (best === undefined) break
      last = best
      const count = Math.min(most - first, whole ? this.blockTokens : shared(best.tokens, tokens, first))
      found.push({ first, count, place: best.place })
      if (count < this.blockTokens) break
      level = best.children
    }
    this.#order.ask(hashesOf(tokens, this.blockTokens))
    if (last) this.#order.use(last)
    return found
  }

  /**
   * Makes places for the whole blocks of a text that have none yet; the caller stores their rows at once. Fewer when the
   * tree is too small for the text.
   */
  insert(tokens: readonly number[]): NewBlock[] {
    const added: NewBlock[] = []
    const hashes = hashesOf(tokens, this.blockTokens)
    let level = this.#roots
    let parent: Node | undefined
    for (let first = 0; first + this.blockTokens <= tokens.length; first += this.blockTokens) {
      const key = keyOf(tokens, first, this.blockTokens)
      let node = level.get(key)
      if (node === undefined) {
        // What this text builds upon is in use now and cannot go; a text that fills the tree ends here.
        if (parent && added.length === 0) this.#order.use(parent)
        const place = this.#freePlaces.pop() ?? this.#evict(parent)
        if (place === undefined) break
        node = this.#node(
          tokens.slice(first, first + this.blockTokens),
          place,
          parent,
          hashes[first / this.blockTokens],
        )
        level.set(key, node)
        if (parent && level.size > 1) parent.shared = true
        this.#order.add(node)
        added.push({ first, place })
      }
      parent = node
      level = node.children
    }
    if (parent) this.#order.end(parent, hashes)
    return added
  }

  /** Forgets the block in which this text ends, also where the block goes on differently, and all that builds upon it. */
  drop(tokens: readonly number[]): void {
    const last = Math.max(0, Math.ceil(tokens.length / this.blockTokens) - 1) * this.blockTokens
    let level: ReadonlyMap<string, Node> | undefined = this.#roots
    for (let first = 0; first < last && level; first += this.blockTokens) {
      level = level.get(keyOf(tokens, first, this.blockTokens))?.children
    }
    for (const node of [...(level?.values() ?? [])]) {
      if (tokens.length > last && shared(node.tokens, tokens, last) === tokens.length - last) this.#forget(node)
    }
  }

  #node(tokens: readonly number[], place: number, parent: Node | undefined, hash: BeginningHash = 0): Node {
    return { key: keyOf(tokens, 0, tokens.length), tokens, place, parent, hash, children: new Map(), shared: false }
  }

  #forget(node: Node): void {
    for (const child of [...node.children.values()]) this.#forget(child)
    this.#order.remove(node)
    ;(node.parent?.children ?? this.#roots).delete(node.key)
    this.#freePlaces.push(node.place)
  }

  /** The place of the block that goes; undefined when only `kept` and what it builds upon are left. */
  #evict(kept: Node | undefined): number | undefined {
    const node = this.#order.evict(kept)
    if (node === undefined) return undefined
    ;(node.parent?.children ?? this.#roots).delete(node.key)
    this.#evicted++
    this.#onEvict?.(tokensOf(node))
    return node.place
  }
}

// ---------------------------------------------------------------------------------------------------------------

function keyOf(tokens: readonly number[], first: number, count: number): string {
  return tokens.slice(first, first + count).join(' ')
}

function tokensOf(node: Node): number[] {
  const blocks: (readonly number[])[] = []
  for (let at: Node | undefined = node; at; at = at.parent) blocks.unshift(at.tokens)
  return blocks.flat()
}

/** The block that has most tokens in common with the text from `first` on; undefined when none begins like it. */
function closest(level: ReadonlyMap<string, Node>, tokens: readonly number[], first: number): Node | undefined {
  let best: Node | undefined
  let most = 0
  for (const node of level.values()) {
    const count = shared(node.tokens, tokens, first)
    if (count > most) [best, most] = [node, count]
  }
  return best
}

function shared(block: readonly number[], tokens: readonly number[], first: number): number {
  let count = 0
  while (count < block.length && block[count] === tokens[first + count]) count++
  return count
}
