/**
 * Which block of a full tree of beginnings goes: orders of blocks, kept as they are used. A block that others build upon never goes
 * before them, because whoever uses a block uses what it builds upon right after it.
 */
import { assert } from '../util/assert.ts'
import { ReturnRates, type BeginningHash } from './return-rates.ts'

/** What an order knows of a block. */
export interface OrderedBlock<Block> {
  readonly parent: Block | undefined
  readonly children: ReadonlyMap<string, Block>
  /** Of all tokens up to its end. */
  readonly hash: BeginningHash
  /** Several texts went on behind it in different ways, at some time. */
  readonly shared: boolean
}

/** How predictions went, in blocks. */
export interface PredictionCounts {
  /** Gone because they were predicted not to come back. */
  readonly predicted: number
  /** Of these, asked for again nevertheless, before as many others had gone as the cache holds. */
  readonly wrong: number
}

/** Decides which block goes. */
export interface EvictionOrder<Block> {
  /** Blocks in all. */
  readonly size: number
  /** Undefined where nothing is predicted. */
  readonly predictions?: PredictionCounts
  /** The block was used, and with it all that it builds upon. */
  use(block: Block): void
  /** A block is new; what it builds upon is in use. */
  add(block: Block): void
  /** A request asks for the beginning that ends with these blocks' hashes. */
  ask(hashes: readonly BeginningHash[]): void
  /** A text ends with this block, whose hash is the last one. Its blocks are in use. */
  end(block: Block, hashes: readonly BeginningHash[]): void
  /** The block that goes next; it is in the order no more. Undefined when only `kept` and what it builds upon are left. */
  evict(kept: Block | undefined): Block | undefined
  /** Takes a block out. */
  remove(block: Block): void
}

/** Whoever was used longest ago goes. */
export class LeastRecentlyUsed<Block extends OrderedBlock<Block>> implements EvictionOrder<Block> {
  /** Used longest ago first; whoever is used is followed by those it builds upon, so that the first one is always a leaf. */
  readonly #byUse = new Set<Block>()

  get size(): number {
    return this.#byUse.size
  }

  use(block: Block): void {
    for (let at: Block | undefined = block; at; at = at.parent) {
      this.#byUse.delete(at)
      this.#byUse.add(at)
    }
  }

  add(block: Block): void {
    this.#byUse.add(block)
  }

  ask(): void {
    // Nothing but the use of a block counts.
  }

  end(block: Block): void {
    this.use(block)
  }

  evict(kept: Block | undefined): Block | undefined {
    const [first] = this.#byUse
    // What has others upon it is older than they are only while a text is stored, and then it is that text's.
    if (first === undefined || first === kept || first.children.size > 0) return undefined
    this.#byUse.delete(first)
    return first
  }

  remove(block: Block): void {
    this.#byUse.delete(block)
  }
}

/** A text whose kind comes back less often than this is not worth its rows. Lower than even: rows kept in vain cost less. */
const WORTH_KEEPING = 0.3
/** A text comes back when it does so while this many times the cache's blocks are asked for. */
const HORIZON = 4

/** How sure it is that a block is wanted again: not at all, it was wanted in an earlier phase, or in this one. */
const DROP = 0
const KEEP = 1
const MARKED = 2
type Class = typeof DROP | typeof KEEP | typeof MARKED

/**
 * MARK&PREDICT ("Paging with Succinct Predictions", arXiv 2210.02775), for a tree. First goes what is predicted not to come back,
 * then what was not used in this phase, oldest first. When all was used, a new phase begins.
 */
export class MarkAndPredict<Block extends OrderedBlock<Block>> implements EvictionOrder<Block> {
  /** By class, each by use. A block is in the class of those that build upon it or in a later one, so the first of all is a leaf. */
  readonly #classes: readonly [Set<Block>, Set<Block>, Set<Block>] = [new Set(), new Set(), new Set()]
  readonly #classOf = new Map<Block, Class>()
  readonly #rates: ReturnRates
  readonly #capacity: number
  /** Blocks that went because of a prediction, not asked for since. */
  readonly #dropped = new Set<BeginningHash>()
  #predicted = 0
  #wrong = 0

  /** `capacity`: most blocks. */
  constructor(capacity: number) {
    this.#capacity = capacity
    this.#rates = new ReturnRates(capacity * HORIZON)
  }

  get size(): number {
    return this.#classOf.size
  }

  get predictions(): PredictionCounts {
    return { predicted: this.#predicted, wrong: this.#wrong }
  }

  use(block: Block): void {
    for (let at: Block | undefined = block; at; at = at.parent) this.#put(at, MARKED)
  }

  add(block: Block): void {
    this.#put(block, MARKED)
  }

  ask(hashes: readonly BeginningHash[]): void {
    this.#rates.ask(hashes)
    for (const hash of hashes) if (this.#dropped.delete(hash)) this.#wrong++
  }

  end(block: Block, hashes: readonly BeginningHash[]): void {
    let branch = block.parent
    while (branch && !branch.shared) branch = branch.parent
    let drops = this.#rates.end(hashes, branch?.hash ?? 0) < WORTH_KEEPING
    for (let at: Block | undefined = block; at; at = at.parent) {
      // What others build upon stays as long as they do, and what texts share is wanted whatever becomes of this one.
      drops &&= at !== branch && at.children.size <= (at === block ? 0 : 1)
      this.#put(at, drops ? DROP : MARKED)
    }
  }

  evict(kept: Block | undefined): Block | undefined {
    const isPredicted = this.#classes[DROP].size > 0
    if (!isPredicted && this.#classes[KEEP].size === 0) this.#nextPhase(kept)
    const [found] = isPredicted ? this.#classes[DROP] : this.#classes[KEEP]
    if (found === undefined) return undefined
    assert(found.children.size === 0, 'a block that others build upon goes after they did')
    this.remove(found)
    if (isPredicted) this.#noteDropped(found.hash)
    return found
  }

  remove(block: Block): void {
    const known = this.#classOf.get(block)
    if (known !== undefined) this.#classes[known].delete(block)
    this.#classOf.delete(block)
  }

  #nextPhase(kept: Block | undefined): void {
    for (const block of this.#classes[MARKED]) this.#put(block, KEEP)
    if (kept) this.use(kept)
  }

  #noteDropped(hash: BeginningHash): void {
    this.#predicted++
    this.#dropped.add(hash)
    const [oldest] = this.#dropped
    if (this.#dropped.size > this.#capacity && oldest !== undefined) this.#dropped.delete(oldest)
  }

  #put(block: Block, to: Class): void {
    const from = this.#classOf.get(block)
    if (from !== undefined) this.#classes[from].delete(block)
    this.#classes[to].add(block)
    this.#classOf.set(block, to)
  }
}
