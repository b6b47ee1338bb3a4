/**
 * Calls of tools inside an answer, in the spelling of the Hermes models, which Qwen and many others were trained on: JSON
 * between marks, beside free text. An answer that is held to `toolForm` (a grammar) spells calls exactly so.
 */
import type { ToolCall } from './types.ts'

/** What begins a call, before its name. */
export const CALL_OPEN = '<tool_call>\n{"name": "'
/** What stands between the name and the arguments, a JSON object. */
export const CALL_MIDDLE = '", "arguments": '
/** What ends a call. */
export const CALL_CLOSE = '}\n</tool_call>'
/** What tells a call from free text. */
export const CALL_MARK = '<tool_call>'

/** A call as an answer spells it. */
export function spellCall({ name, arguments: given }: ToolCall): string {
  return `${CALL_OPEN}${name}${CALL_MIDDLE}${given}${CALL_CLOSE}`
}

/** Something new about one call: its name once, then its arguments piece by piece. */
export interface ToolCallPiece {
  /** Which call of the answer, from 0. */
  readonly index: number
  readonly name?: string
  readonly arguments?: string
}

/** What a piece of an answer says: free text, and of calls. */
export interface ReadPiece {
  readonly text: string
  readonly calls: readonly ToolCallPiece[]
}

/** Takes an answer apart while it grows. What may become the beginning of a call is held back. */
export class ToolCallReader {
  readonly #calls: { readonly name: string; arguments: string }[] = []
  #state: 'text' | 'name' | 'arguments' | 'close' = 'text'
  /** Characters that could not be told yet. */
  #held = ''
  /** Of the arguments: open braces and brackets, and whether a text is open, or an escape in it. */
  #depth = 0
  #inText = false
  #escaped = false

  /** The calls so far; the last one may be unfinished. */
  get calls(): readonly ToolCall[] {
    return this.#calls
  }

  /** Reads on. */
  push(piece: string): ReadPiece {
    this.#held += piece
    const calls: ToolCallPiece[] = []
    let text = ''
    for (let before = -1; before !== this.#held.length && this.#held !== '';) {
      before = this.#held.length
      if (this.#state === 'text') text += this.#readText()
      else if (this.#state === 'name') this.#readName(calls)
      else if (this.#state === 'arguments') this.#readArguments(calls)
      else this.#readClose()
    }
    return { text, calls }
  }

  /** The answer is over: what was held back is text after all, unless it belonged to a call. */
  end(): string {
    const rest = this.#state === 'text' ? this.#held : ''
    this.#held = ''
    return rest
  }

  #readText(): string {
    const at = this.#held.indexOf(CALL_OPEN)
    if (at >= 0) {
      const text = this.#held.slice(0, at)
      this.#held = this.#held.slice(at + CALL_OPEN.length)
      this.#state = 'name'
      // Between calls and before the first one a line ends; that is spelling, not text.
      return text.replace(/\n$/, '')
    }
    const safe = this.#held.length - longestBeginning(this.#held, `\n${CALL_OPEN}`, CALL_OPEN)
    const text = this.#held.slice(0, safe)
    this.#held = this.#held.slice(safe)
    return text
  }

  #readName(calls: ToolCallPiece[]): void {
    const at = this.#held.indexOf(CALL_MIDDLE)
    if (at < 0) return
    const name = this.#held.slice(0, at)
    calls.push({ index: this.#calls.length, name, arguments: '' })
    this.#calls.push({ name, arguments: '' })
    this.#held = this.#held.slice(at + CALL_MIDDLE.length)
    this.#state = 'arguments'
    this.#depth = 0
  }

  #readArguments(calls: ToolCallPiece[]): void {
    let length = 0
    while (length < this.#held.length && this.#state === 'arguments') this.#step(this.#held.charAt(length++))
    const piece = this.#held.slice(0, length)
    const call = this.#calls.at(-1)
    if (call) call.arguments += piece
    calls.push({ index: this.#calls.length - 1, arguments: piece })
    this.#held = this.#held.slice(length)
  }

  /** One character of a JSON object; its last brace ends it. */
  #step(character: string): void {
    if (this.#escaped) this.#escaped = false
    else if (this.#inText) {
      this.#escaped = character === '\\'
      this.#inText = character !== '"'
    } else if (character === '"') this.#inText = true
    else if ('{['.includes(character)) this.#depth++
    else if ('}]'.includes(character) && --this.#depth === 0) this.#state = 'close'
  }

  #readClose(): void {
    if (this.#held.length < CALL_CLOSE.length) return
    if (this.#held.startsWith(CALL_CLOSE)) this.#held = this.#held.slice(CALL_CLOSE.length)
    this.#state = 'text'
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Length of the longest end of `text` that begins one of `marks`. */
function longestBeginning(text: string, ...marks: readonly string[]): number {
  let longest = 0
  for (const mark of marks) {
    for (let length = Math.min(mark.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(mark.slice(0, length))) longest = length
    }
  }
  return longest
}
