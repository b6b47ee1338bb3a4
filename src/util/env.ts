/** The only reader of environment variables and of the process's surroundings outside `cli/`. */
import { readFileSync } from 'node:fs'
import { cpus, homedir, platform } from 'node:os'
import { delimiter, join } from 'node:path'
import { systemErrorCode, UsageError } from './errors.ts'

export interface Environment {
  /** Folder for models and measurements (`HETEROSPEC_CACHE`, else the platform's convention). */
  readonly cacheDir: string
  /** Folder of draft heads that `auto` may use (`HETEROSPEC_HEADS`), or `off`. */
  readonly headsDir: string | undefined
  /** Folder with the ggml libraries (`HETEROSPEC_LIBRARY`), if the user names one. */
  readonly libraryDir: string | undefined
  /** File name of one CPU variant to force (`HETEROSPEC_CPU_VARIANT`, e.g. `haswell`). */
  readonly cpuVariant: string | undefined
  /** Which of heterospec's own kernels to use (`HETEROSPEC_KERNELS`): `auto`, `off`, or the name of a set. */
  readonly kernels: string | undefined
  /** The C compiler and its first arguments (`CC`), if the user names one. */
  readonly compiler: string | undefined
  /** Folders with programs (`PATH`), in order. */
  readonly programFolders: readonly string[]
  /** Threads for models when nobody says (`HETEROSPEC_THREADS`). Throws `bad-option` when read. */
  readonly threads: number | undefined
  /** Where model files are fetched from (`HF_ENDPOINT`). */
  readonly hubEndpoint: string
  /** Access token for gated models (`HF_TOKEN`). */
  readonly hubToken: string | undefined
  /** Keys that let requests into a server (`HETEROSPEC_API_KEYS`), separated by commas; empty where it is set and names none. */
  readonly apiKeys: readonly string[] | undefined
}

export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  return {
    cacheDir: filled(env.HETEROSPEC_CACHE) ?? defaultCacheDir(env),
    headsDir: filled(env.HETEROSPEC_HEADS),
    libraryDir: filled(env.HETEROSPEC_LIBRARY),
    cpuVariant: filled(env.HETEROSPEC_CPU_VARIANT),
    kernels: filled(env.HETEROSPEC_KERNELS),
    compiler: filled(env.CC?.trim()),
    programFolders: (env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''),
    // Only whoever asks for it is told what is wrong with it.
    get threads() {
      return threadsOf(filled(env.HETEROSPEC_THREADS))
    },
    hubEndpoint: filled(env.HF_ENDPOINT) ?? 'https://huggingface.co',
    hubToken: filled(env.HF_TOKEN),
    apiKeys: filled(env.HETEROSPEC_API_KEYS)
      ?.split(',')
      .flatMap((key) => filled(key.trim()) ?? []),
  }
}

/** An empty variable counts as unset, as in shells. */
function filled(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}

function threadsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const threads = Number(text)
  if (text.trim() !== '' && Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS) return threads
  const message = `expected a whole number from 1 to ${MOST_THREADS} in HETEROSPEC_THREADS, got "${text}"; correct it or empty it`
  throw new UsageError('bad-option', message)
}

/** As ggml has it (`GGML_MAX_N_THREADS`). */
export const MOST_THREADS = 512

/** The environment for a child process: ours, with some variables set. */
export function childEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, ...extra }
}

/** The processor's own name: measurements of one are not valid on another. */
export function cpuName(): string {
  return cpus()[0]?.model ?? 'unknown'
}

/** Operating system and processor family, e.g. `linux x64`. */
export function platformName(): string {
  return `${process.platform} ${process.arch}`
}

/** Version of Node.js, e.g. `v20.20.2`. */
export function nodeVersion(): string {
  return process.version
}

/** Most memory that this process has held at a time. */
export function peakMemoryBytes(): number {
  return 1024 * process.resourceUsage().maxRSS
}

/** Number of this process on this machine, for lock files. */
export function processId(): number {
  return process.pid
}

/** Processor time that this process has used so far, in milliseconds. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The program that runs us: for child processes in plain JavaScript. */
export function nodeProgram(): string {
  return process.execPath
}

/**
 * Whether a process of this machine still runs. A process of another user counts as running; one that ended and whose
 * parent did not ask how (in containers often nobody does) does not.
 */
export function processAlive(id: number): boolean {
  try {
    process.kill(id, 0)
    return !isZombie(id)
  } catch (error) {
    return systemErrorCode(error) === 'EPERM'
  }
}

function isZombie(id: number): boolean {
  if (platform() !== 'linux') return false
  try {
    return /^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${id}/stat`, 'utf8'))
  } catch {
    return false
  }
}

function defaultCacheDir(env: NodeJS.ProcessEnv): string {
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'heterospec')
  if (platform() === 'darwin') return join(homedir(), 'Library', 'Caches', 'heterospec')
  if (platform() === 'win32') return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'heterospec')
  return join(homedir(), '.cache', 'heterospec')
}
