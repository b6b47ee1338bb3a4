/**
 * Work that costs less when it is done together. What waits when the way is free goes as one lot; nobody is waited for, except for
 * a turn of the event loop, in which those whose last work has just ended may bring their next. Who is alone does not wait at all.
 */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'

/** There seems to be nobody else after so many lots of one in a row, if nobody came while they ran. */
const PATIENCE = 8

export interface JoinedOptions<Item, Result> {
  /** Runs `work` when the way is free, for example when a device is. Rejects only when `work` does. By default at once. */
  readonly enter?: (work: () => Promise<void>) => Promise<void>
  /** May `item` go with `lot`, which is not empty? */
  readonly fits: (lot: readonly Item[], item: Item) => boolean
  /** Does a lot at once: [lot] results. */
  readonly run: (lot: readonly Item[]) => Promise<readonly Result[]>
}

interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (reason: unknown) => void
}

/** A queue of such work; one lot at a time. */
export class Joined<Item, Result> {
  readonly #options: JoinedOptions<Item, Result>
  #waiting: Waiting<Item, Result>[] = []
  #going = false
  #running = false
  /** Lots of one in a row. */
  #lonely = 0

  constructor(options: JoinedOptions<Item, Result>) {
    this.#options = options
  }

  /** The result for `item`, whatever went with it. Rejects as `run` does with this item alone. */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (this.#running) this.#lonely = 0
      if (!this.#going) void this.#go()
    })
  }

  async #go(): Promise<void> {
    const enter = this.#options.enter ?? ((work: () => Promise<void>) => work())
    this.#going = true
    while (this.#waiting.length > 0) {
      if (this.#lonely < PATIENCE) await turnOfTheLoop()
      await enter(() => this.#together(this.#take()))
    }
    this.#going = false
  }

  /** Who came first, and all that may go with it. */
  #take(): Waiting<Item, Result>[] {
    const lot: Waiting<Item, Result>[] = []
    const items: Item[] = []
    this.#waiting = this.#waiting.filter((one) => {
      const goes = lot.length === 0 || this.#options.fits(items, one.item)
      if (goes) {
        lot.push(one)
        items.push(one.item)
      }
      return !goes
    })
    return lot
  }

  async #together(lot: readonly Waiting<Item, Result>[]): Promise<void> {
    this.#lonely = lot.length > 1 ? 0 : this.#lonely + 1
    this.#running = true
    try {
      const results = await this.#options.run(lot.map(({ item }) => item))
      lot.forEach(({ resolve }, index) => resolve(results[index] as Result))
    } catch (error) {
      // What one did wrong shall not fail the others.
      if (lot.length === 1) lot[0]?.reject(error)
      else for (const one of lot) await this.#together([one])
    } finally {
      this.#running = false
    }
  }
}
