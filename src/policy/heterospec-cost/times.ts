/**
 * What the rest of a round takes besides the target's pass, learned from rounds: drafting by its levels and by the nodes that
 * they expand, reading text that the drafter has not read yet, and the host's work per verified node. Milliseconds.
 */
import type { RoundOutcome } from '../../tree/index.ts'
import type { CostMemory } from '../types.ts'
import { meanTime } from '../memory.ts'
import type { DraftPrice } from '../priced.ts'
import { FadingFit } from './fading-fit.ts'
import type { LevelPrice } from './growth.ts'
import type { DraftedRound } from './round.ts'

/**
 * What a draft's time is made of: levels, nodes that they expand (or nodes, in one piece), a draft, levels begun below a merged tree, and
 * tokens read along with them there.
 */
const DRAFT_PARTS = 5
/** Tokens that a drafter reads along with its first level; what is more is read before. */
const ALONG = 8

export class RoundTimes {
  readonly #memory: CostMemory
  /** By `partsOf`. */
  readonly #draft: FadingFit
  /** Once a pass, and by verified nodes. */
  readonly #host: FadingFit
  /** Tokens that were emitted since the drafter last read; undefined: it has read nothing of this text. */
  #unread: number | undefined
  #context = 0

  constructor(memory: CostMemory) {
    this.#memory = memory
    this.#draft = new FadingFit(memory.draftTimes, DRAFT_PARTS)
    this.#host = new FadingFit(memory.hostTimes, 2)
  }

  /** Starts a round: what other requests learned meanwhile counts. */
  refresh(): void {
    this.#draft.refresh()
    this.#host.refresh()
  }

  /** What one more level below those of `round` costs. */
  levelOf({ merged, levels }: Pick<DraftedRound, 'merged' | 'levels'>): Omit<LevelPrice, 'left'> {
    const [passMs = 0, nodeMs = 0, , beginMs = 0, tokenMs = 0] = this.#draft.prices
    return { passMs, nodeMs, onceMs: merged && levels === 0 ? beginMs + tokenMs * this.#along : 0 }
  }

  /** Work around a pass per verified node. */
  get nodeMs(): number {
    return this.#host.prices[1] as number
  }

  /** What the round's draft so far should have taken. */
  draftMs(round: DraftedRound): number {
    return this.#draft.expect(this.#partsOf(round))
  }

  /** What the drafter would have to read before it can draft at a length of `context` tokens. */
  readingMs(context: number): number {
    this.#context = context
    return (this.#memory.trials.startMs ?? 0) * this.#lag
  }

  /** Learns from a drafted round's time; returns how much of it went into reading. */
  learnDraft(round: DraftedRound, { draftMs }: RoundOutcome): number {
    const { trials } = this.#memory
    const lag = hasRead(round) ? this.#lag : 0
    const parts = this.#partsOf(round)
    if (hasRead(round)) this.#unread = 0
    if (lag === 0) {
      this.#draft.observe(parts, draftMs)
      return 0
    }
    // Before any other round the whole is taken for reading, most of which it is.
    const readingMs = Math.max(0, draftMs - this.#draft.expect(parts))
    trials.startMs = meanTime(trials.startMs, readingMs / lag)
    return readingMs
  }

  learnHost({ tree, hostMs }: RoundOutcome): void {
    if (hostMs !== undefined) this.#host.observe([1, tree.size - 1], hostMs)
  }

  /** A round emitted so many tokens. What the drafter drafted itself it has read, or nearly all. `round`: if it was drafted. */
  count(emitted: number, round: DraftedRound | undefined): void {
    if (this.#unread !== undefined && !(round && hasRead(round))) this.#unread += emitted
  }

  /** Tokens to be read before the draft begins. */
  get #lag(): number {
    const unread = this.#unread ?? this.#context
    return unread > ALONG ? unread : 0
  }

  /** Tokens that are read along with the first level: a drafter that drafts now and then has some, one that always drafts has the same each time. */
  get #along(): number {
    const unread = this.#unread ?? this.#context
    return unread > ALONG ? 0 : unread
  }

  #partsOf({ grows, merged, levels, expanded, tree }: DraftedRound): number[] {
    if (!grows) return [0, (tree?.size ?? 1) - 1, 1, 0, 0]
    const begun = merged && levels > 0
    return [levels, expanded, 1, begun ? 1 : 0, begun ? this.#along : 0]
  }
}

/** Draft times that somebody has measured on this machine, as one round's worth of experience. */
export function beginTimes(memory: CostMemory, { roundMs, levelMs }: DraftPrice): void {
  const fit = new FadingFit(memory.draftTimes, DRAFT_PARTS)
  if (levelMs === null) fit.observe([0, 0, 1, 0, 0], roundMs)
  else fit.observe([1, 0, 0, 0, 0], levelMs)
}

// ---------------------------------------------------------------------------------------------------------------

/** In a round that bought no level of a merged tree, what drafts by levels read nothing. */
function hasRead({ merged, levels }: DraftedRound): boolean {
  return !merged || levels > 0
}
