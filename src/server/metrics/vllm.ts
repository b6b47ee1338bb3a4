/** vLLM's metrics, and under our own name trees and the memory for shared beginnings beside them. */
import { PREFIX_BLOCK } from '../../engine/index.ts'
import type { MetricNames, MetricsPage } from '../types.ts'
import { makers, type Makers, type Registry } from './makers.ts'
import { speculationCounters, treeMetrics } from './speculation.ts'
import type { MetricsState, Sink } from './types.ts'

/** vLLM's set, and under our own name trees beside it. */
export function vllmSink(registry: Registry, prefix: string, state: MetricsState): Sink {
  const { gate, usage } = state
  const make = makers(registry, `${prefix}:`)
  make.gauge('num_requests_running', 'Answers in work.', () => gate.running)
  make.gauge('num_requests_waiting', 'Answers that wait for their turn.', () => gate.waiting)
  make.gauge('kv_cache_usage_perc', 'Share of the cache rows that answers in work hold; 1 is all.', usage)
  make.info('cache_config_info', 'How the cache is divided; the value is 1.', cacheConfig(state))
  const prompt = make.counter('prompt_tokens_total', 'Prompt tokens, those from the cache included.')
  const generated = make.counter('generation_tokens_total', 'Tokens written.')
  const queries = make.counter('prefix_cache_queries_total', 'Prompt tokens that were looked for in the cache.')
  const hits = make.counter('prefix_cache_hits_total', 'Prompt tokens that were found in the cache.')
  const finished = make.counter('request_success_total', 'Answers by how they ended.', ['finished_reason'])
  // A rate needs a zero to begin with.
  for (const reason of ['stop', 'length', 'abort', 'error']) finished.inc({ finished_reason: reason }, 0)
  const first = make.histogram('time_to_first_token_seconds', 'From the request to its first token.', seconds)
  const between = make.histogram('inter_token_latency_seconds', 'Between tokens that came apart.', tokenSeconds)
  const perToken = make.histogram('request_time_per_output_token_seconds', 'Mean of an answer.', tokenSeconds)
  const total = make.histogram('e2e_request_latency_seconds', 'From the request to its end.', seconds)
  const queue = make.histogram('request_queue_time_seconds', 'Waiting for a turn.', seconds)
  const prefill = make.histogram('request_prefill_time_seconds', 'Reading the prompt.', seconds)
  const decode = make.histogram('request_decode_time_seconds', 'Writing the answer.', seconds)
  const drafts = speculationCounters(make)
  const own = prefix === 'heterospec'
  const trees = own ? treeMetrics(make) : undefined
  if (own) prefixMetrics(make, state)
  return {
    first: (time) => first.observe(time),
    next: (count, time) => {
      generated.inc(count)
      if (time > 0) between.observe(time)
    },
    round: (trace) => {
      drafts(trace)
      trees?.(trace)
    },
    done: ({ timings, finishReason }, times) => {
      prompt.inc(timings.prompt_n + timings.cache_n)
      queries.inc(timings.prompt_n + timings.cache_n)
      hits.inc(timings.cache_n)
      finished.inc({ finished_reason: finishReason === 'aborted' ? 'abort' : finishReason })
      total.observe(times.total)
      queue.observe(times.queue)
      prefill.observe(timings.prompt_ms / 1000)
      decode.observe(timings.predicted_ms / 1000)
      if (timings.predicted_n > 1) perToken.observe(timings.predicted_ms / 1000 / (timings.predicted_n - 1))
    },
    embedded: (tokens, _, times) => {
      prompt.inc(tokens)
      finished.inc({ finished_reason: 'stop' })
      total.observe(times.total)
      queue.observe(times.queue)
    },
    failed: (reason) => finished.inc({ finished_reason: reason }),
  }
}

/**
 * Responses by route. vLLM has them from the instrumentator of its web framework: without a prefix, statuses by their first digit.
 */
export function responseCounter(registry: Registry, name: MetricNames): MetricsPage['response'] {
  const make = makers(registry, name === 'vllm' ? '' : `${name}:`)
  const labels = ['handler', 'method', 'status']
  const requests = make.counter('http_requests_total', 'Responses by route, method and status.', labels)
  return (handler, method, status) =>
    requests.inc({ handler, method, status: name === 'vllm' ? `${Math.floor(status / 100)}xx` : String(status) })
}

// ---------------------------------------------------------------------------------------------------------------

const seconds = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160]
const tokenSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]
/**
 * In vLLM's words; gateways divide prompts into blocks of this size to guess which server knows their beginning. A block is as many
 * tokens as beginnings are kept in.
 */
function cacheConfig({ capacity }: MetricsState): Readonly<Record<string, string>> {
  return {
    block_size: String(PREFIX_BLOCK),
    num_gpu_blocks: String(Math.floor(capacity / PREFIX_BLOCK)),
    kv_cache_size_tokens: String(capacity),
    enable_prefix_caching: 'True',
  }
}

function prefixMetrics(make: Makers, { prefixCache }: MetricsState): void {
  const share = (): number => {
    const { tokens, capacity } = prefixCache() ?? { tokens: 0, capacity: 1 }
    return tokens / Math.max(1, capacity)
  }
  make.gauge('prefix_cache_usage_perc', 'Share of the memory for shared beginnings that is used; 1 is all.', share)
  const evicted = (): number => prefixCache()?.evicted ?? 0
  make.gauge('prefix_cache_evicted_tokens', 'Tokens that had to leave that memory so far.', evicted)
  const predicted = (): number => prefixCache()?.predicted ?? 0
  make.gauge('prefix_cache_predicted_tokens', 'Of these: because nobody was expected to want them again.', predicted)
  const wrong = (): number => prefixCache()?.wrong ?? 0
  make.gauge('prefix_cache_wrong_tokens', 'Of these: wanted again soon nevertheless.', wrong)
}
