/**
 * Features on the disk: computed once for texts, target and taps, read by every epoch and by later runs. Texts lie in
 * shards of some megabytes, each written beside its place and renamed, so that what is there is whole. What does not fit
 * into the limit is computed whenever it is needed; the numbers are the same.
 */
import { createHash } from 'node:crypto'
import { open, mkdir, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { defined } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import type { FeatureReader, TextFeatures } from './features.ts'
import type { TrainingText } from '../types.ts'

export interface FeatureCacheOptions {
  /** Folder of all feature caches. */
  readonly folder: string
  /** Everything that decides the numbers: target, taps, texts. */
  readonly identity: readonly string[]
  /** Most bytes of all feature caches together. */
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
  readonly #parent: string
  readonly #limit: number
  readonly #key: Buffer
  readonly #shards: readonly Shard[]
  /** Shard of each text. */
  readonly #shardOf: Int32Array
  /** Shards on the disk that this run has looked at. */
  readonly #sound = new Set<number>()

  constructor(texts: readonly TrainingText[], reader: FeatureReader, options: FeatureCacheOptions) {
    this.#texts = texts
    this.#reader = reader
    this.#key = createHash('sha256')
      .update(JSON.stringify([FORMAT, ...options.identity]))
      .digest()
    this.#parent = options.folder
    this.#folder = join(options.folder, this.#key.toString('hex').slice(0, 24))
    this.#limit = options.limitBytes
    this.#shards = planShards(texts, reader.columns, options.shardRows ?? 4096)
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
    await utimes(this.#folder, new Date(), new Date())
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
    return join(this.#folder, `${String(index).padStart(6, '0')}.features`)
  }

  /** How many shards, from the first on, may be on the disk. */
  async #affordable(): Promise<number> {
    const existing = await sizesIn(this.#folder)
    const own = existing.reduce((sum, { bytes }) => sum + bytes, 0)
    const { bavail, bsize } = await statfs(this.#folder)
    const room = Math.min(this.#limit, own + Math.max(0, bavail * bsize - RESERVE))
    let bytes = 0
    const count = this.#shards.findIndex((shard) => (bytes += shard.bytes) > room)
    const wanted = Math.min(
      room,
      this.#shards.reduce((sum, shard) => sum + shard.bytes, 0),
    )
    await dropOld(this.#parent, this.#folder, this.#limit - wanted)
    return count < 0 ? this.#shards.length : count
  }

  async #isSound(index: number): Promise<boolean> {
    if (this.#sound.has(index)) return true
    const header = await readPart(this.#path(index), 0, HEADER_BYTES, defined(this.#shards[index]).bytes)
    if (!header?.equals(this.#header(index))) return false
    this.#sound.add(index)
    return true
  }

  #header(index: number): Buffer {
    const { first, end, rows } = defined(this.#shards[index])
    const header = Buffer.alloc(HEADER_BYTES)
    header.write(FORMAT)
    this.#key.copy(header, 8)
    header.writeUInt32LE(first, 40)
    header.writeUInt32LE(end, 44)
    header.writeUInt32LE(rows, 48)
    header.writeUInt32LE(this.#reader.columns, 52)
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
const FORMAT = 'HSFEAT01'
const HEADER_BYTES = 64
/** Space on the disk that is left to others. */
const RESERVE = 1 << 30

interface Shard {
  /** Texts [first, end). */
  readonly first: number
  readonly end: number
  readonly rows: number
  readonly bytes: number
}

function planShards(texts: readonly TrainingText[], columns: number, shardRows: number): Shard[] {
  const shards: Shard[] = []
  let first = 0
  let rows = 0
  texts.forEach(({ tokens }, index) => {
    rows += tokens.length
    if (rows < shardRows && index < texts.length - 1) return
    shards.push({ first, end: index + 1, rows, bytes: HEADER_BYTES + rows * bytesPerRow(columns) })
    first = index + 1
    rows = 0
  })
  return shards
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

async function sizesIn(folder: string): Promise<{ readonly path: string; readonly bytes: number }[]> {
  const names = await readdir(folder).catch(() => [])
  const sizes = names.map(async (name) => {
    const path = join(folder, name)
    return {
      path,
      bytes: await stat(path).then(
        ({ size }) => size,
        () => 0,
      ),
    }
  })
  return Promise.all(sizes)
}

/** Removes the caches that were not used for longest, until the others take at most `limit` bytes. */
async function dropOld(parent: string, own: string, limit: number): Promise<void> {
  const names = await readdir(parent)
  const others = await Promise.all(
    names
      .map((name) => join(parent, name))
      .filter((path) => path !== own)
      .map(async (path) => {
        const used = await stat(path).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        )
        return { path, used, bytes: (await sizesIn(path)).reduce((sum, { bytes }) => sum + bytes, 0) }
      }),
  )
  let total = others.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { path, bytes } of others.sort((a, b) => a.used - b.used)) {
    if (total <= limit) return
    await rm(path, { recursive: true, force: true })
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
