/** The text of one answer as it grows: whole characters only, nothing that may still become a stop string. */
import { StopFilter, TextStream, type Tokenizer } from '../text/index.ts'
import type { TokenId } from '../tree/index.ts'

export class AnswerText {
  readonly #stream: TextStream
  readonly #filter: StopFilter
  #text = ''

  constructor(tokenizer: Pick<Tokenizer, 'bytes'>, stops: readonly string[]) {
    this.#stream = new TextStream(tokenizer)
    this.#filter = new StopFilter(stops)
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
  push(tokens: readonly TokenId[]): { readonly text: string; readonly used: number } {
    let text = ''
    let used = 0
    for (const token of tokens) {
      if (this.stopped) break
      text += this.#filter.push(this.#stream.push(token))
      used++
    }
    this.#text += text
    return { text, used }
  }

  /** The answer is over: what was held back is text after all. */
  end(): string {
    if (this.stopped) return ''
    const rest = this.#filter.push(this.#stream.flush()) + this.#filter.flush()
    this.#text += rest
    return rest
  }
}
