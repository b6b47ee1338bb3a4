/** A request's place among those that share passes: what it waits for, and whether others wait for it. */
import type { GraphCounts, PromptPasses, ScoreItem } from '../model/index.ts'
import type { CostModel } from '../policy/index.ts'
import { PROMPT_ROWS, PROMPT_ROWS_BESIDE } from './pass-rows.ts'
import type { ScoreWish, Seat, SeatOptions, SharedScores } from './pass-types.ts'

/** A tree or a part of a prompt that waits for its pass. */
export interface Waiting {
  readonly item: ScoreItem
  readonly wish: ScoreWish
  /** Who came first has the smaller number. */
  readonly arrived: number
  /** The pass begins: too late to give up. */
  readonly begin: () => void
  readonly resolve: (result: SharedScores) => void
  readonly reject: (reason: unknown) => void
}

/** Who takes the trees of seats to the model. */
export interface Host {
  readonly graphs: GraphCounts | undefined
  /** Requests that decode and will take part in the next pass. */
  readonly decoding: number
  /** Do drafts not pay those who share passes, by the prices of this list? `requests`: if so many did. */
  rests(cost: CostModel, requests?: number): boolean
  /** Draft tokens of the last pass that came true. */
  accepted(count: number): void
  /** Requests that have a prompt to be read. */
  readonly reading: number
  score(seat: PassSeat, item: ScoreItem, wish: ScoreWish): Promise<SharedScores>
  leave(seat: PassSeat): void
  /** Something changed: perhaps a pass can begin. */
  consider(): void
}

/** The seat, as the host sees it. */
export class PassSeat implements Seat {
  readonly cost: CostModel
  readonly priority: number
  /** Who joined first has the smaller number. */
  readonly joined: number
  waiting: Waiting | undefined
  inPass = false
  decodes = false
  isAway = false
  /** Was away when the last pass began: likely to miss the next one too. */
  absent = false
  toRead = 0
  readonly #host: Host
  readonly #signal: AbortSignal | undefined

  constructor(host: Host, { cost, priority = 0, signal }: SeatOptions, joined: number) {
    this.#host = host
    this.cost = cost
    this.priority = priority
    this.joined = joined
    this.#signal = signal
  }

  /** At work on something else than a pass. */
  get busy(): boolean {
    return !this.isAway && !this.inPass && this.waiting === undefined
  }

  get graphs(): GraphCounts | undefined {
    return this.#host.graphs
  }

  get batch(): number {
    return Math.max(1, this.#host.decoding)
  }

  get resting(): boolean {
    const { reading } = this.#host
    // When its prompt has been read it will be one of these; of prompts that are read together none stops for logits.
    if (!this.decodes) return reading > 1 || this.#host.rests(this.cost, this.#host.decoding + reading)
    // Beside a prompt a row costs what it computes, and whoever reads waits for the drafts of all.
    if (reading > 0) return true
    const others = this.#host.decoding - (this.absent ? 0 : 1)
    return others > 0 && this.#host.rests(this.cost)
  }

  accepted(count: number): void {
    this.#host.accepted(count)
  }

  score(item: ScoreItem, wish: ScoreWish = {}): Promise<SharedScores> {
    return this.#host.score(this, item, wish)
  }

  read(tokens: number): PromptPasses {
    this.toRead = tokens
    const host = this.#host
    return {
      get rows() {
        return host.decoding > 0 || host.reading > 1 ? PROMPT_ROWS_BESIDE : PROMPT_ROWS
      },
      score: async (item) => {
        const { scores } = await this.score(item, { signal: this.#signal })
        this.toRead -= item.tree.size
        return scores
      },
    }
  }

  decode(): void {
    this.toRead = 0
    this.decodes = true
  }

  away(): void {
    this.isAway = true
    this.#host.consider()
  }

  back(): void {
    this.isAway = false
    this.absent = false
  }

  [Symbol.dispose](): void {
    this.#host.leave(this)
  }
}
