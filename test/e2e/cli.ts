/** Starts the real program for tests: the compiled one where it is fresh, else the sources. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** How a process ended and what it said. */
export interface Ended {
  /** Null when a signal killed it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  /** What is piped in; default: nothing, at once. */
  readonly stdin?: string | Uint8Array
  readonly env?: NodeJS.ProcessEnv
  /** File descriptor that takes stdout; default: `said.stdout`. */
  readonly stdout?: number
  /** The same for stderr. */
  readonly stderr?: number
  /** Commands of a shell that come before the program, in its process: limits, for example. */
  readonly before?: string
}

/** A running program, with all that it has said so far. */
export interface Running {
  readonly child: ChildProcess
  readonly said: { stdout: string; stderr: string }
  readonly ended: Promise<Ended>
  /** Waits until a text appears on a stream; fails when the program ends before. */
  until(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void>
}

/** An empty folder that the test run's machine cleans up some day. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'heterospec-cli-'))
}

/** Starts `heterospec ...args`. */
export function startCli(args: readonly string[], options: CliOptions = {}): Running {
  // The test runner's own wishes for colours are not the user's.
  const env = { ...process.env }
  delete env.NO_COLOR
  delete env.FORCE_COLOR
  Object.assign(env, options.env)
  const command = [...program, ...args]
  const shell = ['sh', '-c', `${options.before}\nexec "$@"`, 'sh', ...command]
  const [name = '', ...rest] = options.before === undefined ? command : shell
  const child = spawn(name, rest, {
    env,
    stdio: ['pipe', options.stdout ?? 'pipe', options.stderr ?? 'pipe'],
    cwd: root,
  })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8')
    child[name]?.on('data', (text: string) => (said[name] += text))
  }
  child.stdin?.on('error', () => undefined) // the program may end without reading
  child.stdin?.end(options.stdin)
  const ended = once(child, 'close').then(([code, signal]: unknown[]): Ended => {
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, ...said }
  })
  const until = async (stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void> => {
    const early = ended.then(() => {
      if (!pattern.test(said[stream])) throw new Error(`ended without ${String(pattern)} on ${stream}: ${said.stderr}`)
    })
    const source = child[stream]
    if (!source) throw new Error(`expected ${stream} to be a pipe`)
    while (!pattern.test(said[stream])) await Promise.race([once(source, 'data'), early])
  }
  return { child, said, ended, until }
}

/** Runs `heterospec ...args` to its end. */
export function cli(args: readonly string[], options: CliOptions = {}): Promise<Ended> {
  return startCli(args, options).ended
}

/** How work is ended in the middle. */
export interface Amidst {
  readonly begin: () => Running
  /** Resolves when it is in the middle, or over. */
  readonly reached: (running: Running) => Promise<void>
  readonly signal: NodeJS.Signals
  /** Undoes what was done. */
  readonly forget: () => void
}

/** Ends work in the middle. Where it came to its end before, because this process was not let run, it is begun anew. */
export async function endAmidst({ begin, reached, signal, forget }: Amidst): Promise<Ended> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const running = begin()
    await reached(running)
    running.child.kill(signal)
    const ended = await running.ended
    if (ended.code !== 0) return ended
    forget()
  }
  throw new Error('expected work that can be ended in the middle, got five ends before')
}

/** Waits until `done`, or until the program has ended. */
export async function untilTrue({ child }: Running, done: () => boolean): Promise<void> {
  while (!done() && child.exitCode === null && child.signalCode === null) await pause(5)
}

/** What a file holds; nothing where there is none, or none any more. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The last line of stdout, as JSON. */
export function lastLine(stdout: string): unknown {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}

// ---------------------------------------------------------------------------------------------------------------

const root = fileURLToPath(new URL('../..', import.meta.url))
const entry = freshBuild() ? [join(root, 'bin/heterospec.cjs')] : ['--import', 'tsx', join(root, 'src/cli/start.ts')]

/** How the program is started. */
export const program: readonly [string, ...string[]] = [process.execPath, ...entry]

function freshBuild(): boolean {
  const built = join(root, 'dist/bin/start.js')
  return existsSync(built) && statSync(built).mtimeMs > newest(join(root, 'src'))
}

function newest(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return Math.max(...files.map((file) => statSync(join(folder, file)).mtimeMs))
}
