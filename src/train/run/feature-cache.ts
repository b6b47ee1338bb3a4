/**
 * Features on the disk: computed once for texts, target and taps, read by every epoch and by later runs. Texts lie in
 * shards of some megabytes, each named by what decides its numbers, so that a file of texts that has grown needs only what
 * is new; each is written beside its place and renamed, so that what is there is whole. What does not fit into the limit is
 * computed whenever it is needed; the numbers are the same.
 */
import { createHash, type Hash } from 'node:crypto'
import { open, mkdir, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { defined } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import type { FeatureReader, TextFeatures } from './features.ts'
import type { TrainingText } from '../types.ts'

export interface FeatureCacheOptions {
  /** Folder of the features of all runs. */
  readonly folder: string
  /** What decides the numbers besides texts: target and taps. */
  readonly identity: readonly string[]
  /** Most bytes in the folder. */
  readonly limitBytes: number
  /** Rows of a shard, about; 4096 of a model of width 576 are 19 MB. */
  readonly shardRows?: number
}

export interface PrepareOptions {
  readonly signal?: AbortSignal | undefined
  /** Rows that are on the disk, and rows that will be. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Features of a list of texts. */
export class FeatureCache {
  readonly #texts: readonly TrainingText[]
  readonly #reader: FeatureReader
  readonly #folder: string
  readonly #limit: number
  readonly #shards: readonly Shard[]
  /** Shard of each text. */
  readonly #shardOf: Int32Array
  /** Shards on the disk that this run has looked at. */
  readonly #sound = new Set<number>()

  constructor(texts: readonly TrainingText[], reader: FeatureReader, options: FeatureCacheOptions) {
    this.#texts = texts
    this.#reader = reader
    this.#folder = options.folder
    this.#limit = options.limitBytes
    this.#shards = planShards(texts, reader.columns, options)
    this.#shardOf = new Int32Array(texts.length)
    this.#shards.forEach((shard, index) => this.#shardOf.fill(index, shard.first, shard.end))
  }

  /** Rows of all texts. */
  get rows(): number {
    return this.#shards.reduce((sum, { rows }) => sum + rows, 0)
  }

  /**
   * Computes what is missing on the disk, as far as limit and free space go; what older caches take is freed for it.
   * Returns the share of rows that is there. Throws `output-failed` where the folder cannot be written.
   */
  async prepare({ signal, onProgress }: PrepareOptions = {}): Promise<number> {
    await guarded(this.#folder, () => mkdir(this.#folder, { recursive: true }))
    const planned = await this.#affordable()
    const total = this.#shards.slice(0, planned).reduce((sum, { rows }) => sum + rows, 0)
    let done = 0
    for (let index = 0; index < planned; index++) {
      const { rows } = defined(this.#shards[index])
      if (!(await this.#isSound(index))) await this.#write(index, signal, (part) => onProgress?.(done + part, total))
      onProgress?.((done += rows), total)
    }
    return this.rows === 0 ? 1 : total / this.rows
  }

  /** Features of the texts with these indices. */
  async read(indices: readonly number[], signal?: AbortSignal): Promise<TextFeatures[]> {
    const found = new Map<number, TextFeatures>()
    const missing: number[] = []
    for (const index of new Set(indices)) {
      const features = await this.#load(index)
      if (features) found.set(index, features)
      else missing.push(index)
    }
    if (missing.length > 0) {
      const computed = await this.#reader.read(
        missing.map((index) => this.#tokens(index)),
        { signal },
      )
      missing.forEach((index, place) => found.set(index, defined(computed[place])))
    }
    return indices.map((index) => defined(found.get(index)))
  }

  #tokens(index: number): readonly number[] {
    return defined(this.#texts[index]).tokens
  }

  #path(index: number): string {
    return join(this.#folder, nameOf(defined(this.#shards[index])))
  }

  /** How many shards, from the first on, may be on the disk. */
  async #affordable(): Promise<number> {
    const names = new Set(this.#shards.map(nameOf))
    const files = await filesIn(this.#folder)
    const own = sumOf(files.filter(({ name }) => names.has(name)))
    const { bavail, bsize } = await statfs(this.#folder)
    const room = Math.min(this.#limit, own + Math.max(0, bavail * bsize - RESERVE))
    const wanted = Math.min(room, sumOf(this.#shards))
    await dropOldest(
      files.filter(({ name }) => !names.has(name)),
      this.#limit - wanted,
    )
    let bytes = 0
    const count = this.#shards.findIndex((shard) => (bytes += shard.bytes) > room)
    return count < 0 ? this.#shards.length : count
  }

  async #isSound(index: number): Promise<boolean> {
    if (this.#sound.has(index)) return true
    const path = this.#path(index)
    const header = await readPart(path, 0, HEADER_BYTES, defined(this.#shards[index]).bytes)
    if (!header?.equals(this.#header(index))) return false
    // Another run may have made room for its own meanwhile.
    await utimes(path, new Date(), new Date()).catch(() => undefined)
    this.#sound.add(index)
    return true
  }

  #header(index: number): Buffer {
    const { key, rows } = defined(this.#shards[index])
    const header = Buffer.alloc(HEADER_BYTES)
    header.write(FORMAT)
    key.copy(header, 8)
    header.writeUInt32LE(rows, 40)
    header.writeUInt32LE(this.#reader.columns, 44)
    return header
  }

  async #write(index: number, signal: AbortSignal | undefined, onRows: (done: number) => void): Promise<void> {
    const { first, end } = defined(this.#shards[index])
    let rows = 0
    const texts = Array.from({ length: end - first }, (_, place) => this.#tokens(first + place))
    const features = await this.#reader.read(texts, { signal, onRows: (more) => onRows((rows += more)) })
    const parts = features.flatMap(({ numbers, best }) => [bytesOf(numbers), bytesOf(best)])
    const path = this.#path(index)
    const temporary = `${path}.tmp`
    await guarded(this.#folder, async () => {
      const handle = await open(temporary, 'w')
      try {
        for (const part of [this.#header(index), ...parts]) await handle.writeFile(part)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(temporary, path)
    })
    this.#sound.add(index)
  }

  async #load(index: number): Promise<TextFeatures | undefined> {
    const place = defined(this.#shardOf[index])
    if (!(await this.#isSound(place))) return undefined
    const shard = defined(this.#shards[place])
    const before = Array.from({ length: index - shard.first }, (_, text) => this.#tokens(shard.first + text).length)
    const rowBytes = bytesPerRow(this.#reader.columns)
    const start = HEADER_BYTES + rowBytes * before.reduce((sum, rows) => sum + rows, 0)
    const rows = this.#tokens(index).length
    const bytes = await readPart(this.#path(place), start, rows * rowBytes, shard.bytes)
    if (!bytes) return undefined // another run made room for its own
    const numbers = new Uint16Array(bytes.buffer, bytes.byteOffset, rows * this.#reader.columns)
    const best = new Int32Array(
      bytes.buffer.slice(bytes.byteOffset + numbers.byteLength, bytes.byteOffset + bytes.length),
    )
    return { rows, numbers, best }
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** First bytes of a shard; the number changes with the layout. */
const FORMAT = 'HSFEAT02'
const HEADER_BYTES = 64
/** Space on the disk that is left to others. */
const RESERVE = 1 << 30

interface Shard {
  /** Texts [first, end). */
  readonly first: number
  readonly end: number
  readonly rows: number
  readonly bytes: number
  /** Of everything that decides the numbers. */
  readonly key: Buffer
}

function planShards(
  texts: readonly TrainingText[],
  columns: number,
  { identity, shardRows = 4096 }: FeatureCacheOptions,
): Shard[] {
  const shards: Shard[] = []
  const begin = (): Hash => createHash('sha256').update(JSON.stringify([FORMAT, columns, ...identity]))
  let [first, rows, hash] = [0, 0, begin()]
  texts.forEach(({ tokens }, index) => {
    rows += tokens.length
    hash.update(Int32Array.of(tokens.length, ...tokens))
    if (rows < shardRows && index < texts.length - 1) return
    const bytes = HEADER_BYTES + rows * bytesPerRow(columns)
    shards.push({ first, end: index + 1, rows, bytes, key: hash.digest() })
    first = index + 1
    rows = 0
    hash = begin()
  })
  return shards
}

function nameOf({ key }: Shard): string {
  return `${key.toString('hex').slice(0, 32)}.features`
}

function sumOf(parts: readonly { readonly bytes: number }[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0)
}

function bytesPerRow(columns: number): number {
  return 2 * columns + 4
}

function bytesOf(numbers: Uint16Array | Int32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

/** Bytes of a file, in memory of their own; undefined unless the file is there and `size` long. */
async function readPart(path: string, start: number, length: number, size: number): Promise<Buffer | undefined> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (!handle) return undefined
  try {
    if ((await handle.stat()).size !== size) return undefined
    const bytes = Buffer.from(new ArrayBuffer(length))
    const { bytesRead } = await handle.read(bytes, 0, length, start)
    return bytesRead === length ? bytes : undefined
  } finally {
    await handle.close()
  }
}

interface File {
  readonly name: string
  readonly path: string
  readonly bytes: number
  /** When it was last of use. */
  readonly used: number
}

async function filesIn(folder: string): Promise<File[]> {
  const found = (await readdir(folder)).map(async (name): Promise<File[]> => {
    const path = join(folder, name)
    const known = await stat(path).catch(() => undefined)
    return known?.isFile() ? [{ name, path, bytes: known.size, used: known.mtimeMs }] : []
  })
  return (await Promise.all(found)).flat()
}

/** Removes the files that were not used for longest, until the others take at most `limit` bytes. */
async function dropOldest(files: readonly File[], limit: number): Promise<void> {
  let total = sumOf(files)
  for (const { path, bytes } of [...files].sort((a, b) => a.used - b.used)) {
    if (total <= limit) return
    await rm(path, { force: true })
    total -= bytes
  }
}

async function guarded<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof UsageError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(
      'output-failed',
      `expected to keep features in ${folder}, got "${why}"; free some space, lower --cache-size, or set HETEROSPEC_CACHE to another disk`,
      { cause: error },
    )
  }
}
