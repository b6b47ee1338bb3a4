/** When a plain pass has to be timed, and how large a tree to ask for: habits that budgets by price share. */
import type { PolicyMemory } from './types.ts'

/**
 * A plain pass is timed at least every so many rounds, times the mean of tokens per round: the price list cannot tell by
 * wide passes alone whether the machine is slow or rows are dear. Costs less than one per cent.
 */
const PLAIN_EVERY = 32
/** Rounds that the mean of tokens per round remembers. */
const MEMORY = 50

/** Counts the rounds since a plain pass was timed; sessions share the count. */
export class PlainTimer {
  readonly #memory: Pick<PolicyMemory, 'roundsSincePlain'>
  #tokensPerRound = 1

  constructor(memory: Pick<PolicyMemory, 'roundsSincePlain'>) {
    this.#memory = memory
  }

  /** Mean tokens of a round of this session. */
  get tokensPerRound(): number {
    return this.#tokensPerRound
  }

  /** Has it been too long? */
  get due(): boolean {
    return this.#memory.roundsSincePlain >= PLAIN_EVERY * this.#tokensPerRound
  }

  /** A round over `rows` rows emitted so many tokens. */
  observe(rows: number, emitted: number): void {
    this.#memory.roundsSincePlain = rows === 1 ? 0 : this.#memory.roundsSincePlain + 1
    this.#tokensPerRound += (emitted - this.#tokensPerRound) / MEMORY
  }
}

/**
 * Nodes asked of the drafter: growing a tree costs time by its nodes, and most are not worth a row. At least so many; twice as
 * many as long as most of them are chosen; else fewer by this factor, but room for twice the last choice.
 */
const LEAST_ASKED = 8
const MOSTLY = 0.75
const FEWER = 0.9

/** How many nodes to ask for, by how many were chosen lately. */
export class AskedNodes {
  readonly #most: number
  #count = 2 * LEAST_ASKED

  constructor(most: number) {
    this.#most = most
  }

  get count(): number {
    return this.#count
  }

  /** A drafted round verified so many nodes. */
  observe(chosen: number): void {
    const next =
      chosen >= MOSTLY * this.#count ? 2 * this.#count : Math.max(2 * chosen, Math.floor(FEWER * this.#count))
    this.#count = Math.min(this.#most, Math.max(LEAST_ASKED, next))
  }
}
