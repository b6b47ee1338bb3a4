/**
 * OpenAI's Python package against a server with a tiny model, or the one that `--model` says: makes an environment in a temporary folder, installs the pinned
 * package there, starts the server, runs `test/clients/openai_client.py`.
 *
 *     npm run test:python                                 (needs "npm run build", python3 with venv, and a network)
 *     npm run test:python -- --python env/bin/python      (an environment that has the package)
 *     npm run test:python -- --model smollm2-135m
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { resolveModel } from '../src/store/index.ts'
import { startServer } from './faults/server.ts'
import { makeTinyModel } from './make-tiny-model.ts'

/** What is tested. */
const PACKAGE = 'openai==3.54.0'

const { values } = parseArgs({ options: { python: { type: 'string' }, model: { type: 'string' } } })
const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

async function main(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'heterospec-python-'))
  try {
    const python = values.python ?? makeEnvironment(join(folder, 'env'))
    const model = values.model
      ? (await resolveModel(values.model)).path
      : ((await makeTinyModel(join(folder, 'tiny.gguf'), { weightType: 'q8_0' }))[0] ?? '')
    await using served = await startServer({
      program: [process.execPath, at('bin/heterospec.cjs')],
      ...{ model, cacheDir: join(folder, 'cache') },
      flags: [
        '--alias',
        'tiny',
        '--parallel',
        '2',
        '--pooling',
        'mean',
        '--api-key',
        'key',
        '--temperature',
        '0',
        '--max-tokens',
        '100',
        '--log-level',
        'error',
      ],
    })
    const ended = await runToEnd(python, [at('test/clients/openai_client.py')], served.url)
    process.stderr.write(served.log())
    return ended
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A Python environment with the package. Throws one sentence where something is missing. */
function makeEnvironment(folder: string): string {
  const python = join(folder, 'bin', 'python')
  mustRun('python3', ['--version'], 'expected Python 3 as python3, found none; install it')
  mustRun('python3', ['-m', 'venv', folder], 'expected the venv module of Python, it failed; install python3-venv')
  mustRun(
    python,
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', PACKAGE],
    `expected pip to install ${PACKAGE}, it failed; connect to a network, or name a python that has the package with --python`,
  )
  return python
}

function mustRun(command: string, args: readonly string[], message: string): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status === 0) return
  // What cannot be started has said nothing.
  const last = error ? error.message : stderr.trimEnd().split('\n').at(-1)
  throw new Error(`${message} (${last})`)
}

async function runToEnd(python: string, args: readonly string[], url: string): Promise<number> {
  const child = spawn(python, args, { stdio: 'inherit', env: { ...process.env, HETEROSPEC_URL: url } })
  const [code] = (await once(child, 'close')) as [number | null]
  return code ?? 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
