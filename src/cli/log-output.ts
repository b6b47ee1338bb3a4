/**
 * Where the log of a long-lived process goes. A reader that is too slow costs lines, not memory, and one that stalls does not keep
 * the process from ending. A full disk and a closed pipe cost lines, too: errors of stderr are passed over (`main.ts`).
 */
import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** Lines that wait for the reader take at most this much. */
const MOST_WAITING_BYTES = 2 ** 20

/** A log that never waits. */
export class LogOutput {
  readonly #stream: Writable
  #lost = 0

  constructor(stream: Writable) {
    this.#stream = stream
  }

  /** Adds a line, which ends in a newline, or leaves it out where too many wait. */
  write(line: string): void {
    if (this.#stream.writableLength > MOST_WAITING_BYTES) {
      this.#lost++
      return
    }
    if (this.#lost > 0) this.#stream.write(`heterospec: ${this.#lost} lines of the log were lost, nobody read them\n`)
    this.#lost = 0
    this.#stream.write(line)
  }

  /** Gives the reader `limitMs` to take what waits; false if it did not. */
  async settle(limitMs: number): Promise<boolean> {
    if (this.#stream.writableLength === 0) return true
    const late = AbortSignal.timeout(limitMs)
    await once(this.#stream, 'drain', { signal: late }).catch(() => undefined) // an error of the stream: nothing to wait for
    return this.#stream.writableLength === 0
  }
}
