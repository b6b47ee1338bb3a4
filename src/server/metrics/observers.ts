/** Answers and texts in work, from what they report to the events that metrics count. */
import { realClock } from '../../util/clock.ts'
import type { GenerateResult, RoundTrace } from '../../engine/index.ts'
import type { AnswerObserver, EmbeddingObserver } from '../types.ts'
import type { Sink } from './types.ts'

/** An answer that is written. */
export class Answer implements AnswerObserver {
  /** Tokens of prompt and answer in the cache. */
  context = 0
  readonly #sinks: readonly Sink[]
  readonly #queue: number
  readonly #began = realClock()
  readonly #end: () => void
  #last: number | undefined

  constructor(sinks: readonly Sink[], queueMs: number, end: () => void) {
    this.#sinks = sinks
    this.#queue = queueMs / 1000
    this.#end = end
  }

  tokens(count: number): void {
    const now = realClock()
    const last = this.#last
    this.#last = now
    for (const sink of this.#sinks) {
      if (last === undefined) sink.first(this.#queue + (now - this.#began) / 1000)
      sink.next(count, last === undefined ? 0 : (now - last) / 1000)
    }
  }

  round(trace: RoundTrace): void {
    this.context = trace.context + trace.emitted.length
    for (const sink of this.#sinks) sink.round(trace)
  }

  done(result: GenerateResult): void {
    const total = this.#queue + (realClock() - this.#began) / 1000
    for (const sink of this.#sinks) sink.done(result, { queue: this.#queue, total })
    this.#end()
  }

  gone(reason: 'abort' | 'error'): void {
    for (const sink of this.#sinks) sink.failed(reason)
    this.#end()
  }
}

/** Texts that are read for their vectors, one after the other. */
export function observeTexts(sinks: readonly Sink[], queueMs: number): EmbeddingObserver {
  const queue = queueMs / 1000
  const began = realClock()
  let last = began
  return {
    text(tokens) {
      const now = realClock()
      const total = queue + (now - began) / 1000
      for (const sink of sinks) sink.embedded(tokens, (now - last) / 1000, { queue, total })
      last = now
    },
    gone(reason) {
      for (const sink of sinks) sink.failed(reason)
    },
  }
}
