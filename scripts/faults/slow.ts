/** Many clients at once that send as slowly as they can (slow loris): the server cuts them off, and others are answered meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import { requireNoHandles, requireSoundMetrics, untilIdle } from './checks.ts'
import { askKnown, learn } from './good.ts'
import { openRandom } from './random.ts'
import type { Served } from './server.ts'
import { firstAnswer, open, request } from './wire.ts'

/** What became of them. */
export interface SlowReport {
  readonly clients: number
  /** Told 408 before the end of their connection; the others found it closed. */
  readonly told: number
  /** Longest time that one of them held its connection, in milliseconds. */
  readonly longestMs: number
  /** Right answers that others got meanwhile. */
  readonly right: number
}

/** Milliseconds between two bytes. */
const BETWEEN_MS = 100

/** `seconds`: the server's `--client-seconds`. Throws when one of `clients` is answered, or still there long after that. */
export async function runSlow(served: Served, clients: number, seconds: number): Promise<SlowReport> {
  const { port } = served
  const known = await learn(port)
  await untilIdle(served)
  const before = await served.holding()
  const lorises = Array.from({ length: clients }, (_, index) => trickle(port, index))
  const state = { over: false, right: 0 }
  const all = Promise.all(lorises).finally(() => (state.over = true))
  for (let index = 0; !state.over; index++) {
    const outcome = await Promise.race([askKnown(port, known, openRandom(index)), all.then(() => undefined)])
    if (outcome === 'right') state.right++
  }
  const found = await all
  const longestMs = Math.round(Math.max(...found.map(({ ms }) => ms)))
  const wrong = found.find(({ status }) => status !== 408 && status !== undefined)
  if (wrong) throw new Error(`expected a 408 for a client that is too slow, got ${wrong.status}`)
  // Node looks every few seconds; a busy machine is later still.
  if (longestMs > 1000 * seconds + 60_000) throw new Error(`a slow client held its connection for ${longestMs} ms`)
  if (state.right === 0) throw new Error('expected answers for others beside slow clients, got none')
  await untilIdle(served)
  await requireNoHandles(served, before)
  await requireSoundMetrics(port)
  return { clients, told: found.filter(({ status }) => status === 408).length, longestMs, right: state.right }
}

// ---------------------------------------------------------------------------------------------------------------

/** One client: every other one is slow in its head, the others in their body. */
async function trickle(
  port: number,
  index: number,
): Promise<{ readonly status: number | undefined; readonly ms: number }> {
  using wire = await open(port)
  const began = performance.now()
  const state = { over: false }
  void wire.closed.then(() => (state.over = true))
  const body = JSON.stringify({ prompt: 'red', max_tokens: 1 })
  const whole = request('/v1/completions', body.padEnd(100_000), { 'X-Slow': 'a'.repeat(index % 2 === 0 ? 10_000 : 0) })
  // What is slow begins at once; before it, a client of bodies sends its head as others do.
  const head = index % 2 === 0 ? 0 : whole.indexOf('\r\n\r\n') + 4
  wire.socket.write(whole.slice(0, head))
  for (let at = head; !state.over; at++) {
    wire.socket.write(whole.charAt(at))
    await Promise.race([sleep(BETWEEN_MS), wire.closed])
    // Reads what has come before it writes on: a write that fails would lose the 408.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { status: firstAnswer(wire.received())?.answer.status, ms: performance.now() - began }
}
