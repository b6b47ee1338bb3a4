/**
 * Which kinds of texts come back: counted for texts that share a beginning, by how often they came back already. That is the one bit
 * of prediction that MARK&PREDICT wants, learned from what happened, whether the rows were still there or not.
 */

/** A number for a beginning of a text; different ones have the same number so seldom that a wrong guess does no harm. */
export type BeginningHash = number

/** Numbers of the beginnings of a text that end with its whole blocks: 52 bits of a mix of all tokens so far. */
export function hashesOf(tokens: readonly number[], blockTokens: number): BeginningHash[] {
  const hashes: BeginningHash[] = []
  let [high, low] = [0x811c9dc5, 0x01000193]
  const whole = tokens.length - (tokens.length % blockTokens)
  for (let at = 0; at < whole; at++) {
    const token = tokens[at] as number
    // A draft head's first row is known by more than 32 bits.
    const part = token ^ Math.floor(token / 2 ** 32)
    high = Math.imul(high ^ part, 0x01000193)
    low = Math.imul(low + part + 1, 0x9e3779b1) ^ (low >>> 15)
    if ((at + 1) % blockTokens === 0) hashes.push((high >>> 0) * 2 ** 20 + (low >>> 12))
  }
  return hashes
}

/** Texts of a kind, and how many of them were gone on from. */
interface Kind {
  came: number
  seen: number
}

/** The end of a prompt that was read. */
interface Ending {
  readonly kinds: readonly Kind[]
  /** How often the text was gone on from before. */
  readonly turn: number
  /** Blocks that had been asked for when it ended. */
  readonly at: number
  returned: boolean
}

/** Counts of a kind are halved there, so that habits may change. */
const MOST_SEEN = 64
/** So many texts of a kind weigh as much as what is known of the wider kind. */
const PRIOR = 2
/** Kinds that are told apart; those asked for longest ago are forgotten. */
const MOST_KINDS = 1024
/** Texts that came back more often than this are one kind. */
const MOST_TURNS = 2

/** Learns which texts come back within so many blocks of other texts. */
export class ReturnRates {
  readonly #horizon: number
  readonly #kinds = new Map<string, Kind>()
  /** By the number of the text's last block, the oldest first. */
  readonly #endings = new Map<BeginningHash, Ending>()
  #blocks = 0

  constructor(horizon: number) {
    this.#horizon = horizon
  }

  /** A request comes, whose prompt has these beginnings. */
  ask(hashes: readonly BeginningHash[]): void {
    this.#blocks += hashes.length
    this.#expire()
    const known = this.#deepest(hashes)
    if (!known || known.returned) return
    known.returned = true
    this.#count(known, 1)
  }

  /** A text ends; returns the chance that one will go on from it. `branch`: the beginning that it shares with others. */
  end(hashes: readonly BeginningHash[], branch: BeginningHash): number {
    const known = this.#deepest(hashes)
    // The same request has told of its prompt before.
    if (known && !known.returned) return chanceOf(known.kinds)
    const turn = Math.min(MOST_TURNS, known ? known.turn + 1 : 0)
    const kinds = [this.#kind(`${turn}`), this.#kind(`${turn} ${branch}`)]
    const last = hashes.at(-1)
    if (last !== undefined) {
      this.#endings.delete(last)
      this.#endings.set(last, { kinds, turn, at: this.#blocks, returned: false })
    }
    return chanceOf(kinds)
  }

  #deepest(hashes: readonly BeginningHash[]): Ending | undefined {
    for (let at = hashes.length - 1; at >= 0; at--) {
      const ending = this.#endings.get(hashes[at] as BeginningHash)
      if (ending) return ending
    }
    return undefined
  }

  #expire(): void {
    for (const [hash, ending] of this.#endings) {
      if (this.#blocks - ending.at <= this.#horizon) return
      this.#endings.delete(hash)
      if (!ending.returned) this.#count(ending, 0)
    }
  }

  #count({ kinds }: Ending, came: number): void {
    for (const kind of kinds) {
      kind.came += came
      kind.seen++
      if (kind.seen > MOST_SEEN) {
        kind.came /= 2
        kind.seen /= 2
      }
    }
  }

  #kind(name: string): Kind {
    const kind = this.#kinds.get(name) ?? { came: 0, seen: 0 }
    this.#kinds.delete(name)
    this.#kinds.set(name, kind)
    const [oldest] = this.#kinds.keys()
    if (this.#kinds.size > MOST_KINDS && oldest !== undefined) this.#kinds.delete(oldest)
    return kind
  }
}

/** From the widest kind to the narrowest, each correcting the one before. Without any counts: sure to come back. */
function chanceOf(kinds: readonly Kind[]): number {
  return kinds.reduce((chance, { came, seen }) => (came + PRIOR * chance) / (seen + PRIOR), 1)
}
