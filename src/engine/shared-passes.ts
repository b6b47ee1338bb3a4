/**
 * Requests meet at the pass. Each runs its own rounds; where it needs the model it waits here until the others have drafted too, and
 * one pass reads the trees of all, with a part of the prompts that are still to be read. Requests join and leave between passes, and
 * nobody's tokens depend on who sits beside: rows are independent of each other bit for bit (`model/invariance.ts`).
 *
 * Who waits for whom: a pass begins when everybody has come, except readers of events who have not come back. Somebody who takes
 * long over a draft is waited for about as long as a pass takes, so that waiting never costs more than twice what it could save.
 */
import { realClock, type Clock } from '../util/clock.ts'
import { UsageError } from '../util/errors.ts'
import type { GraphCounts, PromptPasses, ScoreItem, TargetModel } from '../model/index.ts'
import type { CostModel } from '../policy/index.ts'
import type { Scores } from '../tree/index.ts'
import { choosePass, PROMPT_ROWS, PROMPT_ROWS_BESIDE } from './pass-rows.ts'

/** What a pass was that several requests shared. */
export interface SharedPass {
  readonly requests: number
  /** Of all requests, roots included. */
  readonly rows: number
  readonly ms: number
}

/** A tree's scores, and of what pass; `shared` is undefined where the request was alone in it. */
export interface SharedScores {
  readonly scores: Scores
  readonly shared?: SharedPass | undefined
}

/** Where the rounds of a request get their passes. */
export interface Passes {
  /** Counts of the device. */
  readonly graphs?: GraphCounts | undefined
  score(item: ScoreItem, signal?: AbortSignal): Promise<SharedScores>
}

/** What a request says of itself when it joins. */
export interface SeatOptions {
  /** Lower ones have their prompts read first. Default 0. */
  readonly priority?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Learns what shared passes cost; a request that is alone tells it itself. */
  readonly cost: CostModel
}

/** One request's place among those that share passes, from its prompt to its end. */
export interface Seat extends Passes, Disposable {
  /** How the prompt is read: in smaller chunks, and one prompt after the other, while others decode. */
  readonly prompt: PromptPasses
  /** Requests that share the next pass with their trees, this one included. */
  readonly batch: number
  /** The prompt has been read. */
  decode(): void
  /** Somebody else has the turn: the reader of events. Passes do not wait until `back`. */
  away(): void
  back(): void
}

/** What of a model is needed here. */
export type PassModel = Pick<TargetModel, 'score' | 'graphs'>

/** Milliseconds that a pass is thought to take before one was seen. */
const FIRST_GUESS_MS = 20

/** Everybody who wants passes of one model. */
export class SharedPasses {
  readonly #model: PassModel
  readonly #clock: Clock
  readonly #seats = new Set<OwnSeat>()
  #running = false
  #joined = 0
  #arrived = 0
  /** Waits for those who draft, or for the reader of events. */
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined
  #usualMs = FIRST_GUESS_MS
  /** Passes so far that several requests shared, and the requests in them. */
  readonly totals = { passes: 0, requests: 0 }

  constructor(model: PassModel, clock: Clock = realClock) {
    this.#model = model
    this.#clock = clock
  }

  get graphs(): GraphCounts | undefined {
    return this.#model.graphs
  }

