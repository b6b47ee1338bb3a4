/** `heterospec models`: what is in the cache, and which known models are not. */
import type { Command } from '@commander-js/extra-typings'
import { catalog, listModels, type StoredModel } from '../../store/index.ts'
import { readEnvironment } from '../../util/env.ts'
import { formatBytes, formatTable } from '../format.ts'
import { readyHeadOf } from '../ready-head.ts'

/** Adds option and action. */
export function define(command: Command): void {
  command
    .option('--json', 'print one JSON document (cacheDir, models, known)')
    .addHelpText(
      'after',
      '\nThe folder is HETEROSPEC_CACHE or the usual cache folder. To remove a model, delete its folder.',
    )
    .action(async (options) => {
      const { cacheDir } = readEnvironment()
      const models = await listModels(cacheDir)
      console.log(options.json ? document(cacheDir, models) : describe(cacheDir, models))
    })
}

// ------------------------------------------------------------------------------------------------------------------

function document(cacheDir: string, stored: readonly StoredModel[]): string {
  const models = stored.map((model) => ({ ...model, draftHead: readyHeadOf(model.path) }))
  const known = catalog.map(({ name, aliases, bytes, sha256, licence, about }) => {
    return { name, aliases, bytes, sha256, licence, about }
  })
  return JSON.stringify({ cacheDir, models, known })
}

function describe(cacheDir: string, models: readonly StoredModel[]): string {
  const here = models.map((model) => {
    return [model.name, formatBytes(model.bytes), headWord(model), day(model), model.source, model.path]
  })
  const missing = catalog.filter(({ name }) => !models.some((model) => model.name === name))
  const known = missing.map(({ name, bytes, licence, about }) => [name, formatBytes(bytes), licence, about])
  const parts = [
    here.length === 0
      ? `No models in ${cacheDir}.`
      : formatTable([['NAME', 'SIZE', 'HEAD', 'PULLED', 'SOURCE', 'PATH'], ...here], [1]),
    ...(known.length === 0 ? [] : [`Known, fetched by "heterospec pull NAME":\n${formatTable(known, [1])}`]),
  ]
  return parts.join('\n\n')
}

/** Whether a draft head lies ready for it. */
function headWord(model: StoredModel): string {
  const head = readyHeadOf(model.path)
  return head === null ? '-' : head.auto ? 'auto' : 'yes'
}

function day(model: StoredModel): string {
  return model.pulledAt?.slice(0, 10) ?? ''
}
