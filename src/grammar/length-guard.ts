/** The second grammar of an answer, in bytes: what of the first one's tokens would make a string too long or too short. `lengths.ts` says why. */
import type { GrammarMatcher } from '@mlc-ai/web-xgrammar'
import type { TokenId } from '../tree/index.ts'
import { endsWithin, LETTER, QUOTE, type Spelling } from './lengths.ts'

/** Letters that are tried beyond those that matter now, so that they need not be tried again at once. */
const AHEAD = 128

/** Follows an answer beside the matcher that makes masks. */
export class LengthGuard implements Disposable {
  readonly #matcher: GrammarMatcher
  readonly #spelling: Spelling
  /** All bytes so far, and how many of them came with each token. */
  readonly #bytes: number[] = []
  readonly #sizes: number[] = []
  /** So many letters could come after so many bytes. */
  #known = { at: 0, room: 0 }

  /** `matcher`: of a grammar whose tokens are bytes. */
  constructor(matcher: GrammarMatcher, spelling: Spelling) {
    this.#matcher = matcher
    this.#spelling = spelling
  }

  /** Reads a token, if it may come. */
  enter(token: TokenId): boolean {
    const bytes = this.#spelling.bytes[token] ?? new Uint8Array(0)
    for (let at = 0; at < bytes.length; at++) {
      if (this.#matcher.acceptToken(bytes[at] as number)) continue
      if (at > 0) this.#matcher.rollBack(at)
      return false
    }
    this.#bytes.push(...bytes)
    this.#sizes.push(bytes.length)
    return true
  }

  /** Goes back by so many tokens. */
  leave(count: number): void {
    const bytes = this.#sizes.splice(this.#sizes.length - count, count).reduce((sum, size) => sum + size, 0)
    if (bytes > 0) this.#matcher.rollBack(bytes)
    this.#bytes.length -= bytes
    if (this.#bytes.length < this.#known.at) this.#known = { at: 0, room: 0 }
  }

  /** Clears the bits of what would be too long or too short. `main`: the matcher that made the mask, at the same place. */
  restrict(mask: Int32Array, main: GrammarMatcher): void {
    const { longest, letter, quote, wholeStrings } = this.#spelling
    const isPlain = lettersTaken(this.#matcher, LETTER, 1) === 1
    for (const { token, quotes } of wholeStrings) {
      // In a string the first quote ends it.
      if (quotes >= (isPlain ? 3 : 2) && hasBit(mask, token) && !this.#takes(token)) clearBit(mask, token)
    }
    if (!isPlain && endsWithin(this.#bytes)) {
      filterMask(mask, (token) => this.#takes(token))
      return
    }
    const room = this.#room(longest)
    // Only where a limit was left out does the first grammar take more letters than the second, or an earlier end.
    const isLong = room < longest && lettersTaken(main, letter, room + 1) > room
    const needed = hasBit(mask, quote) ? this.#needed(longest) : 0
    if (isLong || needed > 0) this.#filter(mask, isLong ? room : Infinity, needed)
  }

  /** Inside a string: at most `room` characters more, and `needed` before its end. */
  #filter(mask: Int32Array, room: number, needed: number): void {
    const { characters, closesAfter, bytes } = this.#spelling
    filterMask(mask, (token) => {
      const count = characters[token] ?? -1
      if (count >= 0) return count <= room
      const end = closesAfter[token] ?? -1
      if (end >= 0 && end < needed) return false
      return (needed === 0 && (bytes[token]?.length ?? 0) <= room) || this.#takes(token)
    })
  }

  /** How many letters must come before a string may end, as far as that matters. */
  #needed(enough: number): number {
    let letters = 0
    while (!this.#matcher.acceptToken(QUOTE)) {
      if (letters === enough || !this.#matcher.acceptToken(LETTER)) {
        if (letters > 0) this.#matcher.rollBack(letters)
        return letters + 1
      }
      letters++
    }
    this.#matcher.rollBack(letters + 1)
    return letters
  }

  #takes(token: TokenId): boolean {
    if (!this.enter(token)) return false
    this.leave(1)
    return true
  }

  /** How many letters could come here; exact where they are fewer than `enough`. */
  #room(enough: number): number {
    const { at, room } = this.#known
    const since = this.#bytes.slice(at)
    // Within one string each byte takes the room of one letter at most.
    if (room - since.length >= enough && !since.includes(QUOTE)) return room - since.length
    const found = lettersTaken(this.#matcher, LETTER, enough + AHEAD)
    this.#known = { at: this.#bytes.length, room: found }
    return found
  }

  [Symbol.dispose](): void {
    this.#matcher.dispose()
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** How many letters in a row may come here, at most `most`. */
function lettersTaken(matcher: GrammarMatcher, letter: TokenId, most: number): number {
  let taken = 0
  while (taken < most && matcher.acceptToken(letter)) taken++
  if (taken > 0) matcher.rollBack(taken)
  return taken
}

function hasBit(mask: Int32Array, token: TokenId): boolean {
  return (((mask[token >> 5] ?? 0) >>> (token & 31)) & 1) === 1
}

function clearBit(mask: Int32Array, token: TokenId): void {
  mask[token >> 5] = (mask[token >> 5] ?? 0) & ~(1 << (token & 31))
}

function filterMask(mask: Int32Array, keeps: (token: TokenId) => boolean): void {
  for (let word = 0; word < mask.length; word++) {
    for (let bits = mask[word] as number; bits !== 0; bits &= bits - 1) {
      const bit = bits & -bits
      if (!keeps(32 * word + (31 - Math.clz32(bit)))) mask[word] = (mask[word] as number) & ~bit
    }
  }
}