  /** Requests that decode and would take part in the next pass. */
  get decoding(): number {
    let count = 0
    for (const seat of this.#seats) if (seat.decodes && !seat.absent) count++
    return count
  }

  /** From now on passes wait for this request until it is disposed of. */
  join(options: SeatOptions): Seat {
    const seat = new OwnSeat(this, options, this.#joined++)
    this.#seats.add(seat)
    return seat
  }

  /** The number of seats. */
  get size(): number {
    return this.#seats.size
  }

  /** The request is over, or was ended. */
  leave(seat: OwnSeat): void {
    this.#seats.delete(seat)
    this.consider()
  }

  /** Alone at once, else in the next pass. Throws `aborted` when the signal comes before it began. */
  async score(seat: OwnSeat, item: ScoreItem, signal: AbortSignal | undefined): Promise<SharedScores> {
    if (this.#seats.size === 1 && !this.#running) return this.#alone(item)
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        seat.waiting = undefined
        reject(
          new UsageError('aborted', 'the request was stopped while it waited for a pass', { cause: signal?.reason }),
        )
        this.consider()
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      const begin = (): void => signal?.removeEventListener('abort', giveUp)
      seat.waiting = { item, arrived: this.#arrived++, begin, resolve, reject }
      this.consider()
    })
  }

  /** Begins a pass if it is time. Call after every change. */
  consider(): void {
    if (this.#running) return
    const seats = [...this.#seats]
    const waits = seats.some(({ waiting }) => waiting)
    if (!waits || this.#turn !== undefined) return
    if (seats.some((seat) => seat.busy)) {
      this.#timer ??= setTimeout(() => this.#begin(), this.#usualMs)
    } else if (seats.some((seat) => seat.isAway)) {
      // A reader that reads on comes back within this turn of the event loop.
      this.#turn = setImmediate(() => {
        this.#turn = undefined
        if ([...this.#seats].some((seat) => seat.busy)) this.consider()
        else this.#begin()
      })
    } else this.#begin()
  }

  /** A pass with those who have come. */
  #begin(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#running) return
    for (const seat of this.#seats) seat.absent = seat.isAway
    const chosen = choosePass([...this.#seats].flatMap((seat) => (seat.waiting ? [{ ...seat.waiting, seat }] : [])))
    if (chosen.length > 0) void this.#together(chosen)
  }

  async #together(chosen: readonly Chosen[]): Promise<void> {
    this.#running = true
    for (const { seat, begin } of chosen) {
      begin()
      seat.waiting = undefined
      seat.inPass = true
    }
    const started = this.#clock()
    try {
      const scores = await this.#model.score(chosen.map(({ item }) => item))
      this.#finish(chosen, scores, this.#clock() - started)
    } catch (error) {
      await this.#oneByOne(chosen, error)
    } finally {
      for (const { seat } of chosen) seat.inPass = false
      this.#running = false
      this.consider()
    }
  }

  #finish(chosen: readonly Chosen[], scores: readonly Scores[], ms: number): void {
    const rows = chosen.reduce((sum, { item }) => sum + item.tree.size, 0)
    const shared = chosen.length > 1 ? { requests: chosen.length, rows, ms } : undefined
    this.#usualMs += 0.2 * (ms - this.#usualMs)
    if (shared) {
      this.totals.passes++
      this.totals.requests += chosen.length
      // Rows of prompts need no logits and are cheaper: such passes teach nothing about trees.
      if (chosen.every(({ seat }) => seat.decodes)) {
        const context = chosen.reduce((sum, { item }) => sum + item.sequence.length, 0) / chosen.length
        for (const cost of new Set(chosen.map(({ seat }) => seat.cost))) cost.observe(rows, context, ms)
      }
    }
    chosen.forEach(({ resolve, item }, index) => {
      const own = scores[index]
      if (own) resolve({ scores: own, shared })
      else throw new Error(`internal: no scores for a tree of ${item.tree.size} nodes`)
    })
  }

  /** What one request did wrong shall not end the others: each is told of its own failure only. */
  async #oneByOne(chosen: readonly Chosen[], error: unknown): Promise<void> {
    if (chosen.length === 1) chosen[0]?.reject(error)
    else for (const { item, resolve, reject } of chosen) await this.#own(item).then(resolve, reject)
  }

  async #alone(item: ScoreItem): Promise<SharedScores> {
    this.#running = true
    try {
      return await this.#own(item)
    } finally {
      this.#running = false
      this.consider()
    }
  }

  async #own(item: ScoreItem): Promise<SharedScores> {
    const [scores] = await this.#model.score([item])
    if (scores) return { scores }
    throw new Error('internal: the target scored nothing')
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** A tree or a part of a prompt that waits for its pass. */
interface Waiting {
  readonly item: ScoreItem
  /** Who came first has the smaller number. */
  readonly arrived: number
  /** The pass begins: too late to give up. */
  readonly begin: () => void
  readonly resolve: (result: SharedScores) => void
  readonly reject: (reason: unknown) => void
}

type Chosen = Waiting & { readonly seat: OwnSeat }

class OwnSeat implements Seat {
  readonly cost: CostModel
  readonly priority: number
  /** Who joined first has the smaller number. */
  readonly joined: number
  readonly prompt: PromptPasses
  waiting: Waiting | undefined
  inPass = false
  decodes = false
  isAway = false
  /** Was away when the last pass began: likely to miss the next one too. */
  absent = false
  readonly #passes: SharedPasses

  constructor(passes: SharedPasses, { cost, priority = 0, signal }: SeatOptions, joined: number) {
    this.#passes = passes
    this.cost = cost
    this.priority = priority
    this.joined = joined
    this.prompt = {
      get rows() {
        return passes.decoding > 0 ? PROMPT_ROWS_BESIDE : PROMPT_ROWS
      },
      score: async (item) => (await this.score(item, signal)).scores,
    }
  }

  /** At work on something else than a pass. */
  get busy(): boolean {
    return !this.isAway && !this.inPass && this.waiting === undefined
  }

  get graphs(): GraphCounts | undefined {
    return this.#passes.graphs
  }

  get batch(): number {
    return Math.max(1, this.#passes.decoding)
  }

  score(item: ScoreItem, signal?: AbortSignal): Promise<SharedScores> {
    return this.#passes.score(this, item, signal)
  }

  decode(): void {
    this.decodes = true
  }

  away(): void {
    this.isAway = true
    this.#passes.consider()
  }

  back(): void {
    this.isAway = false
    this.absent = false
  }

  [Symbol.dispose](): void {
    this.#passes.leave(this)
  }
}
