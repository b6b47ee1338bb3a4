/** Tokens to text while they come: a character whose bytes are spread over tokens is held until it is whole. */
import type { TokenId } from '../tree/index.ts'
import type { Tokenizer } from './types.ts'

/** The text of one growing answer. */
export class TextStream {
  readonly #tokenizer: Pick<Tokenizer, 'bytes'>
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  constructor(tokenizer: Pick<Tokenizer, 'bytes'>) {
    this.#tokenizer = tokenizer
  }

  /** The characters that this token completes; bytes that no character begins with become U+FFFD. */
  push(token: TokenId): string {
    return this.#decoder.decode(this.#tokenizer.bytes(token), { stream: true })
  }

  /** Ends the text: half a character that was held becomes U+FFFD. */
  flush(): string {
    return this.#decoder.decode()
  }
}
