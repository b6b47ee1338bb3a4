/** The server's own end under load: SIGTERM ends in time with exit code 0, SIGKILL leaves nothing half-written. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { untilTaken } from './checks.ts'
import { askKnown, learn } from './good.ts'
import { openRandom } from './random.ts'
import { startServer, type ServeOptions, type Served } from './server.ts'
import { firstAnswer, open, request, type Answered } from './wire.ts'

/** What clients got when the server ended. */
export interface EndReport {
  readonly signal: NodeJS.Signals
  /** Milliseconds from the signal to the end. */
  readonly endedMs: number
  /** Whole answers, refusals, and connections that ended without an answer. */
  readonly answered: number
  readonly refused: number
  readonly cut: number
}

/** Answers in work when the signal comes. */
const AT_WORK = 8

/** SIGTERM: those in work finish, those that come get a 503 or no connection, and the exit code is 0. */
export async function runTerm(options: ServeOptions, drainSeconds: number): Promise<EndReport> {
  const flags = [...(options.flags ?? []), '--drain-seconds', String(drainSeconds)]
  await using served = await startServer({ ...options, flags })
  const clients = await load(served)
  const began = performance.now()
  served.child.kill('SIGTERM')
  const late = await visit(served.port, 1).catch(() => undefined)
  if (late && late.status !== 503) throw new Error(`expected a 503 after SIGTERM, got ${late.status}`)
  const ended = await Promise.race([served.ended, sleep(1000 * drainSeconds + 60_000).then(() => 'late')])
  const endedMs = performance.now() - began
  if (ended !== 0) throw new Error(`expected exit code 0 after SIGTERM, got ${ended}: ${served.log().slice(-500)}`)
  const report = { signal: 'SIGTERM' as const, endedMs, ...(await counted(clients)) }
  // Whoever was in work gets a whole answer, or is told why not.
  if (report.cut > 0) throw new Error(`expected answers or refusals, got ${report.cut} cut connections`)
  return report
}

/** SIGKILL, then a new server over what the old one left: it starts, and answers as one that nobody killed. */
export async function runKill(options: ServeOptions, afterMs: number): Promise<EndReport> {
  const known = await (async () => {
    await using first = await startServer(options)
    return await learn(first.port)
  })()
  const endedMs = 0
  await using killed = await startServer(options)
  const clients = await load(killed)
  await sleep(afterMs)
  killed.child.kill('SIGKILL')
  const report = { signal: 'SIGKILL' as const, endedMs, ...(await counted(clients)) }
  requireWhole(options.cacheDir)
  await using again = await startServer(options)
  for (let index = 0; index < 2 * known.length; index++) await askKnown(again.port, known, openRandom(index))
  return report
}

/** Every JSON file that the server keeps is whole. */
export function requireWhole(folder: string): void {
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.json')) continue
    try {
      JSON.parse(readFileSync(join(folder, path), 'utf8'))
    } catch (error) {
      throw new Error(`expected whole files in the cache, ${path} is not`, { cause: error })
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Clients whose answers take a while; resolves when the server has taken them all. */
async function load(served: Served): Promise<Promise<Answered | undefined>[]> {
  const clients = Array.from({ length: AT_WORK }, (_, index) => visit(served.port, index).catch(() => undefined))
  await untilTaken(served, AT_WORK)
  return clients
}

/** One client; undefined when the connection ends without a whole answer. */
async function visit(port: number, index: number): Promise<Answered | undefined> {
  const body = { messages: [{ role: 'user', content: `red blue ${index}` }], max_tokens: 1500, ignore_eos: true }
  using wire = await open(port)
  wire.socket.write(request('/v1/chat/completions', JSON.stringify({ ...body, stream: index % 2 === 0 })))
  await wire.until((bytes) => firstAnswer(bytes) !== undefined)
  return firstAnswer(wire.received())?.answer
}

async function counted(clients: readonly Promise<Answered | undefined>[]) {
  const answers = await Promise.all(clients)
  const refused = answers.filter((one) => one && (one.status === 503 || one.text.includes('"error"'))).length
  const cut = answers.filter((one) => one === undefined).length
  return { answered: answers.length - refused - cut, refused, cut }
}
