/** Contracts of the engine: requests in, events out. */
import type { CacheEviction, ModelSpec, Pooling, PrefixUse } from '../model/index.ts'
import type { ResponseFormat } from '../grammar/index.ts'
import type { ChatMessage, ChatTemplate, EarlyStart, Tokenizer, Tool, ToolCall, ToolCallPiece } from '../text/index.ts'
import type { SampleOptions, TokenLogProbs } from '../sample/index.ts'
import type { TokenId } from '../tree/index.ts'
import type { Calibration } from '../policy/index.ts'
import type { CostRow, EngineLab } from './lab-types.ts'
import type { SpeculativeOptions } from './options.ts'
import type { RoundTrace, TokenOrigin } from './trace-types.ts'

export type FinishReason = 'stop' | 'length' | 'aborted'

/** What a request says about the form of its answer. */
export interface FormRequest {
  /**
   * What form the answer must have. Default: any. An answer that is cut off by a limit may be unfinished. Beside tools: the form of
   * an answer that calls none.
   */
  readonly responseFormat?: ResponseFormat | undefined
  /** What the model may call. It is told of them where the prompt is a conversation; calls keep to their parameters. */
  readonly tools?: readonly Tool[] | undefined
  /** `auto`: as the model likes; `none`: it is not told of tools; `required`: at least one call; or that very tool, once. Default `auto`. */
  readonly toolChoice?: 'auto' | 'none' | 'required' | { readonly name: string } | undefined
  /** May an answer hold several calls? Default true; beside a format it holds one at most. */
  readonly parallelToolCalls?: boolean | undefined
}

export interface GenerateRequest extends SampleOptions, FormRequest {
  /** Text (tokenized with BOS if the model wants it), a conversation (the chat template is applied), or token ids. */
  readonly prompt: string | readonly ChatMessage[] | Int32Array
  /** Most tokens to emit; default: as many as the context holds. 0 reads the prompt and emits nothing. */
  readonly maxTokens?: number | undefined
  /** Texts that end the answer; they are not part of it. */
  readonly stop?: readonly string[] | undefined
  /** Go on after end-of-answer tokens. Default false. Where a format says that the answer is complete, it ends nevertheless. */
  readonly ignoreEos?: boolean | undefined
  /**
   * Tell how likely the model found each token of the answer, and this many of the likeliest tokens at its place (0 to 20).
   * Before bias, penalties, format and temperature. Left out: not at all.
   */
  readonly logProbs?: number | undefined
  /** Override of the engine's setting for this request. */
  readonly speculative?: SpeculativeOptions | undefined
  /**
   * Start from cache rows of an earlier request with the same beginning. Default true; false reads the whole prompt, and leaves nothing
   * in the memory for shared beginnings.
   */
  readonly cachePrompt?: boolean | undefined
  /** Where several requests wait, for a sequence or to have their prompts read, lower ones come first. Default 0. */
  readonly priority?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Most milliseconds from the first token on; then the answer ends with `length`. Default: no limit. */
  readonly maxPredictMs?: number | undefined
  /** Called while the prompt is read: `done` of `total` tokens are in the cache, `cached` of them were before. */
  readonly onPrefill?: ((done: number, total: number, cached: number) => void) | undefined
}

export type { PrunedNodes, RoundTrace, TokenOrigin } from './trace-types.ts'

export interface Timings {
  /** llama-server's names; milliseconds and tokens. */
  readonly prompt_n: number
  readonly prompt_ms: number
  readonly prompt_per_second: number
  readonly predicted_n: number
  readonly predicted_ms: number
  readonly predicted_per_second: number
  /** Prompt tokens that were already in the cache. */
  readonly cache_n: number
  readonly draft_n: number
  readonly draft_n_accepted: number
  /** From the request to the first token. */
  readonly first_token_ms: number
}

export interface SpeculationSummary {
  readonly drafter: string
  readonly budget: string
  readonly lossless: boolean
  readonly rounds: number
  readonly drafted: number
  readonly accepted: number
  /** Tokens emitted per target pass, bonus included. */
  readonly tau: number
  /** Accepted / drafted; 0 when nothing was drafted. */
  readonly acceptanceRate: number
  /** How often a node of depth d + 1 was accepted, of the rounds that drafted one. */
  readonly acceptanceByDepth: readonly number[]
  readonly draftMs: number
  readonly targetMs: number
  readonly hostMs: number
}

export interface GenerateResult {
  /** Without calls of tools. */
  readonly text: string
  /** Where the request has tools; the last one may be unfinished where `finishReason` is not `stop`. */
  readonly toolCalls?: readonly ToolCall[]
  readonly tokens: readonly TokenId[]
  readonly finishReason: FinishReason
  /** The seed that was used: with it the same request gives the same text again. Undefined for greedy requests. */
  readonly seed: number | undefined
  /** One per token, where the request asked for them. */
  readonly logProbs?: readonly TokenLogProbs[]
  readonly timings: Timings
  readonly speculation: SpeculationSummary
}

export type GenerateEvent =
  | {
      readonly type: 'text'
      /** Without calls of tools. */
      readonly text: string
      readonly tokens: readonly TokenId[]
      /** One per token. */
      readonly origins: readonly TokenOrigin[]
      /** One per token, where the request asked for them. */
      readonly logProbs?: readonly TokenLogProbs[]
      /** What is new of calls, where the request has tools. */
      readonly calls?: readonly ToolCallPiece[]
    }
  | { readonly type: 'round'; readonly trace: RoundTrace }
  | ({ readonly type: 'done' } & GenerateResult)

