/** Single tokens as text: pieces of characters are no text on their own, and control tokens are shown by name. */
import type { Tokenizer } from '../text/index.ts'

/** A token's text, or its bytes where they are no text on their own. */
export type Piece = string | readonly number[]

/** The piece of token `id`. Throws `bad-prompt` for a token that the vocabulary does not have. */
export function pieceOf(id: number, tokenizer: Pick<Tokenizer, 'bytes'>): Piece {
  const bytes = tokenizer.bytes(id, true)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return [...bytes]
  }
}
