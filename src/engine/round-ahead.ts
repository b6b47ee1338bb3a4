/**
 * Rounds run one ahead of who reads their events: while the reader writes a text to its client, the next pass is on its way. The
 * reader's time is nobody's: passes do not wait for it, and no figure counts it.
 */
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../util/clock.ts'
import type { Seat } from './pass-types.ts'
import type { GenerateEvent, RoundTrace } from './types.ts'

/** Undefined when it was aborted. */
type Round = Promise<RoundTrace | undefined>

export interface AheadOptions {
  readonly seat: Pick<Seat, 'away' | 'back'>
  /** Aborted when the reader leaves in the middle of a round, to stop it. */
  readonly leaving: AbortController
  readonly clock: Clock
  /** Rounds begin when the reader has come back. */
  readonly inStep: boolean
}

/** One request's rounds and the events that go out meanwhile. Disposed of, it stops the round in work and waits for its end. */
export class RoundAhead implements AsyncDisposable {
  readonly #options: AheadOptions
  #next: (() => Round) | undefined
  #running: Round | undefined
  #readerHasTurn = false
  #since: number
  #ms = 0

  /** Time counts from here on. */
  constructor(options: AheadOptions) {
    this.#options = options
    this.#since = options.clock()
  }

  /** Milliseconds of all rounds and of what was done between them, readers left out. */
  get ms(): number {
    return this.#ms
  }

  /** The next round may begin; `end` tells what it gave. */
  begin(round: () => Round): void {
    this.#count()
    if (this.#options.inStep) this.#next = round
    else this.#run(round)
  }

  /** Hands events to the reader, behind the back of the round in work. */
  async *hand(events: readonly GenerateEvent[]): AsyncGenerator<GenerateEvent, void, undefined> {
    const { seat } = this.#options
    // By the next turn of the event loop the pass is at work, unless others are waited for.
    if (this.#running) await setImmediate()
    for (const event of events) {
      this.#readerHasTurn = true
      if (!this.#running) seat.away()
      yield event
      this.#readerHasTurn = false
      seat.back()
    }
  }

  /** What the round gave; throws what it threw. */
  async end(): Round {
    if (this.#next) this.#run(this.#next)
    const trace = await this.#running
    this.#next = undefined
    this.#running = undefined
    this.#since = this.#options.clock()
    return trace
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#running) return
    this.#options.leaving.abort()
    await this.#running.catch(() => undefined)
  }

  #run(round: () => Round): void {
    this.#since = this.#options.clock()
    const counted = async (): Round => {
      try {
        return await round()
      } finally {
        this.#count()
        if (this.#readerHasTurn) this.#options.seat.away()
      }
    }
    this.#running = counted()
    this.#running.catch(() => undefined) // `end` throws it, when the reader has come back
  }

  #count(): void {
    this.#ms += this.#options.clock() - this.#since
  }
}
