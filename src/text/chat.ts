/**
 * Conversations to tokens, safe against forged control tokens: a message that contains `<|im_start|>` is read as these
 * characters, not as the token that begins a turn. Templates print contents among their own control tokens, so the
 * characters at issue travel through the template as marks and are tokenized apart.
 */
import type { TokenId } from '../tree/index.ts'
import { checkMessages } from './messages.ts'
import type { ChatMessage, ChatTemplate, RenderOptions, Tokenizer } from './types.ts'

/**
 * Tokens of a conversation, ready for the model. Without forged control tokens this is plainly
 * `tokenize(render(messages), { addSpecial: false, parseSpecial: true })`, with BOS in front if the model adds it and
 * the template does not. Throws `bad-prompt`.
 */
export function encodeChat(
  template: ChatTemplate,
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: RenderOptions = {},
): TokenId[] {
  checkMessages(messages)
  const { tools = [] } = options
  const marks = new Marks(tokenizer, JSON.stringify([messages, tools]))
  const text = template.render(marks.hideIn(messages), { ...options, tools: marks.hideIn(tools) })
  const tokens = marks
    .split(text)
    .flatMap(({ piece, forged }) => tokenizer.tokenize(piece, { addSpecial: false, parseSpecial: !forged }))
  if (tokenizer.addsBos && tokenizer.bos !== undefined && tokens[0] !== tokenizer.bos) tokens.unshift(tokenizer.bos)
  return tokens
}

// ---------------------------------------------------------------------------------------------------------------

/** Control-token texts found in contents, each replaced by a mark: a private character, its number, the character again. */
class Marks {
  readonly #tokenizer: Tokenizer
  readonly #character: string
  readonly #hidden: string[] = []

  /** `all`: everything that will be printed. */
  constructor(tokenizer: Tokenizer, all: string) {
    this.#tokenizer = tokenizer
    this.#character = unusedCharacter(all)
  }

  /** A copy with all of its texts hidden, however deep they lie. */
  hideIn<Value>(value: Value): Value {
    if (typeof value === 'string') return this.#hide(value) as Value
    if (Array.isArray(value)) return value.map((entry: unknown) => this.hideIn(entry)) as Value
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([key, entry]) => [this.#hide(key), this.hideIn<unknown>(entry)] as const)
    return Object.fromEntries(entries) as Value
  }

  #hide(content: string): string {
    let out = ''
    let from = 0
    for (const token of this.#tokenizer.tokenize(content, { addSpecial: false, parseSpecial: true })) {
      if (!this.#isSpecial(token)) continue
      const text = new TextDecoder().decode(this.#tokenizer.bytes(token, true))
      const at = content.indexOf(text, from)
      if (at < 0) continue
      out += `${content.slice(from, at)}${this.#character}${this.#hidden.length}${this.#character}`
      this.#hidden.push(text)
      from = at + text.length
    }
    return out + content.slice(from)
  }

  /** The rendered text in pieces: the template's and the contents' own, and what was hidden. */
  split(text: string): { readonly piece: string; readonly forged: boolean }[] {
    if (this.#hidden.length === 0) return [{ piece: text, forged: false }]
    return text
      .split(new RegExp(`${this.#character}(\\d+)${this.#character}`))
      .map((piece, i) =>
        i % 2 === 0 ? { piece, forged: false } : { piece: this.#hidden[Number(piece)] ?? '', forged: true },
      )
      .filter(({ piece }) => piece !== '')
  }

  /** Control and unknown tokens: those that show nothing unless asked to. */
  #isSpecial(token: TokenId): boolean {
    return this.#tokenizer.bytes(token).length === 0 && this.#tokenizer.bytes(token, true).length > 0
  }
}

/** A private-use character that the text does not contain. */
function unusedCharacter(all: string): string {
  for (let code = 0xe000; ; code++) {
    const character = String.fromCharCode(code)
    if (!all.includes(character)) return character
  }
}
