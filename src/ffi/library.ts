/**
 * Finds and loads the ggml libraries. Libraries are global to a process by nature, so this is the one place
 * that remembers something at module level: which folder was loaded.
 */
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import koffi, { type LibraryHandle } from 'koffi'
import { NativeError, UsageError } from '../util/errors.ts'
import { readEnvironment } from '../util/env.ts'
import {
  basePrototypes,
  COMPUTE,
  cpuPrototypes,
  llamaPrototypes,
  registryPrototypes,
  structs,
  type BaseFunctions,
  type CpuFunctions,
  type LlamaFunctions,
  type RegistryFunctions,
} from './abi.ts'
import { NativeThread } from './native-thread.ts'
import { isNull, type DevicePtr } from './pointer.ts'
import { probeLibraries, type ProbeReport } from './probe.ts'

/** Device types of ggml. */
export const DEVICE_CPU = 0

export interface Device {
  readonly pointer: DevicePtr
  readonly name: string
  readonly description: string
  readonly type: number
}

/** The loaded libraries. */
export interface Ggml {
  readonly dir: string
  readonly probe: ProbeReport
  readonly base: BaseFunctions
  readonly devices: readonly Device[]
  /** Functions of the CPU device; undefined when no CPU library is loaded. */
  readonly cpu: CpuFunctions | undefined
  /** A new thread that computes graphs: call it with a backend and a graph, it answers with ggml's status. */
  computeThread(): NativeThread
  /** Address of the function behind it, for callers in C. */
  readonly computeAddress: bigint
  /** ggml's own reading of a type; undefined for integers and for F32, which need none. */
  toFloat(type: number): ToFloat | undefined
  /** libllama, loaded on first use. */
  llama(): LlamaFunctions
}

/** Unpacks whole blocks into `count` numbers. */
export type ToFloat = (blocks: Uint8Array, values: Float32Array, count: number) => void

export interface LibraryOptions {
  /** Folder with the libraries; default: the installed package. */
  readonly dir?: string | undefined
  /** Force one CPU variant, e.g. `haswell`. */
  readonly cpuVariant?: string | undefined
}

const loaded = new Map<string, Ggml>()

/** Handles of loaded libraries. koffi unloads a library when its handle is collected, and ggml's registry with it. */
const handles = new Set<LibraryHandle>()

/** Loads the libraries once per process. Throws `library-missing`, `library-broken`. */
export function loadGgml(options: LibraryOptions = {}): Ggml {
  const environment = readEnvironment()
  const dir = options.dir ?? environment.libraryDir ?? findPackagedLibraries()
  const known = loaded.get(dir)
  if (known) return known
  if (loaded.size > 0) {
    throw new UsageError(
      'bad-option',
      `expected one folder of ggml libraries per process, got ${dir} after another; start a new process`,
    )
  }
  if (!existsSync(dir)) {
    throw new NativeError(
      'library-missing',
      `expected ggml libraries in ${dir}, found no such folder; ${howToInstall()}`,
    )
  }
  const ggml = open(dir, probeLibraries(dir, environment.cacheDir), options.cpuVariant ?? environment.cpuVariant)
  loaded.set(dir, ggml)
  return ggml
}

/** The folder of the installed `@node-llama-cpp/<platform>` package. Throws `library-missing`. */
export function findPackagedLibraries(): string {
  const name = `${platformNames[process.platform] ?? process.platform}-${process.arch}`
  for (const root of createRequire(import.meta.url).resolve.paths('koffi') ?? []) {
    for (const variant of [name, `${name}-metal`]) {
      const dir = join(root, '@node-llama-cpp', variant, 'bins', variant)
      if (existsSync(dir)) return dir
    }
  }
  throw new NativeError(
    'library-missing',
    `expected the package @node-llama-cpp/${name}, found none; ${howToInstall()}`,
  )
}

// ---------------------------------------------------------------------------------------------------------------

const platformNames: Partial<Record<NodeJS.Platform, string>> = { darwin: 'mac', win32: 'win' }

function howToInstall(): string {
  return 'run "npm install @node-llama-cpp/<platform>@3.22.1" (for example linux-x64), or name a folder in HETEROSPEC_LIBRARY'
}

