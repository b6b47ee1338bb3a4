/** node-llama-cpp beside us: installing it where git does not look, starting it, asking it. Never a dependency. */
import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { findPackagedLibraries } from '../src/ffi/index.ts'
import { defined } from '../src/util/assert.ts'
import type { Outcome, Task } from './peer-methods.ts'

const FOLDER = new URL('peers/', import.meta.url)
const SCRIPT = new URL('peer-node-llama-cpp.mjs', import.meta.url)

/** What the process was loaded with, in its own words. */
export interface PeerFacts {
  readonly threads: number
  readonly context: number
  readonly flashAttention: boolean | string
  readonly mmap: boolean
  readonly llamaCpp: string
}

interface PeerOutcome extends Outcome {
  readonly idleMs: number
  readonly idleCpuMs: number
}

/** The release whose libraries we use: then both compute with the same ggml. */
export function wantedPeer(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    optionalDependencies: Readonly<Record<string, string>>
  }
  return defined(manifest.optionalDependencies['@node-llama-cpp/linux-x64'])
}

/** The installed release, if there is one. */
export function installedPeer(): string | undefined {
  const manifest = new URL('node_modules/node-llama-cpp/package.json', FOLDER)
  if (!existsSync(manifest)) return undefined
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}

/** Installs the package and the libraries for this platform, nothing for GPUs, into a folder of its own. */
export function installPeer(version: string): void {
  const platform = basename(findPackagedLibraries())
  mkdirSync(FOLDER, { recursive: true })
  const manifest = new URL('package.json', FOLDER)
  if (!existsSync(manifest)) writeFileSync(manifest, `${JSON.stringify({ private: true }, null, 2)}\n`)
  const packages = [`node-llama-cpp@${version}`, `@node-llama-cpp/${platform}@${version}`]
  const flags = ['--save-exact', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional']
  // What npm says goes to standard error: the last line of ours is JSON.
  execFileSync('npm', ['install', '--prefix', fileURLToPath(FOLDER), ...packages, ...flags], {
    cwd: FOLDER,
    stdio: ['ignore', 2, 2],
  })
}

/** One running process. Idle between two questions. */
export class Peer implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<unknown>
  #idleMs = 0
  #idleCpuMs = 0
  #awaitedMs = 0
  #ourCpuMs = 0

  constructor() {
    // No flags of ours: neither loader nor type stripping has a part in what is measured.
    this.#child = spawn(process.execPath, [fileURLToPath(SCRIPT)], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve))
  }

  /** What each process took of one processor while the other was measured. */
  get idleLoads(): { readonly theirs: number; readonly ours: number } {
    return { theirs: this.#idleCpuMs / this.#idleMs, ours: this.#ourCpuMs / this.#awaitedMs }
  }

  async load(settings: {
    readonly model: string
    readonly threads: number
    readonly context: number
    readonly ends: readonly number[]
  }): Promise<PeerFacts> {
    return (await this.#ask({ load: settings })) as PeerFacts
  }

  /** `lookup`: options of its predictor, null for plain decoding. */
  async decode(task: Task, lookup: object | null): Promise<Outcome> {
    const [started, cpu] = [performance.now(), process.cpuUsage()]
    const answer = await this.#ask({ decode: { ...task, lookup } })
    const { user, system } = process.cpuUsage(cpu)
    const { idleMs, idleCpuMs, ...outcome } = answer as PeerOutcome
    this.#awaitedMs += performance.now() - started
    this.#ourCpuMs += (user + system) / 1000
    this.#idleMs += idleMs
    this.#idleCpuMs += idleCpuMs
    return outcome
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end()
    await this.#ended
  }

  async #ask(message: object): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`)
    const line = await this.#lines.next()
    if (line.done) throw new Error('expected an answer from node-llama-cpp, its process ended; its own words are above')
    return JSON.parse(line.value) as unknown
  }
}
