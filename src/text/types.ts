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
  /** The same; a long text on another thread, so that the event loop stays alive. */
  tokenizeAside(text: string, options?: TokenizeOptions): Promise<TokenId[]>
  /** The bytes of one token; control tokens are empty unless `special`. */
  bytes(token: TokenId, special?: boolean): Uint8Array
  /** Text of tokens; broken characters at the end become U+FFFD. */
  detokenize(tokens: readonly TokenId[], options?: { readonly special?: boolean }): string
}

/** Something that a model may ask its caller to do. */
export interface Tool {
  /** Letters, digits, `_` and `-`, at most 64. */
  readonly name: string
  readonly description?: string | undefined
  /** JSON Schema of an object; default: no parameters. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined
  /** Refuse a schema that calls cannot be held to in all of its points. Default false: they are held to the others. */
  readonly strict?: boolean | undefined
}

/** A model's wish to have a tool called. */
export interface ToolCall {
  /** What the caller names it by; models do not see it. */
  readonly id?: string | undefined
  readonly name: string
  /** A JSON object as text. */
  readonly arguments: string
}

export interface ChatMessage {
  /** `tool`: what a call came to. */
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string
  /** Of `assistant`: the calls after its text. */
  readonly toolCalls?: readonly ToolCall[] | undefined
  /** Of `tool`: the call that it answers. */
  readonly toolCallId?: string | undefined
}

export interface RenderOptions {
  /** End with the beginning of an answer. Default true. */
  readonly addGenerationPrompt?: boolean | undefined
  /** What the model may call. */
  readonly tools?: readonly Tool[] | undefined
}

/** A model's own way to write a conversation. */
export interface ChatTemplate {
  /** The Jinja program. */
  readonly source: string
  /** The prompt text, ready for `tokenize(..., { addSpecial: false, parseSpecial: true })`. */
  render(messages: readonly ChatMessage[], options?: RenderOptions): string
}

/** A model file whose header is read and whose tokenizer is on its way. */
export interface EarlyStart {
  readonly path: string
  readonly gguf: GgufModel
  readonly tokenizer: Promise<Tokenizer>
}
