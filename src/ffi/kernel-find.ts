/**
 * Finds a library of kernels that works here: prebuilt in the package, else built before and kept in the cache, else
 * compiled now. What failed is remembered with its compiler, so that no start tries it again in vain.
 */
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { arch, platform } from 'node:os'
import { join } from 'node:path'
import { readEnvironment } from '../util/env.ts'
import { readNote, writeNote } from '../util/notes.ts'
import {
  buildKernels,
  compilerVersion,
  findCompilers,
  kernelFileName,
  kernelsExistFor,
  prebuiltFolder,
  readKernelSources,
  type Compiler,
  type KernelSources,
} from './kernel-build.ts'
import { probeKernels } from './kernel-probe.ts'

/** Where to look, and whom to tell. */
export interface KernelPlaces {
  /** The package's own folder, with `native/` and perhaps `prebuilt/`. */
  readonly root: string
  readonly cacheDir: string
  /** Called before a compilation, which takes some seconds. */
  readonly onBuild?: (() => void) | undefined
}

/** A library that works here. */
export interface FoundKernels {
  readonly path: string
  readonly origin: 'prebuilt' | 'cache' | 'built'
  /** Sets of kernels that this processor can run, best first. */
  readonly sets: readonly string[]
}

/** Why there is none. */
export interface NoKernels {
  readonly reason: string
  /** What to do about it; undefined when nothing can be done or need be. */
  readonly advice: string | undefined
}

/** Looks in all places. `anywhere` compiles even for machines that have nothing better than portable kernels. */
export function findKernels(places: KernelPlaces, anywhere = false): FoundKernels | NoKernels {
  if (!anywhere && !kernelsExistFor()) {
    return {
      reason: `there are none for ${platform()} on ${arch()} that would be faster than ggml's`,
      advice: undefined,
    }
  }
  const folder = join(places.root, 'native')
  const sources = readKernelSources(folder)
  if (!sources) return { reason: `their sources are not in ${folder}`, advice: 'reinstall heterospec' }
  const name = kernelFileName(sources)
  const cache = cacheFolder(places)
  const candidates = [
    { path: join(prebuiltFolder(places.root), name), origin: 'prebuilt' as const },
    { path: join(cache, name), origin: 'cache' as const },
  ]
  const broken: string[] = []
  for (const { path, origin } of candidates) {
    const probe = probeKernels(path, cache)
    if (probe?.reason === undefined && probe) return { path, origin, sets: probe.sets }
    if (probe) broken.push(`${path}: ${probe.reason ?? ''}; `)
  }
  const built = build(sources, join(cache, name), places)
  return 'reason' in built ? { ...built, reason: broken.join('') + built.reason } : built
}

// ---------------------------------------------------------------------------------------------------------------

interface Failure {
  readonly compiler: string
  readonly version: string
  readonly message: string
}

function cacheFolder({ cacheDir }: KernelPlaces): string {
  return join(cacheDir, 'kernels')
}

function build(sources: KernelSources, target: string, places: KernelPlaces): FoundKernels | NoKernels {
  const compilers = findCompilers()
  if (compilers.length === 0) {
    const { compiler } = readEnvironment()
    const which = compiler === undefined ? '' : ` under the name in CC (${compiler})`
    return {
      reason: `no prebuilt library fits, and no C compiler was found${which}`,
      advice: 'install gcc or clang',
    }
  }
  const folder = cacheFolder(places)
  const key = failureKey(sources, compilers)
  const known = readNote(folder, key) as readonly Failure[] | undefined
  if (known) return describe(known, join(folder, `${key}.json`))
  places.onBuild?.()
  const failures: Failure[] = []
  let final = true
  for (const compiler of compilers) {
    const outcome = buildKernels(sources, compiler, target)
    const probe = outcome.done ? probeKernels(target, folder) : undefined
    if (probe && probe.reason === undefined) return { path: target, origin: 'built', sets: probe.sets }
    const message = outcome.done ? `it compiles, but ${probe?.reason ?? 'it is gone'}` : outcome.message
    failures.push({ compiler: compiler.path, version: compilerVersion(compiler), message })
    final &&= probe?.final ?? outcome.final
    if (outcome.done) rmSync(target, { force: true })
  }
  if (!final) return describe(failures, undefined)
  writeNote(folder, key, failures)
  return describe(failures, join(folder, `${key}.json`))
}

function failureKey(sources: KernelSources, compilers: readonly Compiler[]): string {
  const hash = createHash('sha256').update(compilers.map(({ identity }) => identity).join('\n'))
  return `failed-${sources.id}-${hash.digest('hex').slice(0, 12)}`
}

function describe(failures: readonly Failure[], note: string | undefined): NoKernels {
  const all = failures.map(({ compiler, version, message }) => `${compiler} (${version}): ${message}`)
  const again = note === undefined ? '' : `, or remove ${note} to try again`
  return {
    reason: `they could not be compiled: ${all.join('; ')}`,
    advice: `install another gcc or clang (or name one in CC)${again}`,
  }
}
