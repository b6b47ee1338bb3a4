/**
 * A real server and clients that behave badly: they vanish, stall, send garbage and too much, while others ask as they should.
 * Throws for the first wrong answer, stuck place or leaked handle; prints what happened as JSON, one line for each mode.
 *
 *     npm run faults -- [model] --requests 1000         (needs "npm run build"; the model is a tiny one unless named)
 *     npm run faults -- --short 10000 --full 5 --ends 3 --starts 10 --slow 200 --flood 500 --idle 20 --seed 1
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { runKill, runTerm } from './faults/ends.ts'
import { runFlood } from './faults/flood.ts'
import { runFull } from './faults/full.ts'
import { runMixed } from './faults/mixed.ts'
import { startServer, type ServeOptions } from './faults/server.ts'
import { runShort } from './faults/short.ts'
import { runSlow } from './faults/slow.ts'
import { runStarts } from './faults/starts.ts'
import { readEnvironment } from '../src/util/env.ts'
import { makeTinyModel } from './make-tiny-model.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    requests: { type: 'string' },
    short: { type: 'string' },
    full: { type: 'string' },
    ends: { type: 'string' },
    starts: { type: 'string' },
    slow: { type: 'string' },
    flood: { type: 'string' },
    idle: { type: 'string' },
    clients: { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
  },
})

/** Tokens of a context that fills quickly. */
const SMALL_CONTEXT = 256
/** Time of clients to send their request, where they send it slowly. */
const CLIENT_SECONDS = 5
/** Files and connections of a server that is flooded with connections. */
const OPEN_FILES = 128

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'heterospec-faults-'))
  try {
    const entry = fileURLToPath(new URL('../bin/heterospec.cjs', import.meta.url))
    const [tiny = ''] =
      positionals[0] === undefined ? await makeTinyModel(join(folder, 'tiny.gguf'), { weightType: 'q8_0' }) : []
    const options = {
      program: [process.execPath, entry],
      model: positionals[0] ?? tiny,
      cacheDir: positionals[0] === undefined ? join(folder, 'cache') : readEnvironment().cacheDir,
      flags: ['--parallel', '4', '--cache-ram', '16', '--log-level', 'error', '--threads', values.threads],
    } as const
    await runModes(options, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runModes(options: ServeOptions, folder: string): Promise<void> {
  const clients = Number(values.clients)
  const flags = options.flags ?? []
  if (values.requests !== undefined) {
    await using served = await startServer(options)
    try {
      const found = await runMixed(served, { requests: Number(values.requests), clients, seed: Number(values.seed) })
      report('requests', found)
      if (found.problems.length > 0) process.exitCode = 1
    } finally {
      process.stderr.write(served.log().slice(-4000))
    }
  }
  if (values.short !== undefined) {
    await using served = await startServer(options)
    report('short', await runShort(served, Number(values.short), 4))
  }
  if (values.full !== undefined) {
    const small = [...flags, '--context', String(SMALL_CONTEXT), '--queue-limit', '8', '--cache-ram', '1']
    await using served = await startServer({ ...options, flags: small })
    report('full', await runFull(served, SMALL_CONTEXT, Number(values.full)))
  }
  for (let round = 0; round < Number(values.ends ?? 0); round++) {
    report('ends', await runTerm(options, round % 2 === 0 ? 60 : 0))
    report('ends', await runKill(options, 100 * round))
  }
  if (values.starts !== undefined) {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const cacheDir = mkdtempSync(join(folder, 'starts-'))
      report('starts', await runStarts({ ...options, cacheDir }, signal, Number(values.starts)))
    }
  }
  if (values.slow !== undefined) {
    const limited = [...flags, '--client-seconds', String(CLIENT_SECONDS)]
    await using served = await startServer({ ...options, flags: limited })
    report('slow', await runSlow(served, Number(values.slow), CLIENT_SECONDS))
  }
  if (values.flood !== undefined) {
    await using served = await startServer({ ...options, files: OPEN_FILES })
    report('flood', await runFlood(served, Number(values.flood)))
  }
  if (values.idle !== undefined) report('idle', await idleShare(options, Number(values.idle)))
}

/** Processor time of a server that nobody asks, as a share of one core. */
async function idleShare(options: ServeOptions, seconds: number): Promise<object> {
  await using served = await startServer(options)
  // What starting left to do is not idling.
  await sleep(3000)
  const before = await served.cpuMs()
  await sleep(1000 * seconds)
  const cpuMs = (await served.cpuMs()) - before
  return { seconds, cpuMs, share: cpuMs / (1000 * seconds) }
}

function report(mode: string, found: object): void {
  process.stdout.write(`${JSON.stringify({ mode, ...found })}\n`)
}

await main()
