/**
 * `/metrics`: what vLLM and llama-server count, under their names, so that dashboards made for them work. Ours have vLLM's
 * meanings, and trees beside them. The only importer of prom-client.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { realClock } from '../util/clock.ts'
import type { Engine, GenerateResult, RoundTrace } from '../engine/index.ts'
import type { Gate } from './gate.ts'
import type { AnswerObserver, MetricNames, MetricsPage } from './types.ts'

/** What metrics are made of besides events. */
export interface MetricsParts {
  readonly names: readonly MetricNames[]
  readonly gate: Gate
  readonly modelName: string
  /** Cache rows of all sequences together. */
  readonly capacity: number
  /** How full the memory for shared beginnings is. */
  readonly prefixCache?: (() => Engine['prefixCache']) | undefined
}

/** Counts what happens, in every set of names that was asked for. */
export function createMetrics({ names, gate, modelName, capacity, prefixCache }: MetricsParts): MetricsPage {
  const registry = new Registry()
  // Dashboards choose by these; llama-server has no labels.
  if (names.includes('vllm')) registry.setDefaultLabels({ engine: '0', model_name: modelName })
  else if (names.includes('heterospec')) registry.setDefaultLabels({ model_name: modelName })
  const responses = names.filter((name) => name !== 'llamacpp').map((name) => responseCounter(registry, name))
  const live = new Set<Answer>()
  const rows = (): number => [...live].reduce((sum, { context }) => sum + context, 0)
  const state: State = { gate, usage: () => rows() / capacity, prefixCache: () => prefixCache?.() }
  const sinks = names.map((name) =>
    name === 'llamacpp' ? llamacppSink(registry, state) : vllmSink(registry, name, state),
  )
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    response(handler, method, status) {
      for (const count of responses) count(handler, method, status)
    },
    begin(queueMs) {
      const answer = new Answer(sinks, queueMs, () => live.delete(answer))
      live.add(answer)
      return answer
    },
  }
}

// ---------------------------------------------------------------------------------------------------------------

interface State {
  readonly gate: Gate
  /** Share of the cache rows that answers in work hold. */
  readonly usage: () => number
  readonly prefixCache: () => Engine['prefixCache']
}

/** One answer's events as numbers; times in seconds. */
interface Sink {
  first(seconds: number): void
  /** Tokens that came together, and the time since those before. */
  next(tokens: number, seconds: number): void
  round(trace: RoundTrace): void
  done(result: GenerateResult, times: { readonly queue: number; readonly total: number }): void
  /** The answer ended without a result. */
  failed(): void
}

class Answer implements AnswerObserver {
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

  gone(): void {
    for (const sink of this.#sinks) sink.failed()
    this.#end()
  }
}

const seconds = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160]
const tokenSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]
const powers = [0, 1, 2, 4, 8, 16, 32, 64, 128]

/** vLLM's set, and under our own name trees beside it. */
function vllmSink(registry: Registry, prefix: string, state: State): Sink {
  const { gate, usage } = state
  const make = makers(registry, `${prefix}:`)
  make.gauge('num_requests_running', 'Answers in work.', () => gate.running)
  make.gauge('num_requests_waiting', 'Answers that wait for their turn.', () => gate.waiting)
  make.gauge('kv_cache_usage_perc', 'Share of the cache rows that answers in work hold; 1 is all.', usage)
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
    failed: () => finished.inc({ finished_reason: 'error' }),
  }
}

/**
 * Responses by route. vLLM has them from the instrumentator of its web framework: without a prefix, statuses by their first digit.
 */
function responseCounter(registry: Registry, name: MetricNames): MetricsPage['response'] {
  const make = makers(registry, name === 'vllm' ? '' : `${name}:`)
  const labels = ['handler', 'method', 'status']
  const requests = make.counter('http_requests_total', 'Responses by route, method and status.', labels)
  return (handler, method, status) =>
    requests.inc({ handler, method, status: name === 'vllm' ? `${Math.floor(status / 100)}xx` : String(status) })
}

/** llama-server's set. Its means are over all time, as there. */
function llamacppSink(registry: Registry, { gate }: State): Sink {
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
    failed: () => undefined,
  }
}

/** The four counters that vLLM and llama-server agree on. A position is a depth of the tree, from 0. */
function speculationCounters(make: Makers): (trace: RoundTrace) => void {
  const drafts = make.counter('spec_decode_num_drafts_total', 'Rounds that drafted.')
  const drafted = make.counter('spec_decode_num_draft_tokens_total', 'Drafted tokens, all nodes of trees.')
  const accepted = make.counter('spec_decode_num_accepted_tokens_total', 'Drafted tokens that were accepted.')
  const help = 'Rounds that accepted a drafted token at this depth.'
  const byPosition = make.counter('spec_decode_num_accepted_tokens_per_pos_total', help, ['position'])
  return (trace) => {
    if (trace.drafted === 0) return
    drafts.inc()
    drafted.inc(trace.drafted)
    accepted.inc(trace.accepted)
    for (let position = 0; position < trace.accepted; position++) byPosition.inc({ position: String(position) })
  }
}

function prefixMetrics(make: Makers, { prefixCache }: State): void {
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

function treeMetrics(make: Makers): (trace: RoundTrace) => void {
  const nodes = make.histogram('spec_tree_nodes', 'Drafted nodes of a round.', powers)
  const depth = make.histogram('spec_tree_depth', 'Levels of a round’s tree.', powers)
  const length = make.histogram('spec_accepted_length', 'Tokens of a round, its own included.', powers)
  const modes = make.counter('spec_mode_total', 'Rounds by what was drafted.', ['mode'])
  for (const mode of ['off', 'chain', 'tree']) modes.inc({ mode }, 0)
  const requests = make.histogram('pass_requests', 'Requests that shared the pass of a round.', powers)
  const passes = make.counter('passes_total', 'Passes of the model that wrote.')
  const draftTime = make.counter('spec_draft_seconds_total', 'Time of drafting.')
  const verifyTime = make.counter('spec_verify_seconds_total', 'Time of the model’s passes.')
  return (trace) => {
    const { parents } = trace.tree
    const depths: number[] = []
    for (const parent of parents) depths.push(parent < 0 ? 0 : (depths[parent] ?? 0) + 1)
    const deepest = Math.max(0, ...depths)
    nodes.observe(trace.drafted)
    depth.observe(deepest)
    length.observe(trace.emitted.length)
    modes.inc({ mode: trace.drafted === 0 ? 'off' : deepest === trace.drafted ? 'chain' : 'tree' })
    draftTime.inc(trace.draftMs / 1000)
    requests.observe(trace.requests ?? 1)
    passes.inc(1 / (trace.requests ?? 1))
    verifyTime.inc(trace.targetMs / 1000)
  }
}

interface Makers {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter
  gauge(name: string, help: string, value: () => number): void
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
}

function makers(registry: Registry, prefix: string): Makers {
  const registers = [registry]
  return {
    counter: (name, help, labelNames = []) =>
      new Counter({ name: prefix + name, help, labelNames: [...labelNames], registers }),
    gauge: (name, help, value) => {
      const gauge: Gauge = new Gauge({ name: prefix + name, help, registers, collect: () => gauge.set(value()) })
    },
    histogram: (name, help, buckets) => new Histogram({ name: prefix + name, help, buckets: [...buckets], registers }),
  }
}
