/** The servers of a load benchmark: ours from the compiled package, llama-server from where the user says. */
import { fileURLToPath } from 'node:url'
import { DisposeStack } from '../../util/dispose.ts'
import { nodeProgram } from '../../util/env.ts'
import type { Tokenizer } from '../../text/index.ts'
import { freePort, guardScript, LLAMA_SERVER, LlamaServer } from '../sides/llama-server.ts'
import { NodeChild } from '../sides/node-child.ts'
import { untilReady } from '../sides/ready.ts'
import { countRounds } from './rounds.ts'
import type { LoadSide } from './types.ts'

/** What all servers have in common. */
export interface ServingOptions {
  readonly modelPath: string
  readonly threads: number
  /** Answers in work at a time. */
  readonly slots: number
  /** Tokens of one of them. */
  readonly context: number
  readonly signal?: AbortSignal | undefined
}

/** Running servers as sides. */
export interface Served extends AsyncDisposable {
  readonly sides: readonly LoadSide[]
}

/** A way to speculate, as requests say it: `off`, `auto`, `lookup`, `auto/heterospec-cost`. */
export function speculativeOf(name: string): string | Readonly<Record<string, string>> {
  if (name === 'auto' || name === 'off') return name
  const [method = '', budget] = name.split('/')
  return { ...(method === 'auto' ? {} : { method }), ...(budget === undefined ? {} : { budget }) }
}

/**
 * One server of ours for all methods: requests say how they want to speculate, so that all share weights, prices and time of
 * day. Without a cache of beginnings; plain decoding stands in twice, which tells what differences mean nothing.
 */
export async function serveOurs(methods: readonly string[], options: ServingOptions): Promise<Served> {
  const { modelPath, threads, slots, context, signal } = options
  const guard = new NodeChild('heterospec serve', guardScript)
  try {
    const port = await freePort()
    const args = [
      ...[
        program,
        'serve',
        modelPath,
        '--port',
        String(port),
        '--threads',
        String(threads),
        '--context',
        String(context),
      ],
      ...[
        '--parallel',
        String(slots),
        '--cache-ram',
        '0',
        '--queue-limit',
        String(MOST_WAITING),
        '--log-level',
        'error',
      ],
    ]
    await guard.ask({ start: { command: nodeProgram(), args } }, signal)
    const base = new URL(`http://127.0.0.1:${port}/`)
    await untilReady(guard, { name: 'our server', url: new URL('ready', base), limitMs: READY_LIMIT_MS, signal })
    const side = (name: string, method: string): LoadSide => ({
      ...{ name, plain: OFF, base, body: { speculative: speculativeOf(method) }, details: { method, threads, slots } },
      rounds: () => countRounds(base, signal),
    })
    const sides = [side(OFF, 'off'), side(OFF_AGAIN, 'off'), ...methods.map((name) => side(name, name))]
    return { sides, [Symbol.asyncDispose]: () => guard[Symbol.asyncDispose]() }
  } catch (error) {
    await guard[Symbol.asyncDispose]()
    throw error
  }
}

/** llama-server without speculation, and once more for each of `sets` of its flags. */
export async function serveLlama(
  binary: string,
  sets: readonly string[],
  options: ServingOptions & { readonly tokenizer: Tokenizer },
): Promise<Served> {
  await using stack = new DisposeStack()
  const sides: LoadSide[] = []
  for (const set of ['', ...sets]) {
    const own = set.split(' ').filter((word) => word !== '')
    const { slots, context } = options
    const name = [LLAMA_SERVER, ...own].join(' ')
    const flags = ['--parallel', String(slots), '--ctx-size', String(slots * context), ...own]
    const server = stack.use(await LlamaServer.start({ ...options, name, binary, flags }))
    const base = new URL(`http://127.0.0.1:${server.port}/`)
    sides.push({ name, plain: LLAMA_SERVER, base, body: {}, details: server.side.info.details })
  }
  return Object.assign(stack.move(), { sides })
}

// ---------------------------------------------------------------------------------------------------------------

const OFF = 'off'
const OFF_AGAIN = 'off again'
const MOST_WAITING = 10_000
const READY_LIMIT_MS = 5 * 60_000
const program = fileURLToPath(new URL('../../../bin/heterospec.cjs', import.meta.url))
