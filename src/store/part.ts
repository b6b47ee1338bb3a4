/**
 * A file in the making: `<file>.part` and beside it, in `<file>.part.json`, what it will be. A pull that is interrupted
 * leaves both, and the next one goes on where they end, provided it wants the same content from the same source.
 */
import { rm, truncate, writeFile } from 'node:fs/promises'
import { fileBytes, readJson, writeJson } from './disk.ts'

export interface Part {
  readonly path: string
  /** Identity of source and content. */
  readonly key: string
  /** Bytes that may be kept. */
  readonly bytes: number
  /** Steps of the source that those bytes come from, where it works in steps. */
  readonly steps: number
}

/** What is there of `file` under this key. Changes nothing: a source that fails at once must not cost another its part. */
export async function readPart(file: string, key: string): Promise<Part> {
  const path = `${file}.part`
  const [state, size] = await Promise.all([readJson(`${path}.json`), fileBytes(path)])
  const none = { path, key, bytes: 0, steps: 0 }
  if (size === undefined || !isState(state) || state.key !== key) return none
  const { bytes = size, steps = 0 } = state
  // A file shorter than its record has lost its end in a crash.
  return size < bytes ? none : { path, key, bytes, steps }
}

/** Makes the file on the disk be what `part` says, ready for appending. */
export async function openPart(part: Part): Promise<void> {
  if (part.bytes > 0) await truncate(part.path, part.bytes)
  else {
    await dropPart(part.path)
    await writeFile(part.path, '')
  }
}

/** Remembers how far an unfinished file is. Without `bytes`, everything that lies on the disk counts. */
export async function savePart(path: string, state: { key: string; bytes?: number; steps?: number }): Promise<void> {
  await writeJson(`${path}.json`, state)
}

/** Removes an unfinished file. */
export async function dropPart(path: string): Promise<void> {
  await rm(path, { force: true })
  await rm(`${path}.json`, { force: true })
}

// ------------------------------------------------------------------------------------------------------------------

function isState(value: unknown): value is { key: string; bytes?: number; steps?: number } {
  if (typeof value !== 'object' || value === null || !('key' in value) || typeof value.key !== 'string') return false
  const bytes: unknown = 'bytes' in value ? value.bytes : 0
  const steps: unknown = 'steps' in value ? value.steps : 0
  return Number.isSafeInteger(bytes) && Number.isSafeInteger(steps)
}