export interface LoadProgress {
  readonly phase: 'kernels' | 'weights' | 'draft-weights' | 'measure'
  readonly done: number
  readonly total: number
}

export interface EngineOptions {
  /** Threads for the model; default: the processors this process may use, at most 16. */
  readonly threads?: number | undefined
  /** Tokens one conversation may hold; default: what the model was trained for, at most 4096. */
  readonly context?: number | undefined
  /** Conversations whose cache rows are kept at the same time, and requests that share passes; more requests wait. Default 1. */
  readonly sequences?: number | undefined
  /**
   * Tokens whose rows all conversations share: a request takes as many as its prompt and `maxTokens` say, and waits until they are free, so that
   * more short ones fit than long ones. At least the context. Default: each sequence has rows for a whole context of its own.
   */
  readonly cacheTokens?: number | undefined
  /** Type of cache rows. Default `f16`. */
  readonly kvType?: 'f16' | 'f32' | 'q8_0' | undefined
  /**
   * Bytes of memory for beginnings of texts that conversations share: what one has read the others copy. Default 0: a
   * conversation knows only what its own sequence holds.
   */
  readonly prefixCacheBytes?: number | undefined
  /**
   * Which of these rows go where there is no room: those used longest ago, or first those whose kind of text is seldom gone on from.
   * Default `lru`.
   */
  readonly cacheEviction?: CacheEviction | undefined
  /** Use the model file in place instead of reading it into memory. Default true. */
  readonly mmap?: boolean | undefined
  /** Use our own kernels where there are some for this processor and these weights. Default true. */
  readonly kernels?: boolean | undefined
  /** Default for requests: `auto`. */
  readonly speculative?: SpeculativeOptions | undefined
  /**
   * Folder of draft heads. `auto` uses the one that was trained for this very model file; false: none. Default: what
   * `HETEROSPEC_HEADS` says.
   */
  readonly headsDir?: string | false | undefined
  /**
   * What budgets start from: a file of `heterospec calibrate`, or what such a file holds. Default: one that lies in the cache
   * or in the package and fits model and drafter; `false` uses none. One that does not fit is refused.
   */
  readonly calibration?: string | Calibration | false | undefined
  /** Folder for measurements; default by platform. */
  readonly cacheDir?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined
  /** Called with a sentence about something that is not as it should be and stops nothing. */
  readonly onWarning?: ((message: string) => void) | undefined
  /** A head start on the same file (`beginLoad`); the engine takes it over. */
  readonly early?: EarlyStart | undefined
}

export type { CostIdentity, CostRow, EngineLab, GivenPrices, LabConditions, LabMemory } from './lab-types.ts'

/** A text whose vector is wanted. */
export interface EmbedRequest {
  /** A text (tokenized with BOS if the model wants it), or token ids. */
  readonly input: string | Int32Array
  /** Which rows make the vector. Default: what the model's file says. */
  readonly pooling?: Pooling | undefined
  /** As of `GenerateRequest`. */
  readonly priority?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onPrefill?: GenerateRequest['onPrefill']
}

/** A text's vector. */
export interface Embedding {
  /** [width], of length 1. */
  readonly vector: Float32Array
  /** Tokens of the text. */
  readonly tokens: number
}

export interface Engine extends AsyncDisposable {
  readonly spec: ModelSpec
  readonly tokenizer: Tokenizer
  /** Undefined when the model has none. */
  readonly template: ChatTemplate | undefined
  readonly context: number
  readonly threads: number
  /** Conversations whose cache rows are kept at the same time. */
  readonly sequences: number
  /** Tokens whose rows all sequences together can hold. */
  readonly cacheTokens: number
  /** How full the memory for shared beginnings is; undefined without any. */
  readonly prefixCache: PrefixUse | undefined
  /** Events of one answer. Leaving the loop or aborting the signal ends the work and frees what it held. */
  generate(request: GenerateRequest): AsyncIterable<GenerateEvent>
  /** The same, waited for. */
  complete(request: GenerateRequest): Promise<GenerateResult>
  /** The vector of a text. Throws `bad-option` where neither the request nor the model says how rows are pooled, `bad-prompt`, `prompt-too-long`, `aborted`. */
  embed(request: EmbedRequest): Promise<Embedding>
  /** A conversation that keeps its history and reuses the cache between turns. */
  chat(options?: ChatOptions): ChatSession
  /** Compiles what a request says about the form of its answer, ahead of it. Throws `bad-option` for what makes no grammar. */
  prepareForm(request: FormRequest): Promise<void>
  /** The measured price of a target pass by rows and context; measures now if nobody has. */
  costTable(): Promise<readonly CostRow[]>
  /** For benchmarks and experiments. */
  readonly lab: EngineLab
}

export interface ChatOptions extends Omit<GenerateRequest, 'prompt'> {
  readonly system?: string | undefined
  readonly history?: readonly ChatMessage[] | undefined
}

export interface ChatSession {
  readonly history: readonly ChatMessage[]
  /** Asks and streams the answer; both join the history. An aborted answer joins as far as it came. */
  send(text: string, options?: Omit<GenerateRequest, 'prompt'>): AsyncIterable<GenerateEvent>
  clear(): void
}
