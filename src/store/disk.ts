/**
 * Writing to a disk that may be full and a machine that may lose power: free space is asked beforehand, a file appears
 * under its name only when it is complete, and system errors become sentences.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile, rename, rm, stat, statfs } from 'node:fs/promises'
import { HeterospecError, UsageError, systemErrorCode, throwIfAborted } from '../util/errors.ts'

/** Size of a regular file, `undefined` where there is none. */
export async function fileBytes(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path)
    return found.isFile() ? found.size : undefined
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(systemErrorCode(error) ?? '')) return undefined
    throw error
  }
}

/** Throws `disk-full` when the disk under a folder has less room than needed. */
export async function requireSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (free < bytes) throw diskFull(folder, bytes, `${free} bytes`)
}

/** The sentence for a full disk; `bytes` is 0 where the need is not known. */
export function diskFull(folder: string, bytes: number, got: string): HeterospecError {
  const need = bytes > 0 ? `${bytes} bytes` : 'some bytes'
  const message = `expected ${need} free in ${folder}, got ${got}; make room or set HETEROSPEC_CACHE to another disk`
  return new UsageError('disk-full', message)
}

/** Turns errors of writing into a folder into sentences; errors that already speak pass. */
export function explainDiskError(error: unknown, folder: string, bytes: number): unknown {
  const code = systemErrorCode(error)
  if (error instanceof HeterospecError || code === undefined) return error
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)) return diskFull(folder, bytes, `a full disk (${code})`)
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(code)) {
    const message = `expected to write to ${folder}, got ${code}; set HETEROSPEC_CACHE to a folder that you may write to`
    return new UsageError('download-failed', message, { cause: error })
  }
  return error
}

/** Flushes a file to the disk and gives it its final name. */
export async function publish(temporary: string, path: string): Promise<void> {
  const handle = await open(temporary, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, path)
}

/** Writes a small JSON file so that a reader sees the old or the new content, never half of it. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const handle = await open(temporary, 'wx')
    try {
      await handle.writeFile(`${JSON.stringify(value, undefined, 2)}\n`)
    } finally {
      await handle.close()
    }
    await publish(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** The content of a JSON file; `undefined` where it is missing or not JSON. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown
  } catch (error) {
    if (error instanceof SyntaxError || ['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined
    throw error
  }
}

/** SHA-256 of a file as hex, with progress in bytes. */
export async function hashFile(path: string, signal: AbortSignal, onBytes: (done: number) => void): Promise<string> {
  const hash = createHash('sha256')
  let done = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    throwIfAborted(signal)
    hash.update(chunk)
    onBytes((done += chunk.length))
  }
  return hash.digest('hex')
}
