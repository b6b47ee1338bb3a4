/** More connections than the process may have open: some are closed, the process lives, and room comes back with those that leave. */
import { setTimeout as sleep } from 'node:timers/promises'
import { requireNoHandles, requireSoundMetrics, untilIdle } from './checks.ts'
import { askKnown, learn } from './good.ts'
import { openRandom } from './random.ts'
import type { Served } from './server.ts'
import { ask, open, request, stopwatch, type Wire } from './wire.ts'

/** What became of the connections. */
export interface FloodReport {
  readonly connections: number
  /** Held until they left. */
  readonly held: number
  /** Closed by the server, or never taken. */
  readonly refused: number
  /** Right answers over a connection from before, while no other got in. */
  readonly right: number
}

/** Opens `connections` that say nothing, all at once. Throws when the server ends, or does not recover. */
export async function runFlood(served: Served, connections: number): Promise<FloodReport> {
  const { port } = served
  const known = await learn(port)
  await untilIdle(served)
  const before = await served.holding()
  const first = await open(port)
  const opened = await Promise.all(Array.from({ length: connections }, () => open(port).catch(() => undefined)))
  const wires = opened.filter((wire) => wire !== undefined)
  const state = { refused: connections - wires.length }
  for (const wire of wires) void wire.closed.then(() => state.refused++)
  // Nothing came for a while: the server has taken or closed what there was.
  for (let before = -1; before !== state.refused;) {
    before = state.refused
    await sleep(SETTLE_MS)
  }
  const right = await asked(first, 5)
  const refused = state.refused
  for (const wire of [first, ...wires]) wire[Symbol.dispose]()
  if (!served.alive()) throw new Error(`expected a living server, got ${await served.ended}: ${served.log()}`)
  await roomAgain(port)
  await untilIdle(served)
  for (let index = 0; index < known.length; index++) await askKnown(port, known, openRandom(index))
  await requireNoHandles(served, before)
  await requireSoundMetrics(port)
  return { connections, held: connections - refused, refused, right }
}

// ---------------------------------------------------------------------------------------------------------------

/** Time in which a server that has connections to take or close does so with one or more. */
const SETTLE_MS = 1000

/** Time for the server to hear that the others have left. */
const ROOM_MS = 60_000

/** Waits until a new connection gets an answer. Throws when none does. */
async function roomAgain(port: number): Promise<void> {
  const waited = stopwatch()
  for (;;) {
    const refusal = await ask(port, '/health').then(
      () => undefined,
      (error: unknown) => error,
    )
    if (refusal === undefined) return
    if (waited() > ROOM_MS) {
      throw new Error(`expected room for a connection ${ROOM_MS} ms after the others left`, { cause: refusal })
    }
    await sleep(50)
  }
}

/** Asks `times` over one connection; how often it was answered with 200. */
async function asked(wire: Wire, times: number): Promise<number> {
  const body = JSON.stringify({ prompt: 'red', max_tokens: 1 })
  for (let time = 1; time <= times; time++) {
    wire.socket.write(request('/v1/completions', body))
    await wire.until((bytes) => bytes.split('HTTP/1.1 200').length > time)
  }
  return wire.received().split('HTTP/1.1 200').length - 1
}
