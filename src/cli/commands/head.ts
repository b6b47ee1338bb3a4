/** `heterospec head`: the group of commands about draft heads. */
import type { Command } from '@commander-js/extra-typings'
import { define as defineConvert } from './head-convert.ts'
import { define as defineData } from './head-data.ts'
import { define as defineImport } from './head-import.ts'
import { define as defineTrain } from './head-train.ts'

/** Adds the commands of the group. */
export function define(command: Command): void {
  command.addHelpText('after', '\nheterospec head <command> --help shows the options of a command.')
  for (const [name, { summary, defineOptions }] of Object.entries(parts)) {
    const part = command.command(name).summary(summary).description(summary)
    defineOptions(part)
    part.option('--verbose', 'show where an error came from')
  }
}

// ---------------------------------------------------------------------------------------------------------------

const parts: Readonly<Record<string, { readonly summary: string; readonly defineOptions: (part: Command) => void }>> = {
  convert: { summary: 'store a head with other types', defineOptions: defineConvert },
  data: { summary: 'let a model write the text that its head learns from', defineOptions: defineData },
  import: { summary: 'make a head file of a published EAGLE-3 head', defineOptions: defineImport },
  train: { summary: 'train a head on text that the model wrote', defineOptions: defineTrain },
}
