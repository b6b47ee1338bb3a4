/**
 * Loads heterospec's own kernels, once per process. No kernels is no error: everything then runs on ggml's operations, and
 * `kernelReport` says why. Only kernels that were asked for by name must be there.
 */
import { fileURLToPath } from 'node:url'
import koffi, { type LibraryHandle } from 'koffi'
import { readEnvironment } from '../util/env.ts'
import { UsageError } from '../util/errors.ts'
import { KERNEL_COMPUTE, kernelPrototypes, type KernelFunctions } from './abi.ts'
import { kernelOperations, kernelSets, type KernelOperation } from './kernel-build.ts'
import { findKernels, type FoundKernels, type NoKernels } from './kernel-find.ts'
import { loadGgml } from './library.ts'
import { NativeThread } from './native-thread.ts'
import { checkTensorLayout } from './tensor-layout.ts'

export type { KernelOperation }

/** The loaded library. */
export interface Kernels {
  readonly path: string
  /** Which set runs, e.g. `avx2`. */
  readonly set: string
  /** Addresses of functions for `ggml_custom_4d`. */
  readonly functions: Readonly<Record<KernelOperation, bigint>>
  /** Helper threads that share the work of an operation; null where the system gives none. Free it with `freePool`. */
  readonly createPool: KernelFunctions['hs_pool_new']
  readonly freePool: KernelFunctions['hs_pool_free']
  /** Fills `ids` and `values` with the largest of `count` numbers at `row`, best first, ties toward the smaller index. */
  readonly top: KernelFunctions['hs_top']
  /** Sets numbers that change the time of products, never a result. */
  readonly tune: KernelFunctions['hs_tune']
  /** Bytes of a matrix in tiles; 0 when this type or shape has none. */
  readonly packedBytes: KernelFunctions['hs_packed_bytes']
}

/** Which kernels are in use, or why none. */
export interface KernelReport {
  readonly set?: string
  readonly path?: string
  readonly origin?: FoundKernels['origin']
  readonly reason?: string
  /** What to do about the reason, where something can be done. */
  readonly advice?: string
}

export interface KernelOptions {
  /** `auto`, `off`, or the name of a set; default: `HETEROSPEC_KERNELS`, else `auto`. */
  readonly choice?: string | undefined
  readonly cacheDir?: string | undefined
  /** The package's folder; default: the one of this file. */
  readonly root?: string | undefined
  /** Called before the library is compiled, which takes some seconds and blocks. */
  readonly onBuild?: (() => void) | undefined
}

/**
 * The best kernels that this machine can run, or those that were chosen; undefined when there are none. Throws `bad-option`
 * for a choice that does not exist or that this machine cannot run.
 */
export function loadKernels(options: KernelOptions = {}): Kernels | undefined {
  return load(options).kernels
}

/** A new thread that computes graphs with these kernels: call it with a `struct hs_runner` and a graph. */
export function kernelThread({ path }: Kernels): NativeThread {
  return new NativeThread(path, KERNEL_COMPUTE)
}

/** What `loadKernels` found with the same options; loads them if nobody has. */
export function kernelReport(options: KernelOptions = {}): KernelReport {
  return load(options).report
}

// ---------------------------------------------------------------------------------------------------------------

interface Loaded {
  readonly kernels: Kernels | undefined
  readonly report: KernelReport
}

const loads = new Map<string, Loaded>()

/** Handles of loaded libraries: koffi unloads a library when its handle is collected. */
const handles = new Set<LibraryHandle>()

const packageRoot = fileURLToPath(new URL('../..', import.meta.url))

function load(options: KernelOptions): Loaded {
  const environment = readEnvironment()
  const choice = options.choice ?? environment.kernels ?? 'auto'
  const places = {
    root: options.root ?? packageRoot,
    cacheDir: options.cacheDir ?? environment.cacheDir,
    onBuild: options.onBuild,
  }
  const key = JSON.stringify([choice, places.root, places.cacheDir])
  const known = loads.get(key)
  if (known) return known
  const fresh = choose(choice, places)
  loads.set(key, fresh)
  return fresh
}

function choose(choice: string, places: Parameters<typeof findKernels>[0]): Loaded {
  if (choice === 'off') return none({ reason: 'they are switched off', advice: undefined })
  if (choice !== 'auto' && !kernelSets.includes(choice)) {
    const names = ['auto', 'off', ...kernelSets].join(', ')
    throw new UsageError('bad-option', `expected one of the kernels ${names}, got ${choice}; mend HETEROSPEC_KERNELS`)
  }
  const found = findKernels(places, choice === 'portable')
  const chosen = 'reason' in found ? found : checkChoice(choice, found)
  const ggml = loadGgml()
  const wrong = 'reason' in chosen ? undefined : checkTensorLayout(ggml.base)
  const result = wrong === undefined ? chosen : { reason: wrong, advice: 'install the version of ggml of this release' }
  if (!('reason' in result)) return open(result)
  if (choice === 'auto') return none(result)
  throw new UsageError(
    'bad-option',
    `expected the kernels ${choice}, got none: ${result.reason}; leave HETEROSPEC_KERNELS unset`,
  )
}

type Chosen = FoundKernels & { readonly set: string }

function checkChoice(choice: string, found: FoundKernels): Chosen | NoKernels {
  const set = choice === 'auto' ? found.sets[0] : choice
  if (set === undefined || !found.sets.includes(set)) {
    return { reason: `this machine can run ${found.sets.join(', ')}`, advice: undefined }
  }
  if (choice === 'auto' && set === 'portable') {
    return { reason: "this processor can run only the portable ones, which are slower than ggml's", advice: undefined }
  }
  return { ...found, set }
}

function none({ reason, advice }: NoKernels): Loaded {
  return { kernels: undefined, report: { reason, ...(advice === undefined ? {} : { advice }) } }
}

function open({ path, set, origin }: Chosen): Loaded {
  const other = [...loads.values()].find(({ kernels }) => kernels)?.kernels
  if (other && (other.path !== path || other.set !== set)) {
    throw new UsageError(
      'bad-option',
      `expected one set of kernels per process, got ${set} after ${other.set}; start a new process`,
    )
  }
  const library = koffi.load(path, { lazy: true })
  handles.add(library)
  const bound = Object.entries(kernelPrototypes).map(([name, prototype]) => [name, library.func(prototype)] as const)
  const native = Object.fromEntries(bound) as unknown as KernelFunctions
  if (native.hs_choose(set) !== 1) throw new Error(`kernels ${set} worked in the probe, but not here`)
  const functions = kernelOperations.map((name) => [name, library.symbol(`hs_${name}_op`) as bigint] as const)
  const kernels: Kernels = {
    path,
    set,
    functions: Object.fromEntries(functions) as Record<KernelOperation, bigint>,
    createPool: native.hs_pool_new,
    freePool: native.hs_pool_free,
    top: native.hs_top,
    tune: native.hs_tune,
    packedBytes: native.hs_packed_bytes,
  }
  return { kernels, report: { set, path, origin } }
}
