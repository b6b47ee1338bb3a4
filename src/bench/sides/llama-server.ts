/**
 * llama-server, started from a binary that the user names, on the same file, threads, context and cache as everyone. A
 * small guard in plain JavaScript stands between: it ends the server when we end, in whatever way.
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { UsageError } from '../../util/errors.ts'
import type { Tokenizer } from '../../text/index.ts'
import type { Side } from '../types.ts'
import { completionSide } from './completion-side.ts'
import { NodeChild } from './node-child.ts'
import { IdleMeter, peakBytesOf } from './process-facts.ts'
import type { Program } from './program.ts'
import { untilReady } from './ready.ts'
import { checkLlamaServer } from './server.ts'

/** The name of the plain side, and the beginning of the others' names. */
export const LLAMA_SERVER = 'llama-server'

export interface LlamaServerOptions {
  readonly name: string
  /** Path of the program. */
  readonly binary: string
  readonly modelPath: string
  readonly threads: number
  readonly context: number
  /** Passed on as they are, after ours. */
  readonly flags: readonly string[]
  readonly tokenizer: Tokenizer
  readonly signal?: AbortSignal | undefined
  /** How long it may take until it has loaded the model. */
  readonly startLimitMs?: number | undefined
}

/** A running server. */
export class LlamaServer implements Program {
  readonly name: string
  readonly side: Side
  readonly idle: IdleMeter
  /** Its process. */
  readonly pid: number
  /** Where it listens, on the loopback. */
  readonly port: number
  readonly #guard: NodeChild

  private constructor(guard: NodeChild, { pid, port }: { readonly pid: number; readonly port: number }, side: Side) {
    this.name = side.info.name
    this.#guard = guard
    this.pid = pid
    this.port = port
    this.idle = new IdleMeter(pid)
    this.side = { ...side, run: (task) => this.idle.during(() => this.#run(side, task)) }
  }

  /** Throws `peer-failed` where it cannot be started, does not get ready in time, or reads another model. */
  static async start(options: LlamaServerOptions): Promise<LlamaServer> {
    const { name, binary, flags, tokenizer, signal, startLimitMs = START_LIMIT_MS } = options
    const guard = new NodeChild(name, guardScript)
    try {
      const port = await freePort()
      const base = new URL(`http://127.0.0.1:${port}/`)
      const start = { command: binary, args: [...ownFlags(options, port), ...flags] }
      const { pid } = (await guard.ask({ start }, signal)) as { pid: number }
      await untilReady(guard, { name, url: new URL('health', base), limitMs: startLimitMs, signal })
      const { build } = await checkLlamaServer({ base, tokenizer, signal, context: options.context })
      const { threads, context } = options
      const details = { build, flags, threads, context, flashAttention: true, cache: 'f16' }
      return new LlamaServer(
        guard,
        { pid, port },
        completionSide({ name, plain: LLAMA_SERVER, base, tokenizer, details }),
      )
    } catch (error) {
      await guard[Symbol.asyncDispose]()
      throw error
    }
  }

  get peakBytes(): number | undefined {
    return peakBytesOf(this.pid)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#guard[Symbol.asyncDispose]()
  }

  /** An answer that fails because the server died is told with its last words. */
  async #run(side: Side, task: Parameters<Side['run']>[0]): ReturnType<Side['run']> {
    try {
      return await side.run(task)
    } catch (error) {
      // Its own end, if there is one, comes after that of the connection.
      if (isBrokenConnection(error)) await this.#guard.endWithin(DEATH_MS, task.signal)
      throw error
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------

const START_LIMIT_MS = 5 * 60_000
/** How long a program may take to end after its connections: on a busy machine not a moment but seconds. */
const DEATH_MS = 10_000

/** Errors of connections have codes of their own; what a server says has none. */
function isBrokenConnection(error: unknown): boolean {
  if (!(error instanceof UsageError) || error.code !== 'peer-failed') return false
  return error.cause instanceof Error && 'code' in error.cause
}

/** What makes it comparable. Flags of the user come later and win. */
function ownFlags({ modelPath, threads, context }: LlamaServerOptions, port: number): string[] {
  const [cores, size] = [String(threads), String(context)]
  return [
    ...['--model', modelPath, '--threads', cores, '--threads-batch', cores, '--ctx-size', size],
    ...['--cache-type-k', 'f16', '--cache-type-v', 'f16', '--flash-attn', 'on', '--gpu-layers', '0'],
    // One text at a time, and none kept of those before: saving them would cost time that nobody else spends.
    ...['--parallel', '1', '--cache-ram', '0'],
    ...['--host', '127.0.0.1', '--port', String(port)],
  ]
}

/**
 * A port that nobody listens on just now, below those that systems give to whoever asks for any: one of these may be somebody else's
 * before the program that shall have it has started.
 */
export async function freePort(): Promise<number> {
  for (let tries = 1; ; tries++) {
    const port = randomInt(FIRST_PORT, FIRST_GIVEN_PORT)
    const server = createServer()
    try {
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
    } catch (error) {
      if (tries === PORT_TRIES) throw error
      continue
    }
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

const FIRST_PORT = 10_000
/** Linux gives ports from here on, others from 49152. */
const FIRST_GIVEN_PORT = 32_768
const PORT_TRIES = 100

/** Answers `{ start: { command, args } }` with `{ pid }` and ends with the program; ends the program with its input. */
export const guardScript = `
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

let server
const answer = (message) => process.stdout.write(JSON.stringify(message) + String.fromCharCode(10))
const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const { id, start, ping } = JSON.parse(line)
  if (ping) answer({ id, ok: true })
  if (start) run(id, start)
})
lines.on('close', () => {
  if (!server?.pid) process.exit()
  signal('SIGTERM')
  setTimeout(() => signal('SIGKILL'), 3000)
})

// In a group of its own, because a user's program may be a script that starts the real one.
function run(id, { command, args }) {
  server = spawn(command, args, { stdio: ['ignore', 2, 2], detached: true })
  server.once('spawn', () => answer({ id, ok: { pid: server.pid } }))
  server.once('error', (error) => answer({ id, error: error.message + '; name a llama-server that can be run' }))
  server.once('close', (code, name) => {
    signal('SIGKILL')
    if (name) console.error('ended by ' + name)
    process.exit(code ?? 1)
  })
}

function signal(name) {
  try {
    process.kill(-server.pid, name)
  } catch {
    // all of it has ended
  }
}
`
