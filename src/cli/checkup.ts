/**
 * What `doctor` finds out about this machine: one plain record, everything that failed turned into a finding with
 * advice. Prints nothing and fetches nothing.
 */
import { accessSync, constants, mkdirSync } from 'node:fs'
import { availableParallelism, cpus, freemem, totalmem } from 'node:os'
import type { CostRow, Engine } from '../engine/index.ts'
import type { KernelReport } from '../ffi/index.ts'
import { resolveModel } from '../store/index.ts'
import { readEnvironment } from '../util/env.ts'
import type { Typed } from './flags.ts'
import type { ReadyHead } from './ready-head.ts'

/** Something that is not as it should be. */
export interface Finding {
  /** True when nothing runs without it. */
  readonly essential: boolean
  readonly message: string
}

export interface Checkup {
  readonly node: string
  readonly platform: string
  readonly cpu: {
    readonly model: string
    readonly logicalCores: number
    readonly usableCores: number
    readonly features: readonly string[]
  }
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number }
  readonly cacheDir: string
  /** Undefined when the libraries could not be loaded. */
  readonly library:
    | {
        readonly dir: string
        readonly ggmlVersion: string
        readonly ggmlCommit: string
        readonly cpuLibrary: string | undefined
        readonly devices: readonly string[]
        /** Which of our own kernels are used; with a reason and without a set, ggml's operations do all work. */
        readonly kernels: KernelReport
      }
    | undefined
  /** Undefined when it is not on this machine or could not be loaded. */
  readonly model:
    | {
        readonly name: string
        readonly path: string
        readonly architecture: string
        readonly weightBytes: number
        readonly kvBytes: number
        readonly context: number
        readonly threads: number
        /** The draft head that lies ready for it; null where there is none. */
        readonly draftHead: ReadyHead | null
      }
    | undefined
  /** Measured price of a target pass; empty without a model. */
  readonly passes: readonly CostRow[]
  readonly findings: readonly Finding[]
}

/**
 * Looks at everything. Never throws for what it finds; only an abort ends it early. `onBuild` is called when our kernels
 * are about to be compiled, which takes some seconds.
 */
export async function examine(typed: Typed, signal: AbortSignal, onBuild: () => void): Promise<Checkup> {
  const findings: Finding[] = []
  const { cacheDir } = readEnvironment()
  const cacheProblem = problemOfFolder(cacheDir)
  if (cacheProblem !== undefined) findings.push({ essential: false, message: cacheProblem })
  const { library, features } = await checkLibrary(findings, onBuild)
  const engine = library && (await checkModel(typed, signal, findings))
  const processors = cpus()
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: {
      model: processors[0]?.model.trim() ?? 'unknown',
      logicalCores: processors.length,
      usableCores: availableParallelism(),
      features,
    },
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    cacheDir,
    library,
    model: engine?.model,
    passes: engine?.passes ?? [],
    findings,
  }
}

// ---------------------------------------------------------------------------------------------------------------

type Library = Pick<Checkup, 'library'> & { readonly features: readonly string[] }

/** The import itself may fail: koffi has no binary for every platform. */
async function checkLibrary(findings: Finding[], onBuild: () => void): Promise<Library> {
  try {
    const { loadGgml, kernelReport } = await import('../ffi/index.ts')
    const ggml = loadGgml()
    ggml.llama()
    const { ggmlVersion, ggmlCommit, cpuLibrary, features } = ggml.probe
    const devices = ggml.devices.map(({ name, description }) => `${name}: ${description}`)
    const kernels = checkKernels(() => kernelReport({ onBuild }), findings)
    return { library: { dir: ggml.dir, ggmlVersion, ggmlCommit, cpuLibrary, devices, kernels }, features }
  } catch (error) {
    findings.push({ essential: true, message: messageOf(error) })
    return { library: undefined, features: [] }
  }
}

/** Without them everything runs, only slower; but what was asked for by name must be there. */
function checkKernels(report: () => KernelReport, findings: Finding[]): KernelReport {
  try {
    const kernels = report()
    const { reason, advice } = kernels
    if (reason !== undefined && advice !== undefined) {
      const message = `expected heterospec's own kernels, got none: ${reason}; ${advice}`
      findings.push({ essential: false, message })
    }
    return kernels
  } catch (error) {
    findings.push({ essential: true, message: messageOf(error) })
    return { reason: 'the chosen ones cannot be used' }
  }
}

async function checkModel(
  typed: Typed,
  signal: AbortSignal,
  findings: Finding[],
): Promise<Pick<Checkup, 'model' | 'passes'> | undefined> {
  const asked = typed['model'] as string | undefined
  try {
    const stored = await resolveModel(asked, { pull: false, signal })
    const { openFromFlags } = await importOpen()
    const settings = { signal, speculative: 'off', quiet: typed['json'] === true } as const
    await using engine = await openFromFlags({ ...typed, model: stored.path }, settings)
    const { spec, context, threads } = engine
    const { architecture, weightBytes } = spec
    const kvBytes = spec.kvBytesPerToken * context
    const draftHead = await checkHead(engine, stored.path, findings)
    const size = { weightBytes, kvBytes, context, threads }
    const model = { name: stored.name, path: stored.path, architecture, ...size, draftHead }
    return { model, passes: await engine.costTable() }
  } catch (error) {
    if (signal.aborted) throw error
    // The default model is fetched by the first run; a model that was asked for must be there.
    findings.push({ essential: asked !== undefined, message: messageOf(error) })
    return undefined
  }
}

/** A head that cannot be loaded stops nothing, but somebody should know. */
async function checkHead(engine: Engine, path: string, findings: Finding[]): Promise<ReadyHead | null> {
  const { readyHeadOf } = await import('./ready-head.ts')
  const head = readyHeadOf(path)
  if (head === null) return null
  try {
    await engine.lab.drafter({ drafter: { method: 'eagle3', path: head.path } })
    return head
  } catch (error) {
    findings.push({ essential: false, message: messageOf(error) })
    return null
  }
}

/** Not before the library was found. A function of its own, because tsc 6 leaves `.ts` in imports beside `using`. */
const importOpen = () => import('./open.ts')

function problemOfFolder(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK)
    return undefined
  } catch (error) {
    return `expected a cache folder that can be written, got ${folder} (${messageOf(error)}); name another in HETEROSPEC_CACHE`
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
