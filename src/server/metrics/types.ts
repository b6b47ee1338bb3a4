/** What the sets of metrics are told. */
import type { Engine, GenerateResult, RoundTrace } from '../../engine/index.ts'
import type { Gate } from '../gate.ts'

/** What metrics ask for whenever somebody reads them. */
export interface MetricsState {
  readonly gate: Gate
  /** Cache rows of all sequences together. */
  readonly capacity: number
  /** Share of the cache rows that answers in work hold. */
  readonly usage: () => number
  readonly prefixCache: () => Engine['prefixCache']
}

/** Seconds that an answer or a text took. */
export interface Times {
  /** Waiting for a turn. */
  readonly queue: number
  /** Waiting included. */
  readonly total: number
}

/** The events of answers as numbers of one set; times in seconds. */
export interface Sink {
  first(seconds: number): void
  /** Tokens that came together, and the time since those before. */
  next(tokens: number, seconds: number): void
  round(trace: RoundTrace): void
  done(result: GenerateResult, times: Times): void
  /** A text was read for its vector, in `seconds`. */
  embedded(tokens: number, seconds: number, times: Times): void
  /** An answer or a text ended without a result: because nobody wants it any more, or because something went wrong. */
  failed(reason: 'abort' | 'error'): void
}
