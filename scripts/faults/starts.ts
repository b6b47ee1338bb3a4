/** Ends that come while the server is still starting: whenever it is, the next start finds a cache that it can use. */
import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { requireWhole } from './ends.ts'
import { askKnown, learn } from './good.ts'
import { openRandom } from './random.ts'
import { spawnServer, startServer, type ServeOptions } from './server.ts'

/** How starts ended. */
export interface StartReport {
  readonly signal: NodeJS.Signals
  /** Milliseconds from the start of an undisturbed server until it listened. */
  readonly startMs: number
  /** Starts by how they ended: a signal, or an exit code. */
  readonly ends: Readonly<Record<string, number>>
  /** Starts that listened before the signal came. */
  readonly late: number
}

/**
 * Starts `rounds` servers with one new cache folder and ends each at another moment of its start; then one that stays.
 * Throws when SIGTERM ends otherwise than by itself or with 143 (with 0, once it listens), or when the last one does not work.
 */
export async function runStarts(options: ServeOptions, signal: NodeJS.Signals, rounds: number): Promise<StartReport> {
  mkdirSync(options.cacheDir, { recursive: true })
  const ends: Record<string, number> = {}
  const counts = { late: 0 }
  const startMs = await timeToListen({ ...options, cacheDir: `${options.cacheDir}-first` })
  for (let round = 0; round < rounds; round++) {
    const { child, said, ended } = spawnServer(options)
    await sleep((startMs * (round + 0.5)) / rounds)
    child.kill(signal)
    const how = await Promise.race([ended, sleep(MOST_MS).then(() => 'nothing')])
    if (how === 'nothing') child.kill('SIGKILL')
    const listened = said.stdout.includes('listening on')
    if (listened) counts.late++
    const right = signal === 'SIGKILL' ? ['SIGKILL'] : ['SIGTERM', 143, ...(listened ? [0] : [])]
    if (!right.includes(how)) throw new Error(`expected an end by ${right.join(' or ')}, got ${how}: ${said.stderr}`) // prettier-ignore
    ends[how] = (ends[how] ?? 0) + 1
    requireWhole(options.cacheDir)
  }
  await using served = await startServer(options)
  const known = await learn(served.port)
  for (let index = 0; index < known.length; index++) await askKnown(served.port, known, openRandom(index))
  return { signal, startMs: Math.round(startMs), ends, ...counts }
}

// ---------------------------------------------------------------------------------------------------------------

/** A start that takes longer to end than this hangs. */
const MOST_MS = 20_000

async function timeToListen(options: ServeOptions): Promise<number> {
  const began = performance.now()
  await using served = await startServer(options)
  return served.alive() ? performance.now() - began : NaN
}
