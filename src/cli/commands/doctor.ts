/** `heterospec doctor`: is everything here, what can this machine do, and what does a pass of the model cost on it. */
import type { Command } from '@commander-js/extra-typings'
import { examine, type Checkup } from '../checkup.ts'
import { costTable } from '../cost-table.ts'
import { formatBytes, formatTable } from '../format.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { addModelOptions } from '../options.ts'
import { describeReadyHead } from '../ready-head.ts'

/** Adds options and action. */
export function define(command: Command): void {
  const withOwn = command.option('--json', 'print one JSON document')
  addModelOptions(command)
  withOwn
    .addHelpText('after', '\nFetches nothing. Ends with 1 when something is missing without which nothing runs.')
    .action(async (options) => {
      using interrupt = listenForInterrupt()
      const onBuild = (): void => {
        if (!options.json) console.error("compiling heterospec's own kernels, once ...")
      }
      const checkup = await examine(options, interrupt.signal, onBuild)
      console.log(options.json ? JSON.stringify(checkup) : describe(checkup))
      if (checkup.findings.some(({ essential }) => essential)) process.exitCode = 1
    })
}

// ---------------------------------------------------------------------------------------------------------------

type Kernels = NonNullable<Checkup['library']>['kernels']

function describe(checkup: Checkup): string {
  const parts = [formatTable([...machineRows(checkup), ...libraryRows(checkup), ...modelRows(checkup)])]
  if (checkup.passes.length > 0) parts.push(costTable(checkup.passes))
  const findings = checkup.findings.map(({ essential, message }) => `${essential ? 'MISSING' : 'note'}: ${message}`)
  parts.push(findings.length === 0 ? 'Everything is here.' : findings.join('\n'))
  return parts.join('\n\n')
}

function machineRows({ node, platform, cpu, memory, cacheDir }: Checkup): string[][] {
  return [
    ['node', `${node}, ${platform}`],
    ['processor', `${cpu.model}; ${cpu.usableCores} of ${cpu.logicalCores} logical cores usable`],
    ['memory', `${formatBytes(memory.freeBytes)} free of ${formatBytes(memory.totalBytes)}`],
    ['cache', cacheDir],
  ]
}

function libraryRows({ library, cpu }: Checkup): string[][] {
  if (!library) return [['library', 'not loaded']]
  return [
    ['library', `ggml ${library.ggmlVersion} (${library.ggmlCommit.slice(0, 10)}) in ${library.dir}`],
    ['variant', library.cpuLibrary ?? 'chosen by ggml'],
    ['features', cpu.features.join(' ') || 'none reported'],
    ...library.devices.map((device, index) => [index === 0 ? 'devices' : '', device]),
    ['kernels', describeKernels(library.kernels)],
  ]
}

/** A long reason stands below, beside what to do about it. */
function describeKernels({ set, origin, path, reason, advice }: Kernels): string {
  if (set !== undefined) return `${set}, ${origin === 'prebuilt' ? 'prebuilt' : 'compiled here'}: ${path ?? ''}`
  return `ggml's own operations${advice === undefined ? ` (ours: ${reason ?? ''})` : ', see below'}`
}

function modelRows({ model }: Checkup): string[][] {
  if (!model) return [['model', 'not loaded']]
  const { name, path, architecture, weightBytes, kvBytes, context, threads, draftHead } = model
  return [
    ['model', name === path ? path : `${name}, ${path}`],
    ['', `${architecture}, weights ${formatBytes(weightBytes)}, cache ${formatBytes(kvBytes)} for ${context} tokens`],
    ['threads', String(threads)],
    ['draft head', draftHead ? describeReadyHead(draftHead) : 'none for this model'],
  ]
}
