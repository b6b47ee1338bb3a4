/**
 * Requests meet at the pass. Each runs its own rounds; where it needs the model it waits here until the others have drafted too, and
 * one pass reads the trees of all, with a part of the prompts that are still to be read. Requests join and leave between passes, and
 * nobody's tokens depend on who sits beside: rows are independent of each other bit for bit (`model/invariance.ts`).
 *
 * Who waits for whom: a pass begins when everybody has come, except readers of events who have not come back. Each of those who
 * draft is waited for about as long as a pass takes: drafts of several take turns or share passes, and a pass of their own would cost
 * more than the waiting; somebody who takes longer (a draft model reads its prompt, say) shall not hold up all others.
 */
import { realClock, type Clock } from '../util/clock.ts'
import { UsageError } from '../util/errors.ts'
import { mean } from '../util/math.ts'
import type { GraphCounts, ScoreItem, TargetModel } from '../model/index.ts'
import type { Scores } from '../tree/index.ts'
import { LoadGate } from './load-gate.ts'
import { divideRows, ownTime } from './pass-division.ts'
import { choosePrompts, chooseTrees, MOST_TREE_ROWS } from './pass-rows.ts'
import type { CostModel } from '../policy/index.ts'
import type { ScoreWish, Seat, SeatOptions, SharedPass, SharedScores } from './pass-types.ts'
import { PassSeat, type Host, type Waiting } from './seat.ts'

/** Milliseconds that a pass is thought to take before one was seen. */
const FIRST_GUESS_MS = 20

/** Who takes part in a pass, and with what. */
type Guest = Waiting & { readonly seat: PassSeat }

/** A pass that tells whether drafts pay. */
interface Judged {
  readonly guests: readonly Guest[]
  readonly context: number
  /** From the end of the pass before. */
  readonly ms: number
  readonly drafted: boolean
  accepted: number
}

/** Everybody who wants passes of one model. */
export class SharedPasses implements Host {
  readonly #model: Pick<TargetModel, 'score' | 'graphs'>
  readonly #clock: Clock
  readonly #seats = new Set<PassSeat>()
  #running = false
  #joined = 0
  #arrived = 0
  /** Waits for those who draft, or for the reader of events. */
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined
  #usualMs = FIRST_GUESS_MS
  #lastEnd: number | undefined
  /** By price list: requests that never draft have one of their own. */
  readonly #gates = new WeakMap<CostModel, LoadGate>()
  /** The last pass, if it tells whether drafts pay; those who were in it may still report. */
  #cycle: Judged | undefined

  constructor(model: Pick<TargetModel, 'score' | 'graphs'>, clock: Clock = realClock) {
    this.#model = model
    this.#clock = clock
  }

  get graphs(): GraphCounts | undefined {
    return this.#model.graphs
  }

