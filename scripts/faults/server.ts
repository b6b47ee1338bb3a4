/** A real `heterospec serve` process for fault tests, and a look into it: memory after collection, open handles, processor time. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'

/** How `heterospec` is started. */
export type Program = readonly [command: string, ...args: string[]]

/** What is served, and how. */
export interface ServeOptions {
  /** node and the program's entry. */
  readonly program: Program
  /** A model's name or file. */
  readonly model: string
  /** Folder for what the server remembers between runs. */
  readonly cacheDir: string
  /** Further flags. */
  readonly flags?: readonly string[]
  /** Most files and connections that the process may have open. Default: the system's limit. */
  readonly files?: number
}

/** What a process holds. Bytes; `resources` by kind as Node counts what keeps it busy. */
export interface Holding {
  readonly residentBytes: number
  /** Objects and buffers of JavaScript, after a collection. */
  readonly heapBytes: number
  readonly resources: Readonly<Record<string, number>>
  /** Open file descriptors; undefined where the system does not list them. */
  readonly descriptors: number | undefined
}

/** A running server. */
export interface Served extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly child: ChildProcess
  /** All that it wrote to stderr. */
  readonly log: () => string
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  readonly alive: () => boolean
  /** Collects garbage in the server and counts. */
  holding(): Promise<Holding>
  /** Milliseconds of processor time since the start, all threads. */
  cpuMs(): Promise<number>
}

/** Starts a server on a free port; resolves when it listens, throws what it said when it ends before. */
export async function startServer(options: ServeOptions): Promise<Served> {
  const { child, said, ended } = spawnServer(options)
  const state = { alive: true }
  void ended.then(() => (state.alive = false))
  const listening = /listening on (http:\S+)/
  while (!listening.test(said.stdout)) {
    const more = child.stdout ? once(child.stdout, 'data') : ended
    await Promise.race([more, ended])
    if (!state.alive) throw new Error(`heterospec serve ended: ${said.stderr}`)
  }
  const url = listening.exec(said.stdout)?.[1] ?? ''
  return {
    ...{ url, child, ended },
    port: Number(new URL(url).port),
    log: () => said.stderr,
    alive: () => state.alive,
    async holding() {
      child.send('held')
      const [counted] = (await once(child, 'message')) as [Omit<Holding, 'descriptors'>]
      return { ...counted, descriptors: descriptorsOf(child.pid) }
    },
    async cpuMs() {
      child.send('processor')
      const [used] = (await once(child, 'message')) as [number]
      return used
    },
    async [Symbol.asyncDispose]() {
      if (state.alive) child.kill('SIGKILL')
      await ended
    },
  }
}

/** A server's process from its first moment on. */
export interface Spawned {
  readonly child: ChildProcess
  /** All that it wrote so far. */
  readonly said: { readonly stdout: string; readonly stderr: string }
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/** Starts a server and waits for nothing. */
export function spawnServer({ program, model, cacheDir, flags = [], files }: ServeOptions): Spawned {
  const [node, ...first] = program
  const command = [node, '--expose-gc', '--import', probe, ...first, 'serve', model, '--port', '0', '--quiet', ...flags]
  const limit = ['sh', '-c', `ulimit -n ${files}\nexec "$@"`, 'sh']
  const [name = '', ...args] = files === undefined ? command : [...limit, ...command]
  const env = { ...process.env, HETEROSPEC_CACHE: cacheDir, HETEROSPEC_API_KEYS: '' }
  const child = spawn(name, args, { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const said = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => (code ?? signal) as number | NodeJS.Signals)
  return { child, said, ended }
}

// ---------------------------------------------------------------------------------------------------------------

/** Runs inside the server: answers each message with counts. Its own channel keeps nothing alive. */
const probe = `data:text/javascript,${encodeURIComponent(`
const processor = () => process.send((process.cpuUsage().user + process.cpuUsage().system) / 1000)
const held = () => {
  gc(); gc()
  setTimeout(() => {
    gc()
    const { rss, heapUsed, external } = process.memoryUsage()
    const resources = {}
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
    process.send({ residentBytes: rss, heapBytes: heapUsed + external, resources })
  }, 50)
}
process.on('message', (what) => (what === 'held' ? held() : processor()))
process.channel.unref()
`)}`

function descriptorsOf(pid: number | undefined): number | undefined {
  const folder = `/proc/${pid}/fd`
  return existsSync(folder) ? readdirSync(folder).length : undefined
}
