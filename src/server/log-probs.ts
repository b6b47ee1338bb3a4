/** Log-probabilities in OpenAI's two spellings: of chats, with bytes, and of plain texts, with places in the text. */
import type { TokenLogProbs } from '../sample/index.ts'
import type { Tokenizer } from '../text/index.ts'

/** The `logprobs` of a chat's choice. */
export function chatLogProbs(logProbs: readonly TokenLogProbs[] | undefined, tokenizer: Tokenizer): object | null {
  if (!logProbs) return null
  const spell = ({ token, logProb }: { readonly token: number; readonly logProb: number }): object => {
    const bytes = tokenizer.bytes(token, true)
    return { token: new TextDecoder().decode(bytes), logprob: logProb, bytes: [...bytes] }
  }
  return {
    content: logProbs.map((entry) => ({ ...spell(entry), top_logprobs: entry.top.map(spell) })),
    refusal: null,
  }
}

/** Spells the `logprobs` of one plain text, piece by piece: places in the text go on from piece to piece. */
export class TextLogProbs {
  readonly #tokenizer: Tokenizer
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** Characters so far. */
  #length = 0

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
  }

  /** The `logprobs` of a choice with these further tokens. */
  spell(logProbs: readonly TokenLogProbs[] | undefined): object | null {
    if (!logProbs) return null
    const names = logProbs.map(({ token }) => this.#nameOf(token))
    return {
      tokens: names.map(({ name }) => name),
      token_logprobs: logProbs.map(({ logProb }) => logProb),
      top_logprobs: logProbs.map(({ top }) =>
        Object.fromEntries(top.map(({ token, logProb }) => [this.#nameOf(token).name, logProb])),
      ),
      text_offset: logProbs.map(({ token }, i) => this.#place(token, names[i]?.isText === true)),
    }
  }

  /** Where the token begins: half a character begins where the whole one will stand. */
  #place(token: number, isText: boolean): number {
    const bytes = this.#tokenizer.bytes(token)
    const before = this.#length
    this.#length += this.#decoder.decode(bytes, { stream: true }).length
    return isText ? this.#length - new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).length : before
  }

  /** A token's text; the bytes of what is no text on its own, as OpenAI writes them. */
  #nameOf(token: number): { readonly name: string; readonly isText: boolean } {
    const bytes = this.#tokenizer.bytes(token, true)
    try {
      return { name: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), isText: true }
    } catch {
      const hex = [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`)
      return { name: `bytes:${hex.join('')}`, isText: false }
    }
  }
}
