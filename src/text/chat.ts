/**
 * Conversations to tokens, safe against forged control tokens: a message that contains `<|im_start|>` is read as these
 * characters, not as the token that begins a turn. Templates print contents among their own control tokens, so the
 * characters at issue travel through the template as marks and are tokenized apart.
 */
import type { TokenId } from '../tree/index.ts'
import { checkMessages } from './messages.ts'
import type { ChatMessage, ChatTemplate, RenderOptions, TokenizeOptions, Tokenizer } from './types.ts'

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
  const work = chatTokens(template, tokenizer, messages, options)
  let step = work.next([])
  while (step.done !== true) step = work.next(tokenizer.tokenize(step.value.text, step.value.how))
  return step.value
}

/** The same; long texts are read on another thread, so that the event loop stays alive. */
export async function encodeChatAside(
  template: ChatTemplate,
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: RenderOptions = {},
): Promise<TokenId[]> {
  const work = chatTokens(template, tokenizer, messages, options)
  let step = work.next([])
  while (step.done !== true) step = work.next(await tokenizer.tokenizeAside(step.value.text, step.value.how))
  return step.value
}

// ---------------------------------------------------------------------------------------------------------------

interface Text {
  readonly text: string
  readonly how: TokenizeOptions
}

/** Work that asks for the tokens of texts as it goes, and is told them. */
type Tokens<Result> = Generator<Text, Result, readonly TokenId[]>

function* chatTokens(
  template: ChatTemplate,
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: RenderOptions,
): Tokens<TokenId[]> {
  checkMessages(messages)
  const { tools = [] } = options
  const marks = new Marks(tokenizer, JSON.stringify([messages, tools]))
  const text = template.render(yield* marks.hideIn(messages), { ...options, tools: yield* marks.hideIn(tools) })
  const tokens: TokenId[] = []
  for (const { piece, forged } of marks.split(text)) {
    const read = yield { text: piece, how: { addSpecial: false, parseSpecial: !forged } }
    for (const token of read) tokens.push(token)
  }
  if (tokenizer.addsBos && tokenizer.bos !== undefined && tokens[0] !== tokenizer.bos) tokens.unshift(tokenizer.bos)
  return tokens
}

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
  *hideIn<Value>(value: Value): Tokens<Value> {
    if (typeof value === 'string') return (yield* this.#hide(value)) as Value
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) {
      const copy: unknown[] = []
      for (const entry of value) copy.push(yield* this.hideIn<unknown>(entry))
      return copy as Value
    }
    const entries: [string, unknown][] = []
    for (const [key, entry] of Object.entries(value))
      entries.push([yield* this.#hide(key), yield* this.hideIn<unknown>(entry)])
    return Object.fromEntries(entries) as Value
  }

  *#hide(content: string): Tokens<string> {
    let out = ''
    let from = 0
    for (const token of yield { text: content, how: { addSpecial: false, parseSpecial: true } }) {
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
