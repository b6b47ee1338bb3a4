/** Contracts of the server: what it is made with, and what its parts share. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Engine, GenerateResult, Pooling, RoundTrace, SpeculativeOptions } from '../engine/index.ts'
import type { SampleOptions } from '../sample/index.ts'
import type { Gate } from './gate.ts'
import type { SlotBoard } from './slots.ts'

/** Names and meanings of metrics: our own, vLLM's or llama-server's. */
export type MetricNames = 'heterospec' | 'vllm' | 'llamacpp'

/** How a server behaves; what is left out is safe. */
export interface ServerOptions {
  /** Names under which the model may be asked for; the first is the one that answers carry. Default: the model's own. */
  readonly modelNames?: readonly string[] | undefined
  /** Keys that let a request in, of visible ASCII characters without blanks; without any, everybody is let in. */
  readonly apiKeys?: readonly string[] | undefined
  /** Origins of web pages that may ask (`https://host`, or `*` for any); default: none but the server's own. */
  readonly corsOrigins?: readonly string[] | undefined
  /** Names in `Host` headers that are served; default: any. A server of this machine only should name its own, so that no web page reaches it under a foreign name. */
  readonly hostNames?: readonly string[] | undefined
  /** Answers that may wait while others are in work. Default 64. */
  readonly queueLimit?: number | undefined
  /** Most seconds of a request, waiting included; past them it gets a 503. At most a week; default: no limit. */
  readonly answerSeconds?: number | undefined
  /** Most bytes of a request. Default 4 MiB. */
  readonly bodyLimit?: number | undefined
  /** Sets of metrics at `/metrics`. Default: our own. */
  readonly metrics?: readonly MetricNames[] | undefined
  /** `/metrics` wants no key. Default: it does. */
  readonly openMetrics?: boolean | undefined
  /** For requests that do not say. Temperature is 1 by default, as at OpenAI. */
  readonly sampling?: SampleOptions | undefined
  /** Most tokens of an answer where the request does not say. Default: until the context is full; 16 for plain texts. */
  readonly maxTokens?: number | undefined
  /** Which rows make the vectors of `/v1/embeddings`. Default: what the model's file says; where it says nothing, they are refused. */
  readonly pooling?: Pooling | undefined
  /** What the engine was opened with: requests may then use its draft model and head. */
  readonly speculative?: SpeculativeOptions | undefined
  /** Folder of the page at `/`; false: none. Default: the one that the package brings along. */
  readonly page?: string | false | undefined
  readonly logger?: ServerLogger | undefined
  /** Hears of every round of every answer, while it works; is not waited for and must not throw. Its tokens tell what was answered. */
  readonly onRound?: ((round: ServedRound) => void) | undefined
}

/** A round, and whose it is. */
export interface ServedRound extends RoundTrace {
  /** The request's id, as in the log. */
  readonly request: string
  /** Answers count from 0; `/slots` has it as `id_task`. */
  readonly answer: number
}

/** Where the log goes; pino's loggers are such. Nothing of prompts or answers is ever logged. */
export interface ServerLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The application: a function from requests to responses, and its end. */
export interface ServerApp {
  readonly app: OpenAPIHono<ServerEnv>
  /** Answers in work and waiting. */
  readonly gate: Gate
  /**
   * From now on new requests get a 503. Resolves when those in work have finished, or were ended after `limitMs`, or a few
   * seconds later where they did not end. Leaves the engine open.
   */
  drain(limitMs: number): Promise<void>
}

/** What handlers of requests share. */
export interface ServerEnv {
  Variables: { requestId: string }
}

/** What the parts of one server share. */
export interface ServerContext {
  readonly engine: Engine
  readonly options: ServerOptions
  /** The first is the one that answers carry. */
  readonly modelNames: readonly [string, ...string[]]
  readonly gate: Gate
  readonly slots: SlotBoard
  readonly metrics: MetricsPage
  readonly logger: ServerLogger
  /** Ends all that is in work. */
  readonly closing: AbortController
  /** Unix seconds of the start. */
  readonly startedAt: number
}

/** One answer, as metrics see it. */
export interface AnswerObserver {
  /** Text came: its tokens. */
  tokens(count: number): void
  round(trace: RoundTrace): void
  /** The answer is over. */
  done(result: GenerateResult): void
  /** The answer ended without a result. */
  gone(reason: 'abort' | 'error'): void
}

/** Texts of one request for vectors, as metrics see them. */
export interface EmbeddingObserver {
  /** The next text was read: its tokens. */
  text(tokens: number): void
  /** A text ended without a vector. */
  gone(reason: 'abort' | 'error'): void
}

/** `/metrics`. */
export interface MetricsPage {
  /** An answer begins its work after waiting `queueMs`. */
  begin(queueMs: number): AnswerObserver
  /** Texts are read for their vectors after waiting `queueMs`. */
  beginTexts(queueMs: number): EmbeddingObserver
  /** A response began; `handler` is the route, never the path that was asked for, so that names stay few. */
  response(handler: string, method: string, status: number): void
  readonly contentType: string
  text(): Promise<string>
}
