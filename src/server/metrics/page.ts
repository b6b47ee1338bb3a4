/**
 * `/metrics`: what vLLM and llama-server count, under their names, so that dashboards made for them work. Ours have vLLM's
 * meanings, and trees beside them.
 */
import type { Engine } from '../../engine/index.ts'
import type { Gate } from '../gate.ts'
import type { MetricNames, MetricsPage } from '../types.ts'
import { llamacppSink } from './llamacpp.ts'
import { newRegistry } from './makers.ts'
import { Answer, observeTexts } from './observers.ts'
import type { MetricsState } from './types.ts'
import { responseCounter, vllmSink } from './vllm.ts'

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
export function createMetrics({ names: asked, gate, modelName, capacity, prefixCache }: MetricsParts): MetricsPage {
  const names = [...new Set(asked)]
  const registry = newRegistry(labelsFor(names, modelName))
  const responses = names.filter((name) => name !== 'llamacpp').map((name) => responseCounter(registry, name))
  const live = new Set<Answer>()
  const rows = (): number => [...live].reduce((sum, { context }) => sum + context, 0)
  const state: MetricsState = {
    gate,
    capacity,
    usage: () => rows() / capacity,
    prefixCache: () => prefixCache?.(),
  }
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
    beginTexts: (queueMs) => observeTexts(sinks, queueMs),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Dashboards choose by these; llama-server has none. */
function labelsFor(names: readonly MetricNames[], modelName: string): Readonly<Record<string, string>> {
  if (names.includes('vllm')) return { engine: '0', model_name: modelName }
  return names.includes('heterospec') ? { model_name: modelName } : {}
}
