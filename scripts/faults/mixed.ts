/** Good and bad clients side by side: no wrong answer, nothing that sticks, nothing left open. */
import { requireNoHandles, requireSoundMetrics, untilIdle } from './checks.ts'
import { askKnown, learn, type Known } from './good.ts'
import { leavers, type Client } from './leaving.ts'
import { openRandom } from './random.ts'
import { reusers } from './reusing.ts'
import type { Served } from './server.ts'
import { ask, open } from './wire.ts'
import { wrongSenders } from './wrong.ts'

/** How much of it. */
export interface MixedOptions {
  readonly requests: number
  /** Clients at a time. */
  readonly clients: number
  readonly seed: number
}

/** What happened. */
export interface MixedReport {
  /** Well-behaved requests that were answered as they should be, and those that got a 503 with `Retry-After`. */
  readonly right: number
  readonly refused: number
  /** Bad clients by kind. */
  readonly bad: Readonly<Record<string, number>>
  /** What did not hold, each kind once. */
  readonly problems: readonly string[]
  /** Answers that the server counted as finished. */
  readonly finished: number
  readonly descriptors: readonly [before: number | undefined, after: number | undefined]
}

/** Runs them. Throws where something sticks or leaks. */
export async function runMixed(served: Served, { requests, clients, seed }: MixedOptions): Promise<MixedReport> {
  const { port } = served
  const known = await learn(port)
  await untilIdle(served)
  const before = await served.holding()
  const counts = { right: 0, refused: 0 }
  const bad: Record<string, number> = {}
  const kinds = Object.entries({ ...leavers, ...wrongSenders, ...reusers })
  const problems = new Map<string, string>()
  const holders = await openHolders(port)
  await forEach(requests, clients, async (index) => {
    const random = openRandom(seed + 1000 * index)
    // Each kind in turn, so that even few requests have them all.
    const [name, client] = kinds[(index - Math.ceil(index / 3)) % kinds.length] as [string, Client]
    try {
      if (index % 3 === 0) counts[await askKnown(port, known, random)]++
      else {
        await client(port, random)
        bad[name] = (bad[name] ?? 0) + 1
      }
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error)
      problems.set(index % 3 === 0 ? 'a good client' : `the client that ${name}`, what)
    }
  })
  for (const holder of holders) holder[Symbol.dispose]()
  await untilIdle(served)
  await requireSame(port, known)
  const after = await requireNoHandles(served, before)
  const finished = await requireSoundMetrics(port)
  const descriptors = [before.descriptors, after.descriptors] as const
  return { ...counts, bad, problems: [...problems].map((problem) => problem.join(': ')), finished, descriptors }
}

/** Runs `count` jobs, `parallel` at a time. */
export async function forEach(count: number, parallel: number, job: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (next < count) await job(next++)
    }),
  )
}

// ---------------------------------------------------------------------------------------------------------------

/** Connections that send the beginning of a head and wait, all the time. */
function openHolders(port: number): Promise<Disposable[]> {
  return Promise.all(
    Array.from({ length: 5 }, async () => {
      const wire = await open(port)
      wire.socket.write('POST /v1/chat/completions HTTP/1.1\r\nX-')
      return wire
    }),
  )
}

/** After all of it, each request alone gets what it got at first. */
async function requireSame(port: number, known: readonly Known[]): Promise<void> {
  for (const { path, body, expected } of known) {
    const { text } = await ask(port, path, body)
    const choices = JSON.stringify((JSON.parse(text) as { choices: unknown }).choices)
    if (choices !== expected) throw new Error(`another answer than at first: ${choices}, not ${expected}`)
  }
}
