/** Files of a hub repository that is no GGUF model, in a folder of the cache: configurations, weights of draft heads. */
import { mkdir } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { UsageError, throwIfAborted } from '../util/errors.ts'
import { createContext } from './context.ts'
import { explainDiskError } from './disk.ts'
import { isFinished } from './finish.ts'
import { fetchFromHub, listRepository } from './hub.ts'
import { headsFolder, readModel, writeModel } from './list.ts'
import { withLock } from './lock.ts'
import { folderName } from './names.ts'
import type { StoreOptions } from './types.ts'

/**
 * Fetches the files of `hf:user/repo` that `choose` picks from their paths, unless the cache has them, and returns
 * their folder. Throws `unknown-model`, `download-failed`, `disk-full`, and what `choose` throws.
 */
export async function pullFolder(
  name: string,
  choose: (paths: readonly string[]) => readonly string[],
  options: StoreOptions = {},
): Promise<string> {
  const repo = /^hf:(\w[\w.+-]*\/\w[\w.+-]*)$/.exec(name)?.[1]
  if (repo === undefined) {
    throw new UsageError('unknown-model', `expected "hf:user/repo", got "${name}"; correct the name`)
  }
  throwIfAborted(options.signal)
  const folder = join(headsFolder(options.cacheDir), folderName(name))
  const onWait = (): void => options.onProgress?.({ phase: 'wait', file: name, done: 0, total: 0 })
  try {
    await mkdir(dirname(folder), { recursive: true })
    await withLock(`${folder}.lock`, { signal: options.signal, onWait }, async (signal) => {
      if (await readModel(folder)) return
      const context = createContext(folder, options, signal)
      context.report({ phase: 'resolve', file: name, done: 0, total: 0 })
      const there = await listRepository(repo, context)
      const chosen = new Set(choose(there.map(({ path }) => path)))
      const files = there
        .filter(({ path }) => chosen.has(path))
        .map(({ path, bytes, sha256 }) => ({ path, name: posix.basename(path), bytes, sha256 }))
      await mkdir(folder, { recursive: true })
      for (const file of files) {
        if (!(await isFinished(file, context))) await fetchFromHub(repo, file.path, file, context)
      }
      await writeModel(
        folder,
        name,
        name,
        files.map((file) => ({ name: file.name, bytes: file.bytes, sha256: file.sha256 })),
      )
    })
    return folder
  } catch (error) {
    throwIfAborted(options.signal)
    throw explainDiskError(error, folder, 0)
  }
}
