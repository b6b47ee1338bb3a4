/**
 * What is in the cache. One folder for each model with its files and `model.json`, which is written last: a folder
 * without it holds a pull that has not ended.
 */
import { mkdir, readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readEnvironment } from '../util/env.ts'
import { systemErrorCode } from '../util/errors.ts'
import { fileBytes, readJson, writeJson } from './disk.ts'
import type { StoredModel } from './types.ts'

/** One file of a pulled model. */
export interface RecordedFile {
  readonly name: string
  readonly bytes: number
  readonly sha256: string | undefined
}

/** Folder of all models under a cache folder, absolute. */
export function modelsFolder(cacheDir: string | undefined): string {
  return resolve(cacheDir ?? readEnvironment().cacheDir, 'models')
}

/** Folder of published draft heads under a cache folder, absolute: they are no models. */
export function headsFolder(cacheDir: string | undefined): string {
  return resolve(cacheDir ?? readEnvironment().cacheDir, 'heads')
}

/** The models of the cache that are complete, by name. */
export async function listModels(cacheDir?: string): Promise<StoredModel[]> {
  const root = modelsFolder(cacheDir)
  const found = await Promise.all((await folders(root)).map((folder) => readModel(join(root, folder))))
  return found.filter((model) => model !== undefined).sort((a, b) => a.name.localeCompare(b.name))
}

/** The model of one folder; `undefined` unless all its files are there with their sizes. */
export async function readModel(folder: string): Promise<StoredModel | undefined> {
  const record = parseRecord(await readJson(join(folder, recordFile)))
  const first = record?.files[0]
  if (!record || !first) return undefined
  for (const file of record.files) {
    if ((await fileBytes(join(folder, file.name))) !== file.bytes) return undefined
  }
  const bytes = record.files.reduce((sum, file) => sum + file.bytes, 0)
  const { name, source, pulledAt } = record
  return { name, path: join(folder, first.name), bytes, sha256: first.sha256, source, pulledAt }
}

/** Marks a folder as a complete model. */
export async function writeModel(
  folder: string,
  name: string,
  source: string,
  files: readonly RecordedFile[],
): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeJson(join(folder, recordFile), { name, source, pulledAt: new Date().toISOString(), files })
}

// ------------------------------------------------------------------------------------------------------------------

const recordFile = 'model.json'

interface ModelRecord {
  readonly name: string
  readonly source: string
  readonly pulledAt: string
  readonly files: readonly RecordedFile[]
}

async function folders(root: string): Promise<string[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return []
    throw error
  }
}

/** A record as we write it; anything else is no record, and the model is pulled again. */
function parseRecord(value: unknown): ModelRecord | undefined {
  if (!isObject(value)) return undefined
  const { name, source, pulledAt, files } = value
  if (typeof name !== 'string' || typeof source !== 'string' || typeof pulledAt !== 'string') return undefined
  if (!Array.isArray(files) || !files.every(isRecordedFile)) return undefined
  return { name, source, pulledAt, files }
}

function isRecordedFile(value: unknown): value is RecordedFile {
  if (!isObject(value)) return false
  const { name, bytes, sha256 } = value
  return typeof name === 'string' && typeof bytes === 'number' && ['string', 'undefined'].includes(typeof sha256)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
