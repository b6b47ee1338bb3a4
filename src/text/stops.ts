/**
 * Stop strings in a stream of text. What may be the beginning of a stop string is held until the next characters tell.
 * A text ends at the first character that completes a stop string, however the text was cut into pieces.
 */

/** Watches one answer. An empty stop string is ignored. */
export class StopFilter {
  readonly #stops: readonly string[]
  #held = ''
  #stopped: string | undefined

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '')
  }

  /** The stop string that ended the text. */
  get stopped(): string | undefined {
    return this.#stopped
  }

  /** Adds text and returns what may be sent now. After a stop nothing more comes. */
  push(text: string): string {
    if (this.#stopped !== undefined) return ''
    const all = this.#held + text
    const match = this.#firstMatch(all)
    if (match) {
      this.#held = ''
      this.#stopped = match.stop
      return all.slice(0, match.end - match.stop.length)
    }
    const safe = all.length - this.#undecided(all)
    this.#held = all.slice(safe)
    return all.slice(0, safe)
  }

  /** Ends the text: what was held is no stop string any more. */
  flush(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }

  /** The match that ends first; of several, the longest, so that no part of it is sent. */
  #firstMatch(text: string): { readonly stop: string; readonly end: number } | undefined {
    let best: { readonly stop: string; readonly end: number } | undefined
    for (const stop of this.#stops) {
      const at = text.indexOf(stop)
      if (at < 0) continue
      const end = at + stop.length
      if (!best || end < best.end || (end === best.end && stop.length > best.stop.length)) best = { stop, end }
    }
    return best
  }

  /** Length of the longest end of the text that begins a stop string. */
  #undecided(text: string): number {
    let longest = 0
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length
      }
    }
    return longest
  }
}
