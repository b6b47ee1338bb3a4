/** What must hold of a server when all clients have gone: idle places, nothing left open, counters that agree. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Holding, Served } from './server.ts'
import { ask, stopwatch } from './wire.ts'

/** Waits until no answer is in work or waiting. Throws when one sticks. */
export async function untilIdle({ port }: Served, withinMs = 60_000): Promise<void> {
  const waited = stopwatch()
  for (;;) {
    const slots = JSON.parse((await ask(port, '/slots')).text) as { is_processing: boolean }[]
    const { running, waiting } = await gauges(port)
    if (slots.every((slot) => !slot.is_processing) && running === 0 && waiting === 0) return
    if (waited() > withinMs) {
      throw new Error(`expected idle places, got ${JSON.stringify({ slots, running, waiting })} after ${withinMs} ms`)
    }
    await sleep(50)
  }
}

/** Waits until the server has taken `count` requests for answers since its start: they run, wait or are finished. */
export async function untilTaken({ port }: Served, count: number, withinMs = 60_000): Promise<void> {
  const waited = stopwatch()
  for (;;) {
    const { running, waiting } = await gauges(port)
    const finished = sumOf(await metricsOf(port), 'request_success_total')
    if (running + waiting + finished >= count) return
    if (waited() > withinMs) {
      throw new Error(
        `expected ${count} requests, got ${JSON.stringify({ running, waiting, finished })} after ${withinMs} ms`,
      )
    }
    await sleep(10)
  }
}

/** What is still held compared with `before`; waits a while for what ends by itself. Throws when handles stay. */
export async function requireNoHandles(served: Served, before: Holding): Promise<Holding> {
  const waited = stopwatch()
  for (;;) {
    const now = await served.holding()
    const left = Object.entries(now.resources).filter(([kind, count]) => count > (before.resources[kind] ?? 0))
    const descriptors = (now.descriptors ?? 0) - (before.descriptors ?? 0)
    if (left.length === 0 && descriptors <= 0) return now
    if (waited() > 60_000) {
      throw new Error(`expected the handles of the start, got ${descriptors} more files and ${JSON.stringify(left)}`)
    }
    await sleep(200)
  }
}

/** Counters of one server agree with each other. Returns answers that were finished. */
export async function requireSoundMetrics(port: number): Promise<number> {
  const metrics = await metricsOf(port)
  const sum = (name: string): number => sumOf(metrics, name)
  const finished = sum('request_success_total')
  const facts: Readonly<Record<string, boolean>> = {
    'no answer in work': sum('num_requests_running') === 0 && sum('num_requests_waiting') === 0,
    'no cache rows in work': sum('kv_cache_usage_perc') === 0,
    'an end for each finished answer': sum('e2e_request_latency_seconds_count') === finished,
    'no more accepted than drafted':
      sum('spec_decode_num_accepted_tokens_total') <= sum('spec_decode_num_draft_tokens_total'),
    'accepted tokens by depth':
      sum('spec_decode_num_accepted_tokens_per_pos_total') === sum('spec_decode_num_accepted_tokens_total'),
    'hits among queries': sum('prefix_cache_hits_total') <= sum('prefix_cache_queries_total'),
  }
  const broken = Object.entries(facts).filter(([, holds]) => !holds)
  if (broken.length > 0) throw new Error(`metrics do not agree: ${broken.map(([fact]) => fact).join(', ')}`)
  return finished
}

// ---------------------------------------------------------------------------------------------------------------

async function metricsOf(port: number): Promise<Map<string, number>> {
  const { text } = await ask(port, '/metrics')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

/** Of all labels. */
function sumOf(metrics: ReadonlyMap<string, number>, name: string): number {
  return [...metrics]
    .filter(([key]) => key.split('{')[0] === `heterospec:${name}`)
    .reduce((total, [, value]) => total + value, 0)
}

async function gauges(port: number): Promise<{ readonly running: number; readonly waiting: number }> {
  const metrics = await metricsOf(port)
  const of = (name: string): number => [...metrics].find(([key]) => key.startsWith(`heterospec:${name}`))?.[1] ?? NaN
  return { running: of('num_requests_running'), waiting: of('num_requests_waiting') }
}