function open(dir: string, probe: ProbeReport, cpuVariant: string | undefined): Ggml {
  // Calls get the most stack that koffi allows: some of libllama's tokenizers recurse once per character, and what runs on
  // koffi's own threads (128 KiB by default) is ggml too.
  koffi.config({ sync_stack_size: 16 << 20, async_stack_size: 4 << 20, async_heap_size: 1 << 20 })
  for (const [name, fields] of Object.entries(structs)) koffi.struct(name, fields)
  const files = readdirSync(dir)
  const find = (pattern: RegExp): string => {
    const name = files.find((file) => pattern.test(file))
    if (name === undefined)
      throw new NativeError('library-broken', `expected a file like ${pattern} in ${dir}, found none`)
    return join(dir, name)
  }
  const basePath = find(/^(lib)?ggml-base\./)
  const base = keep(koffi.load(basePath, { global: true, lazy: true }))
  const registry = keep(koffi.load(find(/^(lib)?ggml\.(?!.*cpu)/), { global: true, lazy: true }))
  const baseFunctions = bind<BaseFunctions>(base, basePrototypes)
  const registryFunctions = bind<RegistryFunctions>(registry, registryPrototypes)
  // A log callback into JavaScript deadlocks when a worker thread calls it, so the log goes to a harmless C function.
  const silence = base.symbol('ggml_time_init') as bigint
  baseFunctions.ggml_log_set(silence, null)
  loadDevices(registryFunctions, dir, probe, cpuVariant)
  const devices = listDevices(baseFunctions, registryFunctions)
  const cpuDevice = devices.find((device) => device.type === DEVICE_CPU)
  let llama: LlamaFunctions | undefined
  return {
    dir,
    probe,
    base: baseFunctions,
    devices,
    cpu: cpuDevice && bindCpu(baseFunctions, cpuDevice.pointer),
    toFloat: typeReader(baseFunctions),
    computeThread: () => new NativeThread(basePath, COMPUTE),
    computeAddress: base.symbol('ggml_backend_graph_compute') as bigint,
    llama() {
      if (llama) return llama
      const library = keep(koffi.load(find(/^(lib)?llama\./), { global: true, lazy: true }))
      llama = bind<LlamaFunctions>(library, llamaPrototypes)
      llama.llama_log_set(silence, null)
      llama.llama_backend_init()
      return llama
    },
  }
}

function keep(library: LibraryHandle): LibraryHandle {
  handles.add(library)
  return library
}

function loadDevices(
  registry: RegistryFunctions,
  dir: string,
  probe: ProbeReport,
  cpuVariant: string | undefined,
): void {
  if (cpuVariant === undefined && (probe.cpuLibrary === undefined || probe.devices.length > 1)) {
    registry.ggml_backend_load_all_from_path(dir)
    return
  }
  // The probe has already tried all variants: loading the winner alone saves a dozen dlopen calls at every start.
  const file = cpuVariant === undefined ? probe.cpuLibrary : `libggml-cpu-${cpuVariant}.so`
  if (isNull(registry.ggml_backend_load(join(dir, file ?? '')))) {
    throw new UsageError(
      'bad-option',
      `expected a CPU variant that this machine can run, got ${file ?? 'none'}; leave HETEROSPEC_CPU_VARIANT unset`,
    )
  }
}

function listDevices(base: BaseFunctions, registry: RegistryFunctions): Device[] {
  return Array.from({ length: registry.ggml_backend_dev_count() }, (_, index) => {
    const pointer = registry.ggml_backend_dev_get(index)
    return {
      pointer,
      name: base.ggml_backend_dev_name(pointer),
      description: base.ggml_backend_dev_description(pointer),
      type: base.ggml_backend_dev_type(pointer),
    }
  })
}

function bindCpu(base: BaseFunctions, device: DevicePtr): CpuFunctions {
  const registry = base.ggml_backend_dev_backend_reg(device)
  const functions: Record<string, unknown> = {}
  for (const [name, prototype] of Object.entries(cpuPrototypes)) {
    const address = base.ggml_backend_reg_get_proc_address(registry, name)
    if (address === null || isNull(address)) {
      throw new NativeError(
        'library-broken',
        `expected the CPU library to offer ${name}, it does not; install @node-llama-cpp 3.22.1`,
      )
    }
    functions[name] = koffi.decode(address, koffi.proto(prototype)) as unknown
  }
  return functions as unknown as CpuFunctions
}

/** Place of `to_float` in `ggml_type_traits` (ggml 0.25): behind a name, three sizes and a flag. */
const TO_FLOAT_AT = 40

/** The functions are behind pointers in a table of the library; each is bound once. */
function typeReader(base: BaseFunctions): Ggml['toFloat'] {
  const prototype = koffi.proto('void ggml_to_float(const void* blocks, void* values, int64_t count)')
  const known = new Map<number, ToFloat | undefined>()
  return (type) => {
    if (known.has(type)) return known.get(type)
    const address = koffi.decode(base.ggml_get_type_traits(type), TO_FLOAT_AT, 'void*') as bigint | null
    const none = address === null || isNull(address)
    const convert = none ? undefined : (koffi.decode(address, prototype) as ToFloat)
    known.set(type, convert)
    return convert
  }
}

function bind<Functions>(library: LibraryHandle, prototypes: Record<string, string>): Functions {
  const functions: Record<string, unknown> = {}
  for (const [name, prototype] of Object.entries(prototypes)) functions[name] = library.func(prototype)
  return functions as Functions
}
