/**
 * A real server and clients that behave badly: they vanish, stall, send garbage and too much, while others ask as they should.
 * Throws for the first wrong answer, stuck place or leaked handle; prints what happened as JSON, one line for each mode.
 *
 *     npm run faults -- [model] --requests 1000         (needs "npm run build"; the model is a tiny one unless named)
 *     npm run faults -- --short 10000 --full 5 --ends 3 --idle 20 --seed 1
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { runKill, runTerm } from './faults/ends.ts'
import { runFull } from './faults/full.ts'
import { runMixed } from './faults/mixed.ts'
import { startServer, type ServeOptions } from './faults/server.ts'
import { runShort } from './faults/short.ts'
import { readEnvironment } from '../src/util/env.ts'
import { makeTinyModel } from './make-tiny-model.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    requests: { type: 'string' },
    short: { type: 'string' },
    full: { type: 'string' },
    ends: { type: 'string' },
    idle: { type: 'string' },
    clients: { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
  },
})

/** Tokens of a context that fills quickly. */
const SMALL_CONTEXT = 256

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'heterospec-faults-'))
  try {
    const entry = fileURLToPath(new URL('../bin/heterospec.cjs', import.meta.url))
    const [tiny = ''] =
      positionals[0] === undefined ? await makeTinyModel(join(folder, 'tiny.gguf'), { weightType: 'q8_0' }) : []
    await runModes({
      program: [process.execPath, entry],
      model: positionals[0] ?? tiny,
      cacheDir: positionals[0] === undefined ? join(folder, 'cache') : readEnvironment().cacheDir,
      flags: ['--parallel', '4', '--cache-ram', '16', '--log-level', 'error', '--threads', values.threads],
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runModes(options: ServeOptions): Promise<void> {
  const clients = Number(values.clients)
  const flags = options.flags ?? []
  if (values.requests !== undefined) {
    await using served = await startServer(options)
    const found = await runMixed(served, { requests: Number(values.requests), clients, seed: Number(values.seed) })
    report('requests', found)
    if (found.problems.length > 0) {
      process.stderr.write(served.log().slice(-4000))
      process.exitCode = 1
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
