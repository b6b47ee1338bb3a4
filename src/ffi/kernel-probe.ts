/**
 * Tries a library of kernels in a child process before this one loads it: a damaged file or an illegal instruction ends
 * the child. The answer, good or bad, is remembered by the file's identity and the processor, so a usual start asks nobody.
 */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { cpuName } from '../util/env.ts'
import { readNote, writeNote } from '../util/notes.ts'
import { kernelPrototypes } from './abi.ts'
import { kernelOperations, KERNELS_ABI, kernelSets } from './kernel-build.ts'
import { askChild } from './probe.ts'

/** What this machine can do with a library. */
export interface KernelProbe {
  /** Sets of kernels that this processor can run, best first; empty when the library is no good. */
  readonly sets: readonly string[]
  /** Why it is no good. */
  readonly reason: string | undefined
  /** False when another try may end otherwise. */
  readonly final: boolean
}

/** Tries the library at `path`, or returns what is remembered in `folder`. Undefined when there is no such file. */
export function probeKernels(path: string, folder: string): KernelProbe | undefined {
  const key = identityOf(path)
  if (key === undefined) return undefined
  const known = readNote(folder, key) as KernelProbe | undefined
  if (known) return known
  const { answer, why, signal } = askChild(childSource, [path, kernelSets.join(' '), kernelSymbols().join(' ')])
  // Somebody who stops the child, or a machine short of memory, says nothing about the library.
  const final = signal === null || crashes.includes(signal)
  const report = { ...judge(answer as Answer | undefined, why), final }
  if (final) writeNote(folder, key, report)
  return report
}

/** Everything that a library has to export. */
export function kernelSymbols(): readonly string[] {
  return ['hs_compute', ...Object.keys(kernelPrototypes), ...kernelOperations.map((name) => `hs_${name}_op`)]
}

// ---------------------------------------------------------------------------------------------------------------

interface Answer {
  readonly abi: number
  readonly sets: readonly string[]
}

const crashes: readonly NodeJS.Signals[] = ['SIGILL', 'SIGTRAP', 'SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGFPE']

/**
 * Plain JavaScript, see `askChild`. Each set rounds one row of 32 numbers: that needs the instructions that the set is
 * made for. The tensors are laid out as `native/heterospec.h` says.
 */
const childSource = `
const [, koffiPath, path, names, symbols] = process.argv
const koffi = require(koffiPath)
const library = koffi.load(path)
const choose = library.func('int hs_choose(const char* name)')
const name = library.func('const char* hs_kernels()')
for (const symbol of symbols.split(' ')) library.symbol(symbol)
const quantise = library.func('void hs_quantise_op(void* dst, int ith, int nth, const void* p)')
const memory = (bytes) => {
  const at = BigInt.asUintN(64, koffi.alloc('uint8_t', bytes + 63) + 63n) & ~63n
  return { at, view: new DataView(koffi.view(at, bytes)) }
}
const tensor = (type, ne, bytes, data) => {
  const { at, view } = memory(336)
  view.setInt32(0, type, true)
  let step = bytes
  for (let i = 0; i < 4; i++) {
    view.setBigInt64(16 + 8 * i, BigInt(ne[i]), true)
    view.setBigInt64(48 + 8 * i, BigInt(step), true)
    step *= ne[i]
  }
  view.setBigInt64(248, data, true)
  return { at, view }
}
const input = tensor(0, [32, 1, 1, 1], 4, memory(192).at)
const output = tensor(24, [64, 1, 1, 1], 1, memory(192).at)
output.view.setBigInt64(152, input.at, true)
const none = memory(64).at
const sets = []
for (const set of names.split(' ')) {
  if (!choose(set)) continue
  if (name() !== set) throw new Error('Error: asked for ' + set + ', got ' + name())
  quantise(output.at, 0, 1, none)
  sets.push(set)
}
console.log('PROBE ' + JSON.stringify({ abi: library.func('int hs_abi()')(), sets }))
`

function judge(answer: Answer | undefined, why: string): Omit<KernelProbe, 'final'> {
  if (answer === undefined) return { sets: [], reason: `it does not work here (${why})` }
  const { abi, sets } = answer
  if (abi !== KERNELS_ABI) return { sets: [], reason: `it has interface ${abi} instead of ${KERNELS_ABI}` }
  if (sets.length === 0) return { sets: [], reason: 'it offers no kernels' }
  return { sets, reason: undefined }
}

function identityOf(path: string): string | undefined {
  let file
  try {
    file = statSync(path)
  } catch {
    return undefined
  }
  const identity = JSON.stringify([
    path,
    file.size,
    file.mtimeMs,
    KERNELS_ABI,
    kernelOperations,
    childSource,
    cpuName(),
  ])
  return `probe-${createHash('sha256').update(identity).digest('hex').slice(0, 24)}`
}
