/**
 * Sequences between requests: an idle sequence remembers its tokens, and the next request takes the one that shares the
 * longest beginning with it. Requests beyond the number of sequences wait their turn: by priority, then first come, first served.
 */
import { throwIfAborted, UsageError } from '../util/errors.ts'
import type { Sequence, TargetModel } from '../model/index.ts'
import type { TokenId } from '../tree/index.ts'

export interface Slot {
  readonly sequence: Sequence
  /** Tokens whose rows are in the cache; always as many as `sequence.length`. */
  cached: TokenId[]
}

interface Waiting {
  readonly priority: number
  readonly ready: (slot: Slot) => void
}

export class SlotTable implements Disposable {
  readonly #model: TargetModel
  /** Most sequences. */
  readonly limit: number
  readonly #idle: Slot[] = []
  readonly #waiting: Waiting[] = []
  #opened = 0

  constructor(model: TargetModel, limit: number) {
    this.#model = model
    this.limit = limit
  }

  /** The idle slot that fits `tokens` best, or a new one, or the next that becomes idle. */
  async take(tokens: readonly TokenId[], signal?: AbortSignal, priority = 0): Promise<Slot> {
    throwIfAborted(signal)
    const best = this.#bestIdle(tokens)
    if (best && (best.shared > 0 || this.#opened >= this.limit)) {
      this.#idle.splice(this.#idle.indexOf(best.slot), 1)
      return best.slot
    }
    if (this.#opened < this.limit) {
      const sequence = this.#model.open()
      this.#opened++
      return { sequence, cached: [] }
    }
    return this.#wait(signal, priority)
  }

  /** Returns a slot; `cached` must name the rows that its sequence holds. */
  give(slot: Slot): void {
    const next = this.#waiting.shift()
    if (next) next.ready(slot)
    else this.#idle.push(slot)
  }

  [Symbol.dispose](): void {
    for (const { sequence } of this.#idle) sequence[Symbol.dispose]()
    this.#idle.length = 0
  }

  #bestIdle(tokens: readonly TokenId[]): { slot: Slot; shared: number } | undefined {
    let best: { slot: Slot; shared: number } | undefined
    for (const slot of this.#idle) {
      const shared = sharedPrefix(slot.cached, tokens)
      if (!best || shared > best.shared) best = { slot, shared }
    }
    return best
  }

  #wait(signal: AbortSignal | undefined, priority: number): Promise<Slot> {
    return new Promise((resolve, reject) => {
      const ready = (slot: Slot): void => {
        signal?.removeEventListener('abort', giveUp)
        resolve(slot)
      }
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(
          new UsageError('aborted', 'the request was stopped while it waited for its turn', { cause: signal?.reason }),
        )
      }
      const waiting = { priority, ready }
      signal?.addEventListener('abort', giveUp, { once: true })
      const after = this.#waiting.findIndex((other) => other.priority > priority)
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
