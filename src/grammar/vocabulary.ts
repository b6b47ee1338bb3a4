/** A vocabulary as the grammar library reads it: the bytes of every token, spelled in GPT-2's alphabet of bytes. */
import type { Tokenizer } from '../text/index.ts'

/** [tokens] spelled tokens; those without a text of their own are empty, and never part of an answer. `ends` may end one. */
export function byteLevelTexts(tokenizer: Tokenizer): { readonly texts: string[]; readonly ends: number[] } {
  const alphabet = byteAlphabet()
  const texts: string[] = []
  const ends: number[] = []
  for (let token = 0; token < tokenizer.vocabSize; token++) {
    if (tokenizer.isEnd(token)) ends.push(token)
    texts.push(Array.from(tokenizer.bytes(token), (byte) => alphabet[byte] as string).join(''))
  }
  return { texts, ends }
}

/** [257] all bytes, spelled in the same way, and an end without a text. */
export function byteTexts(): string[] {
  return [...byteAlphabet(), '']
}

// ---------------------------------------------------------------------------------------------------------------

/** [256] visible Latin-1 characters stand for themselves, all others for characters from U+0100 on. */
function byteAlphabet(): string[] {
  const isVisible = (byte: number): boolean =>
    (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte < 0x100 && byte !== 0xad)
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isVisible(byte) ? byte : next++))
}
