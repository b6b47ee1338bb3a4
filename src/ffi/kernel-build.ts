/**
 * How heterospec's own C library is compiled: sources, flags, compilers. The one place that knows: `npm run build`, the
 * tests and a first start without a prebuilt library all come here. Nothing is remembered and nothing is loaded here.
 */
import { spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { arch, availableParallelism, platform } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { readEnvironment, type Environment } from '../util/env.ts'
import { askChild } from './probe.ts'

/** `HS_ABI` of `native/heterospec.h` that the callers in TypeScript are written for. */
export const KERNELS_ABI = 6

/** All sets of kernels, best first; `portable` runs everywhere but is not worth it beside ggml. */
export const kernelSets: readonly string[] = ['avx512-vnni', 'avx2', 'neon-dotprod', 'portable']

/** The operations, by their names in `native/heterospec.h` (`hs_..._op`). */
export const kernelOperations = [
  'norm',
  'quantise',
  'swiglu',
  'sums',
  'linear',
  'rope',
  'store',
  'attend',
  'embed',
  'pack',
] as const
export type KernelOperation = (typeof kernelOperations)[number]

/** The C sources as they are now. */
export interface KernelSources {
  readonly folder: string
  /** Files to compile, by name. */
  readonly units: readonly string[]
  /** Fingerprint of sources, flags and kind of machine: twelve hexadecimal digits. */
  readonly id: string
}

/** A C compiler of this machine. */
export interface Compiler {
  readonly path: string
  readonly args: readonly string[]
  /** Another one after an update or a change of settings. */
  readonly identity: string
}

/** What became of a compilation. */
export interface BuildOutcome {
  readonly done: boolean
  /** The compiler's first lines when it is not done, else its warnings. */
  readonly message: string
  /** True when the same compiler would say the same again. */
  readonly final: boolean
}

/** Whether there are kernels for this kind of machine that are worth compiling. */
export function kernelsExistFor(system: string = platform(), processor: string = arch()): boolean {
  return (system === 'linux' || system === 'darwin') && processor in setFlags
}

/** Flags for one source file on a processor architecture (Node's name of it). */
export function compileFlags(unit: string, processor: string = arch()): readonly string[] {
  return [...commonFlags, ...(setFlags[processor]?.[unit] ?? [])]
}

/** Reads the sources in `folder`; undefined when there are none. */
export function readKernelSources(folder: string): KernelSources | undefined {
  const names = listFolder(folder).filter((name) => /\.(c|h|inc)$/.test(name))
  const units = names.filter((name) => name.endsWith('.c'))
  if (units.length === 0) return undefined
  const hash = createHash('sha256')
  hash.update(JSON.stringify([KERNELS_ABI, platform(), arch(), commonFlags, setFlags[arch()], linkFlags()]))
  for (const name of names) hash.update(`\n${name}\n`).update(readFileSync(join(folder, name)))
  return { folder, units, id: hash.digest('hex').slice(0, 12) }
}

/** The name of the library that these sources make. */
export function kernelFileName(sources: KernelSources): string {
  return `libheterospec-${sources.id}.so`
}

/** The folder of the package at `root` with the libraries that were compiled before it was packed. */
export function prebuiltFolder(root: string): string {
  return join(root, 'prebuilt', `${platform()}-${arch()}`)
}

/** The C compilers to try, best first: the one that `CC` names, else those that are usual. */
export function findCompilers(environment: Environment = readEnvironment()): Compiler[] {
  const commands = environment.compiler === undefined ? ['cc', 'gcc', 'clang'] : [environment.compiler]
  const found = new Map<string, Compiler>()
  for (const command of commands) {
    const [program = '', ...args] = command.split(/\s+/)
    const path = locate(program, environment.programFolders)
    if (path === undefined) continue
    const real = realpathSync(path)
    const { size, mtimeMs } = statSync(real)
    // One name may be a link to another; what is called by its name (ccache) is not the same under two.
    const identity = [basename(real).includes('ccache') ? path : real, size, mtimeMs, ...args].join(' ')
    if (!found.has(identity)) found.set(identity, { path, args, identity })
  }
  return [...found.values()]
}

/** The first line that a compiler says about itself. */
export function compilerVersion({ path, args }: Compiler): string {
  const child = spawnSync(path, [...args, '--version'], { encoding: 'utf8', timeout: 10_000 })
  return firstLines(child.stdout, 1) || 'unknown version'
}

/**
 * Compiles the sources to the library `target`: whole or not at all, so that processes may do it side by side. Takes
 * many seconds and blocks meanwhile.
 */
export function buildKernels(sources: KernelSources, compiler: Compiler, target: string): BuildOutcome {
  const work = join(dirname(target), `build-${randomUUID()}`)
  try {
    removeLeftovers(dirname(target))
    mkdirSync(work, { recursive: true })
  } catch (error) {
    return { done: false, message: messageOf(error), final: false }
  }
  try {
    const objects = sources.units.map((unit) => unit.replace(/c$/, 'o'))
    const commands = sources.units.map((unit, index) => {
      return [...compileFlags(unit), '-c', join(sources.folder, unit), '-o', objects[index] ?? '']
    })
    const outcome = runCompiler(compiler, [...commands, ['-shared', '-o', 'library', ...objects, ...linkFlags()]], work)
    if (outcome.done) renameSync(join(work, 'library'), target)
    return outcome
  } catch (error) {
    // A full disk: no fault of the compiler.
    return { done: false, message: messageOf(error), final: false }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** No -ffast-math and no contraction: a row's bits must not depend on what the compiler finds convenient. */
const commonFlags: readonly string[] = [
  ...['-std=gnu11', '-O3', '-fPIC', '-fvisibility=hidden', '-Wall', '-Wextra'],
  ...['-ffp-contract=off', '-fno-math-errno', '-pthread'],
]

function linkFlags(system: string = platform()): readonly string[] {
  // What is missing shall be told by the linker, not by the first call. macOS does so anyway.
  return [...(system === 'linux' ? ['-Wl,--no-undefined'] : []), '-pthread', '-lm']
}

/** By architecture and file: what a set of kernels may use. Which set runs is decided at run time, from the processor. */
const setFlags: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  x64: {
    'isa_avx512.c': [
      ...['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mavx512vnni'],
      ...['-mfma', '-mf16c', '-mavx2'],
    ],
    'isa_avx2.c': ['-mavx2', '-mfma', '-mf16c'],
  },
  arm64: { 'isa_neon.c': ['-march=armv8.2-a+dotprod+fp16'] },
}

const COMPILE_TIMEOUT_MS = 300_000
const LEFTOVER_AGE_MS = 3_600_000

/** How one call of a compiler ended. */
interface Call {
  readonly status: number | null
  readonly stderr: string
  /** Why there is no exit code. */
  readonly why: string
  readonly timedOut: boolean
}

/** For `askChild`: runs commands side by side, because one file may take longer than all others; the last one after them. */
const childSource = `
const { spawn } = require('node:child_process')
const [, , path, commandText, cwd, atOnce, timeout] = process.argv
const commands = JSON.parse(commandText), last = commands.pop(), calls = []
const call = (args) => new Promise((resolve) => {
  const child = spawn(path, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], timeout: Number(timeout) })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => { if (stderr.length < 20000) stderr += text })
  child.on('error', (error) => resolve({ status: null, stderr, why: error.message, timedOut: false }))
  child.on('close', (status, signal) => resolve({ status, stderr, why: signal || '', timedOut: child.killed }))
})
let next = 0
const worker = async () => { while (next < commands.length) { const index = next++; calls[index] = await call(commands[index]) } }
Promise.all(Array.from({ length: Number(atOnce) }, worker)).then(async () => {
  if (calls.every(({ status }) => status === 0)) calls.push(await call(last))
  console.log('PROBE ' + JSON.stringify(calls))
})
`

function runCompiler({ path, args }: Compiler, rest: readonly (readonly string[])[], cwd: string): BuildOutcome {
  const commands = JSON.stringify(rest.map((command) => [...args, ...command]))
  const settings = [path, commands, cwd, String(availableParallelism()), String(COMPILE_TIMEOUT_MS)]
  const { answer, why } = askChild(childSource, settings, rest.length * COMPILE_TIMEOUT_MS)
  if (answer === undefined) return { done: false, message: why, final: false }
  const calls = answer as readonly Call[]
  const failed = calls.find(({ status }) => status !== 0)
  if (!failed) return { done: true, message: calls.map(({ stderr }) => stderr).join(''), final: true }
  const { status, stderr, timedOut } = failed
  const end = timedOut
    ? `no end after ${COMPILE_TIMEOUT_MS / 1000} s`
    : failed.why || `exit code ${status ?? 'unknown'}`
  // A signal is somebody who stops us, or a machine short of memory: another time it may go well.
  return { done: false, message: firstLines(stderr, 3) || end, final: status !== null || timedOut }
}

/** The first lines with something to say: the error itself where there is one. */
function firstLines(text: string | null, count: number): string {
  const lines = (text ?? '').split('\n').filter((line) => line.trim() !== '')
  const start = lines.findIndex((line) => /error|undefined/i.test(line))
  return lines.slice(Math.max(0, start), Math.max(0, start) + count).join('\n')
}

function locate(program: string, folders: readonly string[]): string | undefined {
  const candidates = program.includes('/') ? [program] : folders.map((folder) => join(folder, program))
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    } catch {
      return false
    }
  })
}

/** Folders of builds that were killed. */
function removeLeftovers(folder: string): void {
  for (const name of listFolder(folder).filter((entry) => entry.startsWith('build-'))) {
    const path = join(folder, name)
    try {
      if (Date.now() - statSync(path).mtimeMs > LEFTOVER_AGE_MS) rmSync(path, { recursive: true, force: true })
    } catch {
      continue // another process was faster
    }
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
