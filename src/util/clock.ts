/** Time as a parameter: real in the engine, manual in tests and simulations. */

/** Milliseconds since some fixed moment. */
export type Clock = () => number

export const realClock: Clock = () => performance.now()

/** A clock that moves only when told to. */
export class ManualClock {
  #now = 0
  readonly now: Clock = () => this.#now
  advance(ms: number): void {
    this.#now += ms
  }
}
