/**
 * Calls of tools inside an answer, in the spelling of the Hermes models, which Qwen and many others were trained on: JSON
 * between marks, beside free text. An answer that is held to `toolForm` (a grammar) spells calls exactly so.
 */
import type { ToolCall } from './types.ts'

/** What begins a call, before its name. */
const CALL_OPEN = '<tool_call>\n{"name": "'
/** What stands between the name and the arguments, a JSON object. */
const CALL_MIDDLE = '", "arguments": '
/** What ends a call. */
const CALL_CLOSE = '}\n</tool_call>'
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

/** A call whose name and arguments are to be filled in, for prompts. */
export const CALL_EXAMPLE = `${CALL_OPEN.replace('"name": "', '"name": <function-name>, "arguments": <args-json-object>')}${CALL_CLOSE}`

/** What a piece of an answer says: free text, and of calls. */
export interface ReadPiece {
  readonly text: string
  readonly calls: readonly ToolCallPiece[]
}

/** A text that begins a call of a certain tool, up to its arguments, and the text that ends it. */
export interface CallMarks {
  readonly name: string
  readonly begin: string
  readonly close: string
}

/** The way in which calls are asked for. */
export function usualMarks(name: string): CallMarks {
  return { name, begin: `${CALL_OPEN}${name}${CALL_MIDDLE}`, close: CALL_CLOSE }
}

/** Ways in which models that were trained otherwise call nevertheless (Qwen 2.5 Coder): plain JSON, on one line or indented. */
export function plainMarks(name: string): CallMarks[] {
  return [
    { name, begin: `{"name": "${name}", "arguments": `, close: '}' },
    { name, begin: `{\n  "name": "${name}",\n  "arguments": `, close: '\n}' },
  ]
}

/** The template of Qwen 2.5 Coder shows calls in two pairs of braces, and the model then writes them so. */
function doubledMarks(name: string): CallMarks {
  return { name, begin: `{{"name": "${name}", "arguments": `, close: '}}' }
}

/** Takes an answer apart while it grows. What may become the beginning of a call is held back. */
export class ToolCallReader {
  readonly #marks: readonly CallMarks[]
  readonly #calls: { readonly name: string; arguments: string }[] = []
  #state: 'text' | 'arguments' | 'close' = 'text'
  /** What ends the call that is being read. */
  #close = ''
  /** Characters that could not be told yet. */
  #held = ''
  /** Of the arguments: open braces and brackets, and whether a text is open, or an escape in it. */
  #depth = 0
  #inText = false
  #escaped = false

  /** `names`: tools that may be called; `usual`: in the usual way only. */
  constructor(names: readonly string[], usual = false) {
    const plain = usual ? [] : names.flatMap((name) => [...plainMarks(name), doubledMarks(name)])
    const fenced = plain.flatMap((marks) =>
      FENCES.map((fence) => ({ ...marks, begin: `${fence}${marks.begin}`, close: `${marks.close}\n\`\`\`` })),
    )
    this.#marks = [...names.map(usualMarks), ...plain, ...fenced]
  }

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
      if (this.#state === 'text') text += this.#readText(calls)
      else if (this.#state === 'arguments') this.#readArguments(calls)
      else this.#readClose()
    }
    return { text, calls }
  }

  /** The answer is over: what was held back is text after all, unless it belonged to a call. */
  end(): string {
    if (this.#state === 'close') this.#leaveClose()
    const rest = this.#state === 'text' ? this.#held : ''
    this.#held = ''
    return rest
  }

  #readText(calls: ToolCallPiece[]): string {
    const found = this.#firstMark()
    if (!found) {
      const begins = this.#marks.flatMap(({ begin }) => [begin, `\n${begin}`])
      const safe = this.#held.length - longestBeginning(this.#held, begins)
      const text = this.#held.slice(0, safe)
      this.#held = this.#held.slice(safe)
      return text
    }
    const { at, marks } = found
    const text = this.#held.slice(0, at)
    calls.push({ index: this.#calls.length, name: marks.name, arguments: '' })
    this.#calls.push({ name: marks.name, arguments: '' })
    this.#held = this.#held.slice(at + marks.begin.length)
    this.#close = marks.close
    this.#state = 'arguments'
    this.#depth = 0
    // Between calls and before the first one a line ends; that is spelling, not text.
    return text.replace(/\n$/, '')
  }

  /** The mark that begins first; of several, the longest. */
  #firstMark(): { readonly at: number; readonly marks: CallMarks } | undefined {
    let best: { readonly at: number; readonly marks: CallMarks } | undefined
    for (const marks of this.#marks) {
      const at = this.#held.indexOf(marks.begin)
      if (at >= 0 && (!best || at < best.at)) best = { at, marks }
    }
    return best
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
    if (this.#held.length >= this.#close.length || !this.#close.startsWith(this.#held)) this.#leaveClose()
  }

  /** Takes away as much of the end as is there: a fence may be left open. */
  #leaveClose(): void {
    let length = 0
    while (length < this.#close.length && this.#held[length] === this.#close[length]) length++
    this.#held = this.#held.slice(length)
    this.#state = 'text'
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Code blocks around plain JSON. */
const FENCES = ['```json\n', '```\n']

/** Length of the longest end of `text` that begins one of `marks`. */
function longestBeginning(text: string, marks: readonly string[]): number {
  let longest = 0
  for (const mark of marks) {
    for (let length = Math.min(mark.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(mark.slice(0, length))) longest = length
    }
  }
  return longest
}
