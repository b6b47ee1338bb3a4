/** Reads the files of `deploy/` for tests: text, arguments of the command, instructions of a Dockerfile, a unit of systemd. */
import { readFileSync } from 'node:fs'
import { Command } from '@commander-js/extra-typings'
import { define } from '../../src/cli/commands/serve.ts'
import { readFlags } from '../../src/cli/flags.ts'
import { serveFlags, serveSchema, type ServeFlagValues } from '../../src/cli/serve-flags.ts'

/** The repository. */
export const root = new URL('../../', import.meta.url)

/** A file of the repository. */
export function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8')
}

/** What `heterospec serve` makes of these arguments, and the model. Throws on any that the command does not know. */
export function serveFlagsOf(args: readonly string[]): ServeFlagValues & { readonly model: string | undefined } {
  const [name, ...rest] = args
  if (name !== 'serve') throw new Error(`expected the command serve, got ${name}`)
  const command = new Command('serve').exitOverride()
  define(command)
  const { operands, unknown } = command.parseOptions(rest)
  if (unknown.length > 0 || operands.length > 1) throw new Error(`unknown: ${[...unknown, ...operands].join(' ')}`)
  return { ...serveSchema.parse(readFlags(command.opts(), serveFlags.flags)), model: operands[0] }
}

/** An instruction of a Dockerfile. */
export interface Instruction {
  readonly word: string
  readonly text: string
}

/** The stages of a Dockerfile, each from its FROM on; what stands before the first is left out. */
export function stagesOf(text: string): readonly (readonly Instruction[])[] {
  const lines = text.replaceAll(/^\s*#.*\n/gm, '').replaceAll(/\\\n/g, ' ')
  const stages: Instruction[][] = []
  for (const [, word = '', rest = ''] of lines.matchAll(/^([A-Z]+)\s+(.*)$/gm)) {
    if (word === 'FROM') stages.push([])
    stages.at(-1)?.push({ word, text: rest.replaceAll(/\s+/g, ' ').trim() })
  }
  return stages
}

/** Settings of a unit by name; one that may come several times has all its values. */
export function unitOf(text: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    if (/^(#|\[|$)/.test(line)) continue
    const at = line.indexOf('=')
    if (at < 0) throw new Error(`expected a setting, got ${line}`)
    const name = line.slice(0, at)
    settings.set(name, [...(settings.get(name) ?? []), line.slice(at + 1)])
  }
  return settings
}
