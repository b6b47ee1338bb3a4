/** `heterospec head convert`: a head's file with other types, or with less of the tokenizer. */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from '@commander-js/extra-typings'
import * as z from 'zod'
import { loadGguf } from '../../gguf/index.ts'
import { convertHead, headTokenizers, readHeadType } from '../../train/index.ts'
import { UsageError } from '../../util/errors.ts'
import { flagsOf, readFlags, type FlagGroup, type Typed } from '../flags.ts'
import { formatBytes } from '../format.ts'
import { headTypeHelp } from '../head-files.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { locateModel } from '../open.ts'
import { addFlags } from '../options.ts'

const convertOptions = z.strictObject({
  out: z.string().optional().describe('the file to write (required)'),
  type: z.string().optional().describe(`${headTypeHelp}; default: as they are`),
  tokenizer: z
    .enum(headTokenizers)
    .default('full')
    .describe("what is kept of the target's tokenizer; short: the tokens, without how text is cut into them"),
  force: z.boolean().default(false).describe('replace a file that is there'),
  quiet: z.boolean().default(false).describe('do not say how large the files are'),
})

const group: FlagGroup = { title: 'Conversion', flags: flagsOf(convertOptions) }

/** Adds argument, options and action. */
export function define(command: Command): void {
  const withArgument = command.argument('<head>', 'a draft head: a path, or hf:user/repo/file.gguf')
  addFlags(command, group)
  withArgument.addHelpText('after', notes).action((head, options) => run(head, options))
}

// ---------------------------------------------------------------------------------------------------------------

const notes = `
Numbers that were rounded once are rounded once more: convert a head that "head train" stored with --type f16 where you
can. The path of the file goes to stdout.

Examples:
  heterospec head convert head.gguf --type q8_0,output=q4_0 --out small.gguf
  heterospec head convert head.gguf --tokenizer short --out shorter.gguf`

async function run(name: string, typed: Typed): Promise<void> {
  const { out, tokenizer, force, quiet, ...more } = convertOptions.parse(readFlags(typed, group.flags))
  if (out === undefined) throw new UsageError('bad-option', 'expected --out, got none; name the file to write')
  const type = more.type === undefined ? undefined : readHeadType(more.type)
  using interrupt = listenForInterrupt()
  const { signal } = interrupt
  const { path } = await locateModel({ model: name }, { signal, quiet })
  checkPlace(out, path, force)
  const head = loadGguf(path)
  await convertHead(out, head, { type, tokenizer, signal })
  if (!quiet) console.error(`${formatBytes(bytesOf(path))} before, ${formatBytes(bytesOf(out))} now`)
  console.log(resolve(out))
}

function checkPlace(out: string, source: string, force: boolean): void {
  if (resolve(out) === resolve(source)) {
    throw new UsageError('bad-option', `expected another file for --out than the head itself, got ${out}; name another`)
  }
  if (!force && existsSync(out)) {
    throw new UsageError('bad-option', `expected no file at ${out}, got one; add --force to replace it`)
  }
  const folder = dirname(resolve(out))
  if (!existsSync(folder)) {
    throw new UsageError('bad-option', `expected a folder for ${out}, got none at ${folder}; make it first`)
  }
}

function bytesOf(path: string): number {
  return loadGguf(path).files.reduce((sum, { bytes }) => sum + bytes, 0)
}
