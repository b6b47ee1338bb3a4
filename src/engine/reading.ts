/** Events of a request on their way to whoever reads them. */
import { setImmediate } from 'node:timers/promises'
import type { GenerateEvent } from './types.ts'

/** Events of one request, and whether somebody waits for the next one. */
export class Reading implements AsyncIterableIterator<GenerateEvent, void, undefined> {
  readonly #events: AsyncGenerator<GenerateEvent, void, undefined>
  #waiting = 0
  /** Begun, and not at its end yet. */
  live = false

  constructor(events: AsyncGenerator<GenerateEvent, void, undefined>) {
    this.#events = events
  }

  async next(): Promise<IteratorResult<GenerateEvent, void>> {
    this.#waiting++
    try {
      return await this.#events.next()
    } finally {
      this.#waiting--
    }
  }

  return(): Promise<IteratorResult<GenerateEvent, void>> {
    return this.#events.return()
  }

  /** Lets a reader that reads on come to the end; where nobody asks for the next event, ends the request. */
  async end(): Promise<void> {
    while (this.live) {
      await setImmediate() // a reader that has just got an event asks for the next one first
      if (this.#waiting === 0) await this.#events.return()
    }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
