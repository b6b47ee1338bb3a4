/** Calls of tools in OpenAI's spelling, whole and in pieces. */
import type { ToolCall, ToolCallPiece } from '../text/index.ts'

/** Names of calls that nobody else has; each call of each answer keeps its own. */
export class CallIds {
  readonly #ids = new Map<string, string>()

  /** The name of call `at` of answer `index`. */
  of(index: number, at: number): string {
    const key = `${index} ${at}`
    const id = this.#ids.get(key) ?? `call_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`
    this.#ids.set(key, id)
    return id
  }
}

/** A call of a finished answer. */
export function wholeCall({ name, arguments: given }: ToolCall, id: string): object {
  return { id, type: 'function', function: { name, arguments: given } }
}

/** What a chunk says of a call: the first one names it, others go on with its arguments. */
export function callDelta({ index, name, arguments: given = '' }: ToolCallPiece, id: string): object {
  if (name === undefined) return { index, function: { arguments: given } }
  return { index, id, type: 'function', function: { name, arguments: given } }
}