  get decoding(): number {
    let count = 0
    for (const seat of this.#seats) if (seat.decodes && !seat.absent) count++
    return count
  }

  get reading(): number {
    let count = 0
    for (const seat of this.#seats) if (seat.toRead > 0) count++
    return count
  }

  rests(cost: CostModel, requests?: number): boolean {
    const gate = this.#gates.get(cost)
    return requests === undefined ? gate?.open === false : gate?.rests(requests) === true
  }

  accepted(count: number): void {
    if (this.#cycle) this.#cycle.accepted += count
  }

  /** From now on passes wait for this request until it is disposed of. */
  join(options: SeatOptions): Seat {
    const seat = new PassSeat(this, options, this.#joined++)
    this.#seats.add(seat)
    return seat
  }

  leave(seat: PassSeat): void {
    this.#seats.delete(seat)
    // Nobody's time from here on.
    if (this.#seats.size === 0) this.#lastEnd = undefined
    this.consider()
  }

  /** Alone at once, else in the next pass. */
  async score(seat: PassSeat, item: ScoreItem, wish: ScoreWish): Promise<SharedScores> {
    const { signal, chances } = wish
    if (this.#seats.size === 1 && !this.#running && chances === undefined) return this.#alone(item)
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        seat.waiting = undefined
        const message = 'the request was stopped while it waited for a pass'
        reject(new UsageError('aborted', message, { cause: signal?.reason }))
        this.consider()
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      const begin = (): void => signal?.removeEventListener('abort', giveUp)
      seat.waiting = { item, wish, arrived: this.#arrived++, begin, resolve, reject }
      this.consider()
    })
  }

  consider(): void {
    const seats = [...this.#seats]
    if (this.#running || this.#turn !== undefined || !seats.some(({ waiting }) => waiting)) return
    const busy = seats.filter((seat) => seat.busy).length
    if (busy > 0) {
      this.#timer ??= setTimeout(() => this.#begin(), this.#usualMs * busy)
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
    const guests = [...this.#seats].flatMap((seat): Guest[] => (seat.waiting ? [{ ...seat.waiting, seat }] : []))
    const prompts = choosePrompts(guests.filter(({ seat }) => !seat.decodes))
    const trees = chooseTrees(
      this.#divide(
        guests.filter(({ seat }) => seat.decodes),
        prompts,
      ),
    )
    if (trees.length + prompts.length > 0) void this.#together([...trees, ...prompts])
  }

  /** The guests with what of their trees deserves rows. */
  #divide(guests: readonly Guest[], prompts: readonly Guest[]): Guest[] {
    const wishes = guests.map(({ item: { tree, sequence }, wish: { chances }, seat: { cost } }) => {
      return { tree, chances, context: sequence.length, cost }
    })
    const trees = divideRows(wishes, {
      promptRows: prompts.reduce((sum, { item }) => sum + item.tree.size, 0),
      maxRows: MOST_TREE_ROWS,
      spentMs: this.#sinceLastPass(),
    })
    return guests.map((guest, index) => ({ ...guest, item: { ...guest.item, tree: trees[index] ?? guest.item.tree } }))
  }

  #sinceLastPass(): number {
    const now = this.#clock()
    return now - (this.#lastEnd ?? now)
  }

  async #together(guests: readonly Guest[]): Promise<void> {
    this.#running = true
    for (const { seat, begin } of guests) {
      begin()
      seat.waiting = undefined
      seat.inPass = true
    }
    this.#judge(guests)
    const started = this.#clock()
    const draftMs = guests.reduce((sum, { wish }) => sum + (wish.draftMs ?? 0), 0)
    const draftShare = draftMs > 0 ? Math.min(1, this.#sinceLastPass() / draftMs) : 1
    try {
      const scores = await this.#model.score(guests.map(({ item }) => item))
      const before = this.#lastEnd
      this.#lastEnd = this.#clock()
      if (before !== undefined) this.#note(guests, this.#lastEnd - before)
      this.#finish(guests, scores, { ms: this.#lastEnd - started, draftShare })
    } catch (error) {
      await this.#oneByOne(guests, error)
    } finally {
      for (const { seat } of guests) seat.inPass = false
      this.#running = false
      this.consider()
    }
  }

  /** Remembers a pass over which drafting can be judged: prompts take their own time, and some draft whether it pays or not. */
  #note(guests: readonly Guest[], ms: number): void {
    const judged = guests.every(({ seat, item, wish }) => seat.decodes && (wish.chances || item.tree.size === 1))
    const context = mean(guests.map(({ item }) => item.sequence.length))
    const drafted = guests.some(({ wish }) => wish.drafted)
    this.#cycle = judged && guests.length > 1 ? { guests, context, ms, drafted, accepted: 0 } : undefined
  }

  /** A pass begins: what the last one brought is known, and whether those who come to the next one shall draft. */
  #judge(guests: readonly Guest[]): void {
    const decoding = guests.filter(({ seat }) => seat.decodes)
    const cycle = this.#cycle
    this.#cycle = undefined
    const gateOf = (cost: CostModel): LoadGate => {
      const gate = this.#gates.get(cost) ?? new LoadGate()
      this.#gates.set(cost, gate)
      return gate
    }
    if (cycle) {
      const requests = cycle.guests.length
      for (const cost of costsOf(cycle.guests)) {
        gateOf(cost).observe({ ...cycle, requests, listMs: (rows, context) => cost.targetMs(rows, context) })
      }
    }
    for (const cost of costsOf(decoding)) gateOf(cost).decide(decoding.length)
  }

  #finish(guests: readonly Guest[], scores: readonly Scores[], times: Pick<SharedPass, 'ms' | 'draftShare'>): void {
    const { ms } = times
    this.#usualMs += 0.2 * (ms - this.#usualMs)
    const requests = guests.length
    const rows = guests.reduce((sum, { item }) => sum + item.tree.size, 0)
    const trees = guests.filter(({ seat }) => seat.decodes).map(({ item }) => item.tree.size)
    const pass = { trees, promptRows: rows - trees.reduce((sum, own) => sum + own, 0) }
    const context = mean(guests.map(({ item }) => item.sequence.length))
    // Rows of prompts need no logits and are cheaper: such passes teach nothing about trees.
    if (requests > 1 && trees.length === requests) {
      for (const cost of costsOf(guests)) cost.observe(rows, context, ms)
    }
    guests.forEach(({ resolve, item: { tree }, seat: { cost } }, index) => {
      const own = scores[index]
      if (own === undefined) throw new Error(`internal: no scores for a tree of ${tree.size} nodes`)
      // Trees come before prompts.
      const ownMs = index < trees.length ? ownTime(pass, index, ms, (count) => cost.targetMs(count, context)) : ms
      resolve({ tree, scores: own, shared: requests > 1 ? { requests, rows, ownMs, ...times } : undefined })
    })
  }

  /** What one request did wrong shall not end the others: each is told of its own failure only. */
  async #oneByOne(guests: readonly Guest[], error: unknown): Promise<void> {
    if (guests.length === 1) guests[0]?.reject(error)
    else for (const { item, resolve, reject } of guests) await this.#own(item).then(resolve, reject)
  }

  async #alone(item: ScoreItem): Promise<SharedScores> {
    this.#running = true
    try {
      return await this.#own(item)
    } finally {
      this.#lastEnd = this.#clock()
      this.#running = false
      this.consider()
    }
  }

  async #own(item: ScoreItem): Promise<SharedScores> {
    const [scores] = await this.#model.score([item])
    if (scores) return { tree: item.tree, scores }
    throw new Error('internal: the target scored nothing')
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** The price lists that requests go by. */
function costsOf(guests: readonly Guest[]): ReadonlySet<CostModel> {
  return new Set(guests.map(({ seat }) => seat.cost))
}
