/** Where and with what a measurement was taken: without it a figure means nothing. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { kernelReport, loadGgml } from '../src/ffi/index.ts'
import { loadGguf } from '../src/gguf/index.ts'
import { cpuName } from '../src/util/env.ts'

export interface Provenance {
  readonly model: string
  readonly fingerprint: string
  readonly threads: number
  /** The set of native kernels, e.g. `avx2`, or why there are none. */
  readonly kernels: string
  readonly cpu: string
  readonly processors: number
  readonly heterospec: string
  readonly ggml: string
  readonly cpuLibrary: string | undefined
  readonly node: string
  readonly date: string
}

/** `kernels`: whether native kernels were asked for. */
export function provenance(modelPath: string, threads: number, kernels: boolean): Provenance {
  const report = kernels ? kernelReport() : { reason: 'switched off by --kernels' }
  const { probe } = loadGgml()
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return {
    model: basename(modelPath),
    fingerprint: loadGguf(modelPath).fingerprint,
    threads,
    kernels: report.set ?? `none (${report.reason ?? 'unknown'})`,
    cpu: cpuName(),
    processors: availableParallelism(),
    heterospec: (JSON.parse(manifest) as { version: string }).version,
    ggml: `${probe.ggmlVersion} (${probe.ggmlCommit})`,
    cpuLibrary: probe.cpuLibrary,
    node: process.version,
    date: new Date().toISOString(),
  }
}

/** One line for people. */
export function describeRun(run: Provenance): string {
  const threads = run.threads === 1 ? '1 thread' : `${run.threads} threads`
  return `${run.model}, ${threads}, kernels ${run.kernels}, ${run.cpu} (${run.processors} processors), ggml ${run.ggml}`
}
