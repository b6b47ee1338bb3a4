/** llama-server's metrics. */
import { makers, type Registry } from './makers.ts'
import { speculationCounters } from './speculation.ts'
import type { MetricsState, Sink } from './types.ts'

/** llama-server's set. Its means are over all time, as there. */
export function llamacppSink(registry: Registry, { gate }: MetricsState): Sink {
  const make = makers(registry, 'llamacpp:')
  const sums = { prompt: 0, promptSeconds: 0, predicted: 0, predictedSeconds: 0, most: 0, passes: 0, busy: 0 }
  const rate = (count: number, time: number): number => (time > 0 ? count / time : 0)
  const prompt = make.counter('prompt_tokens_total', 'Prompt tokens that were read.')
  const cached = make.counter('prompt_tokens_cached_total', 'Prompt tokens that were in the cache.')
  const promptSeconds = make.counter('prompt_seconds_total', 'Time of reading prompts.')
  const predicted = make.counter('tokens_predicted_total', 'Tokens written.')
  const predictedSeconds = make.counter('tokens_predicted_seconds_total', 'Time of writing.')
  const passes = make.counter('n_decode_total', 'Passes of the model that wrote.')
  make.gauge('prompt_tokens_seconds', 'Mean prompt tokens per second.', () => rate(sums.prompt, sums.promptSeconds))
  make.gauge('predicted_tokens_seconds', 'Mean written tokens per second.', () =>
    rate(sums.predicted, sums.predictedSeconds),
  )
  make.gauge('requests_processing', 'Answers in work.', () => gate.running)
  make.gauge('requests_deferred', 'Answers that wait for their turn.', () => gate.waiting)
  make.gauge('n_tokens_max', 'Longest text of prompt and answer so far.', () => sums.most)
  make.gauge('n_busy_slots_per_decode', 'Mean answers in work at a pass.', () => rate(sums.busy, sums.passes))
  const drafts = speculationCounters(make)
  return {
    first: () => undefined,
    next: (count) => predicted.inc(count),
    round: (trace) => {
      drafts(trace)
      // A pass that several answers shared comes once from each.
      passes.inc(1 / (trace.requests ?? 1))
      sums.passes += 1 / (trace.requests ?? 1)
      sums.busy++
      sums.most = Math.max(sums.most, trace.context + trace.emitted.length)
    },
    done: ({ timings }) => {
      prompt.inc(timings.prompt_n)
      cached.inc(timings.cache_n)
      promptSeconds.inc(timings.prompt_ms / 1000)
      predictedSeconds.inc(timings.predicted_ms / 1000)
      sums.prompt += timings.prompt_n
      sums.promptSeconds += timings.prompt_ms / 1000
      sums.predicted += timings.predicted_n
      sums.predictedSeconds += timings.predicted_ms / 1000
    },
    embedded: (tokens, seconds) => {
      prompt.inc(tokens)
      promptSeconds.inc(seconds)
      sums.prompt += tokens
      sums.promptSeconds += seconds
    },
    failed: () => undefined,
  }
}
