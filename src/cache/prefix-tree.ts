/**
 * Beginnings of texts, in blocks of tokens, as a tree: texts that begin alike share blocks. It says where a block's rows lie; moving
 * rows is not its work. When all places are taken, the block that was used longest ago goes, and never one that others build upon.
 */
import { assert } from '../util/assert.ts'

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

interface Node {
  readonly key: string
  readonly tokens: readonly number[]
  readonly place: number
  readonly parent: Node | undefined
  readonly children: Map<string, Node>
}

export class PrefixTree {
  /** Tokens of a block. */
  readonly blockTokens: number
  /** Most blocks. */
  readonly capacity: number
  readonly #roots = new Map<string, Node>()
  /** Used longest ago first; whoever is used is followed by those it builds upon, so that the first one is always a leaf. */
  readonly #byUse = new Set<Node>()
  readonly #freePlaces: number[]
  #evicted = 0

  constructor(blockTokens: number, capacity: number) {
    assert(blockTokens > 0 && capacity >= 0, `a tree of ${capacity} blocks of ${blockTokens} tokens`)
    this.blockTokens = blockTokens
    this.capacity = capacity
    this.#freePlaces = Array.from({ length: capacity }, (_, index) => capacity - 1 - index)
  }

  /** Blocks in use. */
  get used(): number {
    return this.#byUse.size
  }

  /** Blocks that had to go so far. */
  get evicted(): number {
    return this.#evicted
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
    if (last) this.#use(last)
    return found
  }

  /**
   * Makes places for the whole blocks of a text that have none yet; the caller stores their rows at once. Fewer when the
   * tree is too small for the text.
   */
  insert(tokens: readonly number[]): NewBlock[] {
    const added: NewBlock[] = []
    let level = this.#roots
    let parent: Node | undefined
    for (let first = 0; first + this.blockTokens <= tokens.length; first += this.blockTokens) {
      const key = keyOf(tokens, first, this.blockTokens)
      let node = level.get(key)
      if (node === undefined) {
        // What this text builds upon is in use now and cannot go; a text that fills the tree ends here.
        if (parent) this.#use(parent)
        const place = this.#freePlaces.pop() ?? this.#evict(parent)
        if (place === undefined) break
        node = { key, tokens: tokens.slice(first, first + this.blockTokens), place, parent, children: new Map() }
        level.set(key, node)
        this.#use(node)
        added.push({ first, place })
      }
      parent = node
      level = node.children
    }
    if (parent) this.#use(parent)
    return added
  }

  /** The block was used, and with it all that it builds upon. */
  #use(node: Node): void {
    for (let at: Node | undefined = node; at; at = at.parent) {
      this.#byUse.delete(at)
      this.#byUse.add(at)
    }
  }

  /** The place of the leaf that was used longest ago; undefined when that is `kept` itself. */
  #evict(kept: Node | undefined): number | undefined {
    for (const node of this.#byUse) {
      if (node === kept) return undefined
      assert(node.children.size === 0, 'a block that others build upon is older than they are')
      this.#byUse.delete(node)
      ;(node.parent?.children ?? this.#roots).delete(node.key)
      this.#evicted++
      return node.place
    }
    return undefined
  }
}

// ---------------------------------------------------------------------------------------------------------------

function keyOf(tokens: readonly number[], first: number, count: number): string {
  return tokens.slice(first, first + count).join(' ')
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
