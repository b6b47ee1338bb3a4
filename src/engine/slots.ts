/**
 * Sequences between requests: an idle sequence remembers its tokens, and the next request takes the one that shares the
 * longest beginning with it. Requests beyond the number of sequences, or beyond the rows that are free, wait their turn: by priority, then
 * first come, first served.
 */
import { HeterospecError, throwIfAborted, UsageError } from '../util/errors.ts'
import type { Sequence, TargetModel } from '../model/index.ts'
import type { TokenId } from '../tree/index.ts'

export interface Slot {
  readonly sequence: Sequence
  /** Tokens whose rows are in the cache; always as many as `sequence.length`. */
  cached: TokenId[]
}

/** Who wants a slot, and for what. */
export interface SlotWish {
  readonly signal?: AbortSignal | undefined
  /** Lower ones come first. Default 0. */
  readonly priority?: number | undefined
  /** Most tokens that may follow those given. Default: as many as the context holds. */
  readonly maxTokens?: number | undefined
}

interface Waiting {
  readonly tokens: readonly TokenId[]
  readonly rows: number
  readonly priority: number
  readonly ready: (slot: Slot) => void
}

export class SlotTable implements Disposable {
  readonly #model: TargetModel
  /** Most sequences. */
  readonly limit: number
  /** Sequences take only the rows that their request may need; else all take as many as the context has. */
  readonly #pooled: boolean
  /** Used longest ago first. */
  readonly #idle: Slot[] = []
  readonly #waiting: Waiting[] = []
  #opened = 0

  constructor(model: TargetModel, limit: number, pooled = false) {
    this.#model = model
    this.limit = limit
    this.#pooled = pooled
  }

  /** The idle slot that fits `tokens` best, or a new one, or the next for which there is room: whoever came first is served first. */
  async take(tokens: readonly TokenId[], { signal, priority = 0, maxTokens = Infinity }: SlotWish = {}): Promise<Slot> {
    throwIfAborted(signal)
    const { context } = this.#model
    const rows = this.#pooled ? Math.min(context, Math.max(1, tokens.length + maxTokens)) : context
    const isFirst = this.#waiting.every((other) => other.priority > priority)
    return (isFirst ? this.#find(tokens, rows) : undefined) ?? this.#wait({ tokens, rows, priority }, signal)
  }

  /** Returns a slot; `cached` must name the rows that its sequence holds. */
  give(slot: Slot): void {
    this.#idle.push(slot)
    this.#serve()
  }

  [Symbol.dispose](): void {
    for (const { sequence } of this.#idle) sequence[Symbol.dispose]()
    this.#idle.length = 0
  }

  /** Whoever is next gets a slot, as long as there is one. */
  #serve(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const found = this.#find(next.tokens, next.rows)
      if (!found) return
      this.#waiting.shift()
      next.ready(found)
    }
  }

  #find(tokens: readonly TokenId[], rows: number): Slot | undefined {
    const best = this.#bestIdle(tokens, rows)
    // Of a pool nobody takes more than is needed, unless it spares reading.
    const isFull = !this.#pooled && this.#opened >= this.limit
    if (best && (best.shared > 0 || isFull)) return this.#takeIdle(best.slot)
    if (this.#opened < this.limit) {
      const fresh = this.#open(rows)
      if (fresh) return fresh
    }
    return this.#makeRoom(rows)
  }

  /** What idle slots hold goes, the oldest first, until there is room for another one. */
  #makeRoom(rows: number): Slot | undefined {
    while (this.#idle.length > 0) {
      this.#idle.shift()?.sequence[Symbol.dispose]()
      this.#opened--
      const fresh = this.#open(rows)
      if (fresh) return fresh
    }
    return undefined
  }

  #open(rows: number): Slot | undefined {
    try {
      const sequence = this.#model.open(this.#pooled ? { capacity: rows } : {})
      this.#opened++
      return { sequence, cached: [] }
    } catch (error) {
      if (this.#pooled && error instanceof HeterospecError && error.code === 'busy') return undefined
      throw error
    }
  }

  #takeIdle(slot: Slot): Slot {
    this.#idle.splice(this.#idle.indexOf(slot), 1)
    return slot
  }

  #bestIdle(tokens: readonly TokenId[], rows: number): { slot: Slot; shared: number } | undefined {
    let best: { slot: Slot; shared: number } | undefined
    for (const slot of this.#idle) {
      if (slot.sequence.capacity < rows) continue
      const shared = sharedPrefix(slot.cached, tokens)
      if (!best || shared > best.shared) best = { slot, shared }
    }
    return best
  }

  #wait(wish: Omit<Waiting, 'ready'>, signal: AbortSignal | undefined): Promise<Slot> {
    return new Promise((resolve, reject) => {
      const ready = (slot: Slot): void => {
        signal?.removeEventListener('abort', giveUp)
        resolve(slot)
      }
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        // Those behind it may want less.
        this.#serve()
        reject(
          new UsageError('aborted', 'the request was stopped while it waited for its turn', { cause: signal?.reason }),
        )
      }
      const waiting = { ...wish, ready }
      signal?.addEventListener('abort', giveUp, { once: true })
      const after = this.#waiting.findIndex((other) => other.priority > wish.priority)
      this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, waiting)
    })
  }
}

/** Tokens that two texts have in common from the start. */
export function sharedPrefix(a: readonly TokenId[], b: readonly TokenId[]): number {
  const most = Math.min(a.length, b.length)
  let shared = 0
  while (shared < most && a[shared] === b[shared]) shared++
  return shared
}
