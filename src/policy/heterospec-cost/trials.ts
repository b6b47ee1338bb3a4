/**
 * Whether to draft at all. Drafting that does not pay stops and is tried again at growing intervals, and what is known of a
 * drafter's worth is remembered from answer to answer: a hopeless one is not given a new chance by every request.
 *
 * Two prices limit trials. The interval grows until the draft itself costs the allowed share of the time. What a drafter has to read
 * first (a draft model: the whole prompt) is a debt that is paid off by that share of every later round; until then no request
 * begins to draft. And a drafter that pays is not begun with when the answer is likely to end before the reading is repaid.
 */
import type { TrialMemory } from '../types.ts'

/** Drafted rounds that the running gain remembers. */
const MEMORY = 10
/** Answers that the mean length of answers remembers. */
const ANSWERS = 20
/** Rounds of drafting after which the running gain is believed. */
const ENOUGH = 5
/** Tokens to come when nothing is known about the length of answers. */
const USUAL_ANSWER = 128

/** What the coming round would take besides the draft itself. */
export interface Beginning {
  /** Reading what the drafter has not read yet, in plain passes. */
  readonly price: number
  /** Most tokens that may still come. */
  readonly room: number
}

export class Trials {
  readonly #memory: TrialMemory
  readonly #share: number
  #tokens = 0
  #reason: string | undefined

  /** `memory` is shared by all requests; `share`: part of the time that may go into drafts that do not pay, in (0, 1]. */
  constructor(memory: TrialMemory, share: number) {
    this.#memory = memory
    this.#share = share
  }

  /** Why the last round was not drafted. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Is this round one to draft in? Call once per round. `reading`: undefined where it is decided later (`affords`). */
  open(reading: Beginning | undefined): boolean {
    const memory = this.#memory
    memory.debt = Math.max(0, memory.debt - this.#share)
    this.#reason = undefined
    if (memory.wait > 0) {
      memory.wait--
      this.#reason = 'drafts do not pay'
    } else if (reading && !this.affords(reading)) {
      this.#reason = 'reading the text for the drafter would not pay'
    }
    return this.#reason === undefined
  }

  /** May the drafter read what it has not read yet? */
  affords({ price, room }: Beginning): boolean {
    return price === 0 || this.#memory.debt === 0 || this.#repays(price, room)
  }

  /**
   * A drafted round ended: its net gain in tokens over plain decoding without what had to be read first; the price of its draft
   * and of that reading, in plain passes; and how much of the gain only a drafter that reads can have brought (`TrialMemory.worth`), undefined where
   * it was not asked.
   */
  report(gain: number, price: number, reading: number, worth: number | undefined): void {
    const memory = this.#memory
    // The first rounds count alike, so that one lucky start does not linger.
    memory.drafted++
    memory.gain += (gain - memory.gain) / Math.min(MEMORY, memory.drafted)
    if (worth !== undefined) memory.worth += (worth - memory.worth) / Math.min(MEMORY, memory.drafted)
    const pays = gain > 0 || memory.gain > 0
    const sparsest = Math.max(1, Math.ceil(price / this.#share))
    memory.interval = pays ? 1 : Math.min(2 * memory.interval, sparsest)
    memory.wait = memory.interval - 1
    memory.debt = Math.max(0, memory.debt + reading - Math.max(0, worth ?? 0))
  }

  /** A round emitted so many tokens. */
  count(tokens: number): void {
    const memory = this.#memory
    if (this.#tokens === 0) {
      const keep = memory.answers < ANSWERS ? 1 : 1 - 1 / ANSWERS
      memory.answers = memory.answers * keep + 1
      memory.answerTokens *= keep
    }
    this.#tokens += tokens
    memory.answerTokens += tokens
  }

  /** Is the rest of the answer likely to bring more than the reading takes? */
  #repays(price: number, room: number): boolean {
    const { gain, worth, drafted, answers, answerTokens } = this.#memory
    if (drafted < ENOUGH || worth <= 0) return false
    const usual = answers > 1 ? answerTokens / answers : USUAL_ANSWER
    const rounds = Math.min(room, Math.max(usual - this.#tokens, usual / 4)) / (1 + Math.max(0, gain))
    return worth * rounds > price
  }
}
