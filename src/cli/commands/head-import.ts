/** `heterospec head import`: a published EAGLE-3 head becomes a GGUF file for its target. */
import { existsSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { Command } from '@commander-js/extra-typings'
import * as z from 'zod'
import { loadGguf } from '../../gguf/index.ts'
import { pullFolder } from '../../store/index.ts'
import { chooseHeadFiles, findHead, importHead, readHeadType, writeHead, type ImportedHead } from '../../train/index.ts'
import { UsageError } from '../../util/errors.ts'
import { flagsOf, readFlags, type FlagGroup, type Typed } from '../flags.ts'
import { headTypeHelp } from '../head-files.ts'
import { formatBytes } from '../format.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { locateModel } from '../open.ts'
import { addFlags } from '../options.ts'
import { createProgress, createPullReport } from '../progress.ts'

const importOptions = z.strictObject({
  target: z.string().optional().describe('the model that the head drafts for: a name, a path, or hf:... (required)'),
  out: z.string().optional().describe('the file to write (required)'),
  type: z.string().default('q8_0').describe(headTypeHelp),
  force: z.boolean().default(false).describe('replace a file that is there'),
  quiet: z.boolean().default(false).describe('no progress'),
})

const group: FlagGroup = { title: 'Import', flags: flagsOf(importOptions) }

/** Adds argument, options and action. */
export function define(command: Command): void {
  const withArgument = command.argument(
    '<source>',
    'a folder, a .safetensors file beside its config.json, or hf:user/repo',
  )
  addFlags(command, group)
  withArgument.addHelpText('after', notes).action((source, options) => run(source, options))
}

// ---------------------------------------------------------------------------------------------------------------

const notes = `
Reads heads of the official EAGLE repository, of SpecForge, of Red Hat's speculators, and of trainers that write
tap_layers. The head must have been trained for the target; the quantisation of the target may be another. The path of the
file goes to stdout.

Examples:
  heterospec head import ./EAGLE3-head --target model.gguf --out head.gguf
  heterospec head import hf:user/repo --target hf:user/model:Q4_K_M --out head.gguf --type q4_0
  heterospec run --model model.gguf --draft-head head.gguf "Why is the sky blue?"`

async function run(source: string, typed: Typed): Promise<void> {
  const { target, out, force, quiet, ...more } = importOptions.parse(readFlags(typed, group.flags))
  const type = readHeadType(more.type)
  if (target === undefined) throw required('--target', 'the model that the head drafts for')
  if (out === undefined) throw required('--out', 'the file to write')
  if (!force && existsSync(out)) {
    throw new UsageError('bad-option', `expected no file at ${out}, got one; add --force to replace it`)
  }
  if (!existsSync(dirname(resolve(out)))) {
    throw new UsageError(
      'bad-option',
      `expected a folder for ${out}, got none at ${dirname(resolve(out))}; make it first`,
    )
  }
  using interrupt = listenForInterrupt()
  const { signal } = interrupt
  const found = await findHead(await locate(source, signal, quiet))
  const { path } = await locateModel({ model: target }, { signal, quiet })
  if (resolve(out) === path)
    throw new UsageError('bad-option', `expected a file of its own for --out, got the target's; choose another name`)
  const model = loadGguf(path)
  const progress = quiet ? undefined : createProgress('reading weights', 'bytes')
  let head: ImportedHead
  try {
    const onProgress = (done: number, total: number): void => progress?.update(done, total)
    head = await importHead(found, model, { name: nameOf(source), signal, onProgress })
  } finally {
    progress?.stop()
  }
  await writeHead(out, head.contents, model, type, signal)
  if (!quiet) console.error(describe(head, loadGguf(out).tensorBytes))
  console.log(resolve(out))
}

async function locate(source: string, signal: AbortSignal, quiet: boolean): Promise<string> {
  if (!source.startsWith('hf:')) return source
  const report = createPullReport()
  try {
    return await pullFolder(source, (paths) => chooseHeadFiles(paths, source), {
      signal,
      onProgress: (progress) => {
        if (!quiet) report.onProgress(progress)
      },
    })
  } finally {
    report.stop()
  }
}

function nameOf(source: string): string {
  return source.startsWith('hf:') ? source : basename(resolve(source))
}

function describe({ layout, contents }: ImportedHead, bytes: number): string {
  const { shape, targetLayers, draftIds } = contents
  const words = draftIds === undefined ? 'all tokens' : `${draftIds.length} draft tokens`
  return `${layout} head: width ${shape.width}, ${words}, reads the streams entering layers ${targetLayers.join(', ')}; ${formatBytes(bytes)}`
}

function required(flag: string, meaning: string): UsageError {
  return new UsageError('bad-option', `expected ${flag}, got none; name ${meaning}`)
}
