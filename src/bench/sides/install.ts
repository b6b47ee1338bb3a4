/**
 * node-llama-cpp on disk: where it is looked for, and its installation on demand. It is no dependency of ours: it weighs
 * hundreds of megabytes, and nothing but this comparison needs it. It gets a folder of its own with a lock file of its own.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { findPackagedLibraries } from '../../ffi/index.ts'
import { childEnvironment, readEnvironment } from '../../util/env.ts'
import { UsageError, throwIfAborted } from '../../util/errors.ts'
import { isWorkingCopy, packageRoot } from '../../util/package.ts'

/** The release whose libraries we use: then both compute with the same ggml. */
export const NODE_LLAMA_CPP = '3.22.1'

export interface InstallOptions {
  /** Fetch it if it is not there. */
  readonly install: boolean
  readonly signal?: AbortSignal | undefined
  /** Called before an installation, which takes a while. */
  readonly onInstall?: (() => void) | undefined
  /** The program to call instead of npm; for tests. */
  readonly npm?: string | undefined
  /** How long npm may take. */
  readonly limitMs?: number | undefined
}

/** In a working copy `bench/peers`, which git ignores; else a folder of the cache. */
export function peerFolder(root: string = packageRoot(), cacheDir: string = readEnvironment().cacheDir): string {
  return isWorkingCopy(root) ? join(root, 'bench', 'peers') : join(cacheDir, 'peers')
}

/**
 * The module to import, as a URL; installs it if asked to. Throws `peer-failed` where it is not there or cannot be
 * fetched, with one sentence.
 */
export async function locateNodeLlamaCpp(folder: string, options: InstallOptions): Promise<string> {
  const found = installedVersion(folder)
  if (found !== NODE_LLAMA_CPP) {
    if (!options.install) {
      const got = found === undefined ? 'none' : `version ${found}`
      throw failure(`node-llama-cpp ${NODE_LLAMA_CPP} in ${folder}, found ${got}; add --install to fetch it with npm`)
    }
    options.onInstall?.()
    await install(folder, options)
    const now = installedVersion(folder)
    if (now !== NODE_LLAMA_CPP)
      throw failure(`npm to leave node-llama-cpp ${NODE_LLAMA_CPP} in ${folder}, found ${now ?? 'none'}; remove it`)
  }
  return pathToFileURL(createRequire(join(folder, 'package.json')).resolve('node-llama-cpp')).href
}

// ---------------------------------------------------------------------------------------------------------------

const INSTALL_LIMIT_MS = 15 * 60_000

function failure(sentence: string, cause?: unknown): UsageError {
  return new UsageError('peer-failed', `expected ${sentence}`, { cause })
}

function installedVersion(folder: string): string | undefined {
  const manifest = join(folder, 'node_modules', 'node-llama-cpp', 'package.json')
  if (!existsSync(manifest)) return undefined
  try {
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { version?: string }).version
  } catch {
    return undefined // torn by an interrupted installation
  }
}

/** The package and the libraries of this platform, none for GPUs, and no script of anybody is run. */
async function install(
  folder: string,
  { npm = 'npm', limitMs = INSTALL_LIMIT_MS, signal }: InstallOptions,
): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const manifest = join(folder, 'package.json')
  if (!existsSync(manifest)) writeFileSync(manifest, `${JSON.stringify({ private: true }, null, 2)}\n`)
  const packages = [
    `node-llama-cpp@${NODE_LLAMA_CPP}`,
    `@node-llama-cpp/${basename(findPackagedLibraries())}@${NODE_LLAMA_CPP}`,
  ]
  const flags = ['--save-exact', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional', '--loglevel=error']
  try {
    await promisify(execFile)(npm, ['install', '--prefix', folder, ...flags, ...packages], {
      cwd: folder,
      env: childEnvironment({ npm_config_omit_lockfile_registry_resolved: 'true' }),
      ...(signal ? { signal } : {}),
      timeout: limitMs,
      killSignal: 'SIGKILL',
      maxBuffer: 16 << 20,
    })
  } catch (error) {
    throwIfAborted(signal)
    throw failure(`npm to install node-llama-cpp ${NODE_LLAMA_CPP}, ${whyNot(error, npm, limitMs)}`, error)
  }
}

function whyNot(error: unknown, npm: string, limitMs: number): string {
  const { code, killed, stderr } = error as { code?: unknown; killed?: boolean; stderr?: string }
  if (code === 'ENOENT') return `found no program "${npm}"; install Node.js with npm`
  if (killed) return `it took longer than ${Math.round(limitMs / 1000)} s; check the network and try again`
  const lines = (stderr ?? '').split('\n').filter((line) => line.trim() !== '')
  return `it failed: ${lines.slice(0, 3).join(' | ') || String(error)}; check the network and try again`
}
