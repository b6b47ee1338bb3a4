/**
 * The bytes of a file's header: a window from the start of the file that grows while the header goes on,
 * and a cursor in it. Every step is checked against the file's size before memory is spent. The weights are never read.
 */
import { readSync } from 'node:fs'
import { ModelFileError } from '../util/errors.ts'
import { limits } from './limits.ts'

/** A complaint about the bytes of a file. `sentence` says what was expected and what came. */
export function badFile(path: string, sentence: string, cause?: unknown): ModelFileError {
  return new ModelFileError('bad-file', `${path}: ${sentence}; fetch the file again`, { cause })
}

export class HeaderSource {
  readonly path: string
  readonly fileBytes: number
  readonly #fd: number
  #window: Buffer = Buffer.alloc(0)
  /** The same bytes; its reads are several times faster than Buffer's before the compiler has warmed up. */
  #view: DataView = new DataView(new ArrayBuffer(0))
  #position = 0

  constructor(path: string, fd: number, fileBytes: number) {
    this.path = path
    this.fileBytes = fileBytes
    this.#fd = fd
  }

  /** Bytes read so far from the start of the file; valid until the next step that grows them. */
  get window(): Buffer {
    return this.#window
  }

  get position(): number {
    return this.#position
  }

  /** Bytes of the file after the cursor. */
  get remaining(): number {
    return this.fileBytes - this.#position
  }

  /** Moves over `count` bytes and returns where they start. Throws `bad-file` if the file ends before. */
  take(count: number, what: string): number {
    const start = this.#position
    const end = start + count
    if (end > this.#window.length) this.#grow(end, what)
    this.#position = end
    return start
  }

  u32(what: string): number {
    const at = this.take(4, what)
    return this.#view.getUint32(at, true)
  }

  /** A 64-bit count or offset. Beyond 2^53 it is rounded, which is far beyond every limit that it meets. */
  u64(what: string): number {
    const at = this.take(8, what)
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 4294967296
  }

  /** A string of valid UTF-8 of at most `maxBytes`. */
  text(maxBytes: number, what: string): string {
    const length = this.u64(what)
    if (length === 0 || length > maxBytes) {
      throw badFile(this.path, `expected ${what} of 1 to ${maxBytes} bytes, got ${length}`)
    }
    const start = this.take(length, what)
    try {
      return strictUtf8.decode(this.#window.subarray(start, start + length))
    } catch (error) {
      throw badFile(this.path, `expected ${what} in UTF-8, got other bytes at ${start}`, error)
    }
  }

  /** Moves over `count` strings without decoding them: the fast path for vocabularies. */
  skipStrings(count: number, what: string): void {
    let at = this.#position
    let view = this.#view
    for (let i = 0; i < count; i++) {
      if (at + 8 > view.byteLength) view = this.#grow(at + 8, what)
      at += 8 + view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296
      if (at > view.byteLength) view = this.#grow(at, what)
    }
    this.#position = at
  }

  /** The header up to the cursor. */
  header(): Buffer {
    return this.#window.subarray(0, this.#position)
  }

  #grow(end: number, what: string): DataView {
    if (end > this.fileBytes) {
      throw badFile(
        this.path,
        `is truncated: expected ${what} up to byte ${end}, the file ends at byte ${this.fileBytes}`,
      )
    }
    if (end > limits.headerBytes) {
      throw badFile(
        this.path,
        `expected a header of at most ${limits.headerBytes} bytes, got ${what} up to byte ${end}`,
      )
    }
    const known = this.#window.length
    const size = Math.min(this.fileBytes, limits.headerBytes, Math.max(end, 2 * known, limits.firstReadBytes))
    const window = Buffer.allocUnsafe(size)
    this.#window.copy(window)
    this.#window = window
    this.#view = new DataView(window.buffer, window.byteOffset, size)
    for (let filled = known; filled < size;) {
      const got = readSync(this.#fd, window, filled, size - filled, filled)
      if (got === 0)
        throw badFile(this.path, `expected ${this.fileBytes} bytes, the file was cut to ${filled} while it was read`)
      filled += got
    }
    return this.#view
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
