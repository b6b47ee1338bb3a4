/**
 * Who may work and who waits: as many answers at a time as the engine has sequences, a queue of limited length, by priority, then
 * first come first served. Past the limit a request is told to come back later instead of making everybody wait.
 */
import { realClock } from '../util/clock.ts'
import { throwIfAborted, UsageError } from '../util/errors.ts'
import { ApiError } from './errors.ts'

/** One answer's place, from admission to the end. */
export interface Ticket {
  /** Resolves when the answer may begin, with the milliseconds waited; lower priorities come first. Throws `aborted`. */
  enter(signal: AbortSignal, priority?: number): Promise<number>
  /** Gives the place back; more than once is harmless. */
  leave(): void
}

/** Counts answers in work and in the queue. */
export class Gate {
  readonly places: number
  readonly queueLimit: number
  readonly #waiting: { readonly priority: number; readonly ready: () => void }[] = []
  readonly #whenEmpty: (() => void)[] = []
  #admitted = 0
  #running = 0
  #closed = false
  /** Milliseconds that an answer takes, recent ones weighing more; says when to come back. */
  #usualMs = 1000

  constructor(places: number, queueLimit: number) {
    this.places = places
    this.queueLimit = queueLimit
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#admitted - this.#running
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Tickets for `count` answers, or none: throws a 503 past the queue's limit, a 400 for what will never fit. */
  admit(count: number): Ticket[] {
    const limit = this.places + this.queueLimit
    if (this.#closed) {
      const message = 'expected a running server, this one is shutting down; send the request to another one'
      throw new ApiError(503, message, { code: 'shutting_down', retryAfter: 10 })
    }
    if (count > limit) {
      const message = `expected at most ${limit} answers in one request (${this.places} at a time and ${this.queueLimit} waiting), got ${count}; ask for fewer`
      throw new ApiError(400, message, { param: 'n', code: 'invalid_value' })
    }
    if (this.#admitted + count > limit) {
      const message = `expected at most ${this.queueLimit} waiting requests, the queue is full; try again later`
      throw new ApiError(503, message, { code: 'queue_full', retryAfter: this.#retryAfter() })
    }
    this.#admitted += count
    return Array.from({ length: count }, () => this.#ticket())
  }

  /** Nobody is admitted any more. */
  close(): void {
    this.#closed = true
  }

  /** Resolves when all that were admitted have left. */
  async empty(): Promise<void> {
    if (this.#admitted > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve))
  }

  #ticket(): Ticket {
    let entered: number | undefined
    let left = false
    return {
      enter: async (signal, priority = 0) => {
        const asked = realClock()
        await this.#place(signal, priority)
        entered = realClock()
        return entered - asked
      },
      leave: () => {
        if (left) return
        left = true
        this.#admitted--
        if (entered !== undefined) {
          this.#usualMs += 0.2 * (realClock() - entered - this.#usualMs)
          this.#release()
        }
        if (this.#admitted === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve()
      },
    }
  }

  #place(signal: AbortSignal, priority: number): Promise<void> {
    throwIfAborted(signal)
    if (this.#running < this.places) {
      this.#running++
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const ready = (): void => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(
          new UsageError('aborted', 'the request was stopped while it waited for its turn', { cause: signal.reason }),
        )
      }
      signal.addEventListener('abort', giveUp, { once: true })
      const waiting = { priority, ready }
      const after = this.#waiting.findIndex((other) => other.priority > priority)
      this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, waiting)
    })
  }

  /** Hands the place on; only without a successor is it free. */
  #release(): void {
    const next = this.#waiting.shift()
    if (next) next.ready()
    else this.#running--
  }

  #retryAfter(): number {
    const rounds = (this.#admitted - this.places + 1) / this.places
    return Math.min(60, Math.max(1, Math.ceil((rounds * this.#usualMs) / 1000)))
  }
}
