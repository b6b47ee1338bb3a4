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
  /** All starts by how they ended: a signal, or an exit code. */
  readonly ends: Readonly<Record<string, number>>
  /** Starts that were ended before they listened: as many as asked for. */
  readonly early: number
  /** Starts that listened before the signal came, beside those. */
  readonly late: number
}

/**
 * Starts servers with one new cache folder and ends `rounds` of them at another moment of their start; then one that stays.
 * Throws when SIGTERM ends otherwise than by itself or with 143 (with 0, once it listens), or when the last one does not work.
 */
export async function runStarts(options: ServeOptions, signal: NodeJS.Signals, rounds: number): Promise<StartReport> {
  mkdirSync(options.cacheDir, { recursive: true })
  const ends: Record<string, number> = {}
  const counts = { early: 0, late: 0 }
  let startMs = await timeToListen({ ...options, cacheDir: `${options.cacheDir}-first` })
  while (counts.early < rounds) {
    const { child, said, ended } = spawnServer(options)
    await sleep((startMs * (counts.early + 0.5)) / rounds)
    child.kill(signal)
    const how = await Promise.race([ended, sleep(MOST_MS).then(() => 'nothing')])
    if (how === 'nothing') child.kill('SIGKILL')
    const listened = said.stdout.includes('listening on')
    counts[listened ? 'late' : 'early']++
    // The first start was slower than the others: it had an empty cache, and the machine may have been busy.
    if (listened) startMs *= 0.8
    if (counts.late > MOST_LATE * rounds) throw new Error(`expected starts that can be ended, got ${counts.late} late ones`) // prettier-ignore
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
const MOST_MS = 60_000

/** Late starts for each early one; past it the moments are wrong. */
const MOST_LATE = 10

async function timeToListen(options: ServeOptions): Promise<number> {
  const began = performance.now()
  await using served = await startServer(options)
  return served.alive() ? performance.now() - began : NaN
}
