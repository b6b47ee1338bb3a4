/**
 * A file that a long-lived process appends lines to, without ever waiting for it: a disk that is full, slow or gone costs the lines,
 * not the process. Whole lines only; several processes may append to one file.
 */
import { open, type FileHandle } from 'node:fs/promises'
import { UsageError } from '../util/errors.ts'

/** What a file is opened with. */
export interface AppendingOptions {
  /** The flag that names it, for errors. */
  readonly flag: string
  /** Hears once why nothing is written any more. */
  readonly onFailure: (why: string) => void
}

/** Lines that wait for the disk take at most this much memory. */
const MOST_WAITING_BYTES = 16 * 2 ** 20

/** An open file; disposing of it writes what waits. */
export class AppendingFile implements AsyncDisposable {
  readonly #path: string
  readonly #onFailure: (why: string) => void
  #file: FileHandle
  #waiting: string[] = []
  #waitingBytes = 0
  #writing: Promise<void> | undefined
  #failed = false

  private constructor(path: string, file: FileHandle, { onFailure }: AppendingOptions) {
    this.#path = path
    this.#file = file
    this.#onFailure = onFailure
  }

  /** Opens or creates the file, from now on readable by its owner only. Throws `bad-option`. */
  static async open(path: string, options: AppendingOptions): Promise<AppendingFile> {
    try {
      return new AppendingFile(path, await openToAppend(path), options)
    } catch (error) {
      const message = `expected a file that can be written for ${options.flag}, got ${path} (${reasonOf(error)}); name another`
      throw new UsageError('bad-option', message, { cause: error })
    }
  }

  /** Adds a line, which ends in a newline. Never throws and never waits. */
  write(line: string): void {
    if (this.#failed) return
    this.#waiting.push(line)
    this.#waitingBytes += Buffer.byteLength(line)
    if (this.#waitingBytes > MOST_WAITING_BYTES) {
      this.#fail(`the disk is too slow: ${this.#waitingBytes} bytes wait for it`)
      return
    }
    this.#writing ??= this.#writeAll()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing
    await this.#file.close().catch(() => undefined) // what was written is written
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const bytes = Buffer.from(this.#waiting.join(''))
        this.#waiting = []
        // Whoever deletes the file wants its place back, or a new one.
        if ((await this.#file.stat()).nlink === 0) await this.#reopen()
        await this.#append(bytes)
        this.#waitingBytes -= bytes.length
      }
    } catch (error) {
      this.#fail(reasonOf(error))
    }
    this.#writing = undefined
  }

  /** All of it, or nothing of the last line that did not fit: half a line would spoil the file for its readers. */
  async #append(bytes: Buffer): Promise<void> {
    let written = 0
    try {
      while (written < bytes.length) written += (await this.#file.write(bytes, written)).bytesWritten
    } catch (error) {
      const half = written - (bytes.subarray(0, written).lastIndexOf('\n') + 1)
      if (half > 0) await this.#file.truncate((await this.#file.stat()).size - half)
      throw error
    }
  }

  async #reopen(): Promise<void> {
    const gone = this.#file
    this.#file = await openToAppend(this.#path)
    await gone.close()
  }

  #fail(why: string): void {
    if (this.#failed) return
    this.#failed = true
    this.#waiting = []
    this.#onFailure(why)
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Other users have no business in it. */
const OWNER_ONLY = 0o600

async function openToAppend(path: string): Promise<FileHandle> {
  const file = await open(path, 'a', OWNER_ONLY)
  try {
    // It may have been there before. What is another user's stays as that user made it; so do pipes and devices.
    const found = await file.stat()
    // Disks without rights (vfat) can keep nobody out: that is known to whoever mounted them.
    if (found.isFile() && found.uid === process.getuid?.()) await file.chmod(OWNER_ONLY).catch(() => undefined)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
