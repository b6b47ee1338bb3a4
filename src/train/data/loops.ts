/**
 * Repetitions: small models, decoded greedily, say the same again and again until somebody stops them. A head learns
 * nothing from the tenth time, and a file full of it teaches that text repeats.
 */
import type { TokenId } from '../../tree/index.ts'

/** Longest stretch that is recognised when it follows itself token by token. */
const LONGEST_PERIOD = 64
/** A repetition is a loop after two more periods, and after this many tokens at least (a ruler, a row of zeros). */
const SHORTEST_REPEAT = 24
/** Sentences that repeat with a number or a name changed: among this many tokens... */
const WINDOW = 128
/** ...fewer than this share of different triples. Plain prose has 0.9 and more, code and tables 0.6. */
const FEWEST_TRIPLES = 0.4
/** Tokens between two looks at the window. */
const LOOK_EVERY = 16

/** Watches one turn while it is written. */
export class LoopWatch {
  readonly #tokens: TokenId[] = []
  /** [period] how many of the last tokens are equal to the one that many places before. */
  readonly #runs = new Int32Array(LONGEST_PERIOD + 1)

  /** Adds a token; when that makes a loop, how many tokens of the turn stand before the repetition, else undefined. */
  push(token: TokenId): number | undefined {
    const tokens = this.#tokens
    let repeated: number | undefined
    for (let period = 1; period <= LONGEST_PERIOD; period++) {
      const run = tokens[tokens.length - period] === token ? (this.#runs[period] as number) + 1 : 0
      this.#runs[period] = run
      if (run >= Math.max(2 * period, SHORTEST_REPEAT)) repeated ??= tokens.length + 1 - run
    }
    tokens.push(token)
    if (repeated !== undefined) return repeated
    if (tokens.length < WINDOW || tokens.length % LOOK_EVERY !== 0) return undefined
    return triplesOf(tokens) < FEWEST_TRIPLES * (WINDOW - 2) ? tokens.length - WINDOW : undefined
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Different triples among the last tokens; triples are told apart by a hash. */
function triplesOf(tokens: readonly TokenId[]): number {
  const seen = new Set<number>()
  for (let at = tokens.length - WINDOW; at + 2 < tokens.length; at++) {
    const [a, b, c] = [tokens[at], tokens[at + 1], tokens[at + 2]] as [number, number, number]
    seen.add(Math.imul(Math.imul(Math.imul(a, 0x9e3779b1) ^ b, 0x85ebca6b) ^ c, 0xc2b2ae35))
  }
  return seen.size
}
