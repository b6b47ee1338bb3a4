/** The text of one answer as it grows: whole characters only, nothing that may still become a stop string, calls of tools apart. */
import {
  StopFilter,
  TextStream,
  type Tokenizer,
  type ToolCall,
  type ToolCallPiece,
  type ToolCallReader,
} from '../text/index.ts'
import type { TokenId } from '../tree/index.ts'

/** What some tokens added. */
export interface AnswerStep {
  readonly text: string
  /** Where there are tools. */
  readonly calls?: readonly ToolCallPiece[]
  /** Tokens that belong to the answer. */
  readonly used: number
}

export class AnswerText {
  readonly #stream: TextStream
  readonly #filter: StopFilter
  readonly #reader: ToolCallReader | undefined
  #text = ''

  /** `reader` takes calls of tools out of the text. */
  constructor(tokenizer: Pick<Tokenizer, 'bytes'>, stops: readonly string[], reader?: ToolCallReader) {
    this.#stream = new TextStream(tokenizer)
    this.#filter = new StopFilter(stops)
    this.#reader = reader
  }

  /** Calls so far; undefined where there are no tools. */
  get calls(): readonly ToolCall[] | undefined {
    return this.#reader?.calls
  }

  /** All text sent so far. */
  get text(): string {
    return this.#text
  }

  get stopped(): boolean {
    return this.#filter.stopped !== undefined
  }

  /**
   * Adds tokens; returns the text to send now, and how many tokens belong to the answer: all of them, or those up to
   * the one that completed a stop string. One by one, so that the cut does not depend on how tokens came in rounds.
   */
  push(tokens: readonly TokenId[]): AnswerStep {
    let text = ''
    let used = 0
    for (const token of tokens) {
      if (this.stopped) break
      text += this.#filter.push(this.#stream.push(token))
      used++
    }
    const read = this.#reader?.push(text) ?? { text }
    this.#text += read.text
    return { ...read, used }
  }

  /** The answer is over: what was held back is text after all. */
  end(): Omit<AnswerStep, 'used'> {
    const held = this.stopped ? '' : this.#filter.push(this.#stream.flush()) + this.#filter.flush()
    const read = this.#reader?.push(held) ?? { text: held }
    const text = read.text + (this.#reader?.end() ?? '')
    this.#text += text
    return { ...read, text }
  }
}
