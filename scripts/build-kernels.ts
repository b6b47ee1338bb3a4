/**
 * Compiles `native/` into `prebuilt/<platform>-<arch>/`, so that the packed package brings the library along. Part of
 * `npm run build`. Without a C compiler it says so and goes on: everything then runs on ggml's operations.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  buildKernels,
  findCompilers,
  kernelFileName,
  kernelsExistFor,
  prebuiltFolder,
  readKernelSources,
} from '../src/ffi/kernel-build.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
console.log(`kernels: ${build()}`)

// ---------------------------------------------------------------------------------------------------------------

function build(): string {
  const sources = readKernelSources(join(root, 'native'))
  if (!sources || !kernelsExistFor()) return 'none for this machine'
  const folder = prebuiltFolder(root)
  const name = kernelFileName(sources)
  if (existsSync(join(folder, name))) return `${name} is up to date`
  const compilers = findCompilers()
  if (compilers.length === 0) return "no C compiler found, so ggml's own operations will do all work"
  mkdirSync(folder, { recursive: true })
  const problems: string[] = []
  for (const compiler of compilers) {
    const { done, message } = buildKernels(sources, compiler, join(folder, name))
    if (done) {
      removeOthers(folder, name)
      return `${name} compiled with ${compiler.path}\n${message}`.trimEnd()
    }
    problems.push(`${compiler.path}: ${message}`)
  }
  return `not compiled, so ggml's own operations will do all work\n${problems.join('\n')}`
}

/** Libraries of older sources. */
function removeOthers(folder: string, name: string): void {
  const others = readdirSync(folder).filter((entry) => entry.startsWith('libheterospec-') && entry !== name)
  for (const other of others) rmSync(join(folder, other))
}
