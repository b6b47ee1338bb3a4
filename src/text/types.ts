/** Contracts of text: tokens to bytes and back, chats to prompts. */
import type { GgufModel } from '../gguf/index.ts'
import type { TokenId } from '../tree/index.ts'

export interface TokenizeOptions {
  /** Add BOS/EOS if the model wants them. Default true. */
  readonly addSpecial?: boolean
  /** Read `<|im_start|>` and the like as control tokens. Default false: text of users must not forge them. */
  readonly parseSpecial?: boolean
}

export interface Tokenizer extends Disposable {
  readonly vocabSize: number
  readonly bos: TokenId | undefined
  readonly eos: TokenId | undefined
  readonly addsBos: boolean
  /** Hash over all token texts: equal for two models whose drafts and verdicts may be exchanged. */
  readonly fingerprint: string
  /** True for tokens that end an answer. */
  isEnd(token: TokenId): boolean
  isControl(token: TokenId): boolean
  /** Throws `bad-prompt` for text that is not well-formed Unicode (lone surrogates). */
  tokenize(text: string, options?: TokenizeOptions): TokenId[]
  /** The bytes of one token; control tokens are empty unless `special`. */
  bytes(token: TokenId, special?: boolean): Uint8Array
  /** Text of tokens; broken characters at the end become U+FFFD. */
  detokenize(tokens: readonly TokenId[], options?: { readonly special?: boolean }): string
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** A model's own way to write a conversation. */
export interface ChatTemplate {
  /** The Jinja program. */
  readonly source: string
  /** The prompt text, ready for `tokenize(..., { addSpecial: false, parseSpecial: true })`. */
  render(messages: readonly ChatMessage[], options?: { readonly addGenerationPrompt?: boolean }): string
}

/** A model file whose header is read and whose tokenizer is on its way. */
export interface EarlyStart {
  readonly path: string
  readonly gguf: GgufModel
  readonly tokenizer: Promise<Tokenizer>
}
