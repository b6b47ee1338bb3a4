/**
 * Reads safetensors files: eight bytes with the length of a JSON header, the header (name, type, shape, byte range of
 * every tensor), the numbers. Files come from anywhere, so every count and range is checked before it is used.
 */
import { open, type FileHandle } from 'node:fs/promises'
import * as z from 'zod'
import { ModelFileError, throwIfAborted } from '../../util/errors.ts'

/** A tensor that lies in a file. */
export interface StoredTensor {
  readonly name: string
  readonly type: string
  /** Row-major: the last extent is contiguous. */
  readonly shape: readonly number[]
  readonly path: string
  /** Byte position in the file. */
  readonly offset: number
  readonly bytes: number
}

/** What the header of one file says. */
export interface SafetensorsHeader {
  readonly tensors: readonly StoredTensor[]
  readonly metadata: Readonly<Record<string, string>>
}

/** Reads and checks a header. Throws `bad-file`. */
export async function readSafetensors(path: string): Promise<SafetensorsHeader> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const length = Number((await readExactly(file, path, 0, 8)).readBigUInt64LE())
    if (!(length <= Math.min(limits.headerBytes, size - 8))) {
      throw bad(path, `a header of at most ${Math.min(limits.headerBytes, size - 8)} bytes`, `${length} bytes`)
    }
    const header = parseHeader(path, await readExactly(file, path, 8, length))
    const start = 8 + length
    const tensors = Object.entries(header).flatMap(([name, entry]) =>
      name === METADATA ? [] : [checkTensor(path, name, entry, start, size)],
    )
    if (tensors.length > limits.tensors) throw bad(path, `at most ${limits.tensors} tensors`, String(tensors.length))
    requireApart(path, tensors)
    const metadata = metadataSchema.safeParse(header[METADATA] ?? {})
    return { tensors, metadata: metadata.success ? metadata.data : {} }
  } finally {
    await file.close()
  }
}

/** The numbers of a tensor of floating point. Throws `bad-file` for other types, and for infinities and NaN. */
export async function readFloats(tensor: StoredTensor, signal?: AbortSignal): Promise<Float32Array> {
  const unpack = floats[tensor.type]
  if (!unpack) throw bad(tensor.path, `F32, F16 or BF16 in ${tensor.name}`, tensor.type)
  const values = new Float32Array(countOf(tensor))
  await readChunks(tensor, signal, (bytes, at) => {
    unpack(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), values, at / sizeOf(tensor.type))
  })
  const wrong = values.find((value) => !Number.isFinite(value))
  if (wrong !== undefined) throw bad(tensor.path, `numbers in ${tensor.name}`, `${wrong}`)
  return values
}

/** The numbers of a tensor of 32- or 64-bit integers. Throws `bad-file` for other types. */
export async function readIntegers(tensor: StoredTensor, signal?: AbortSignal): Promise<number[]> {
  const { type, path, name } = tensor
  if (type !== 'I64' && type !== 'I32') throw bad(path, `I64 or I32 in ${name}`, type)
  const values: number[] = []
  await readChunks(tensor, signal, (bytes) => {
    const size = sizeOf(type)
    for (let at = 0; at < bytes.length; at += size) {
      values.push(type === 'I32' ? bytes.readInt32LE(at) : Number(bytes.readBigInt64LE(at)))
    }
  })
  return values
}

/** A sentence about a file that is not what it should be. */
export function bad(path: string, expected: string, got: string): ModelFileError {
  return new ModelFileError('bad-file', `expected ${expected} in ${path}, got ${got}; download the head again`)
}

// ---------------------------------------------------------------------------------------------------------------

/** Far above what heads need: theirs have 20 tensors and 3 kB. */
const limits = { headerBytes: 16 << 20, tensors: 4096, nameLength: 256, dimensions: 8, elements: 2 ** 31 } as const

/** Bytes read in one go; a multiple of every type's size. */
const CHUNK_BYTES = 8 << 20

const METADATA = '__metadata__'

const metadataSchema = z.record(z.string(), z.string())

const entrySchema = z.object({
  dtype: z.string().max(16),
  shape: z.array(z.int().min(0)).max(limits.dimensions),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
})

const sizes: Readonly<Record<string, number>> = {
  ...{ BOOL: 1, U8: 1, I8: 1, F8_E4M3: 1, F8_E5M2: 1, I16: 2, U16: 2, F16: 2, BF16: 2 },
  ...{ I32: 4, U32: 4, F32: 4, I64: 8, U64: 8, F64: 8 },
}

type Unpack = (view: DataView, out: Float32Array, first: number) => void

const floats: Readonly<Partial<Record<string, Unpack>>> = {
  F32: (view, out, first) => {
    for (let i = 0; 4 * i < view.byteLength; i++) out[first + i] = view.getFloat32(4 * i, true)
  },
  F16: (view, out, first) => {
    for (let i = 0; 2 * i < view.byteLength; i++) out[first + i] = halves[view.getUint16(2 * i, true)] ?? 0
  },
  BF16: (view, out, first) => {
    // The upper half of a float32.
    const bits = new Uint32Array(out.buffer)
    for (let i = 0; 2 * i < view.byteLength; i++) bits[first + i] = view.getUint16(2 * i, true) << 16
  },
}

/** Every float16 by its bits: millions are read. */
const halves = Float32Array.from({ length: 1 << 16 }, (_, bits) => halfToNumber(bits))

function halfToNumber(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function sizeOf(type: string): number {
  return sizes[type] ?? 0
}

function countOf({ shape }: Pick<StoredTensor, 'shape'>): number {
  return shape.reduce((product, extent) => product * extent, 1)
}

function parseHeader(path: string, bytes: Buffer): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof header === 'object' && header !== null && !Array.isArray(header)) {
      return header as Record<string, unknown>
    }
  } catch {
    // Told below: what JSON.parse says quotes the file.
  }
  throw bad(path, 'a header of JSON', 'something else')
}

function checkTensor(path: string, name: string, entry: unknown, start: number, fileBytes: number): StoredTensor {
  if (name.length > limits.nameLength) throw bad(path, 'names of tensors of a sane length', `${name.length} letters`)
  const shown = JSON.stringify(name)
  const parsed = entrySchema.safeParse(entry)
  if (!parsed.success) throw bad(path, `type, shape and place of ${shown}`, 'something else')
  const { dtype: type, shape, data_offsets: range } = parsed.data
  const [from, to] = range
  const size = sizes[type]
  if (size === undefined) throw bad(path, `a known type of ${shown}`, JSON.stringify(type))
  const count = countOf({ shape })
  if (!(count <= limits.elements)) throw bad(path, `a sane size of ${shown}`, `[${shape.join(', ')}]`)
  if (to - from !== count * size) throw bad(path, `${count * size} bytes of ${shown}`, String(to - from))
  if (start + to > fileBytes) throw bad(path, `${start + to} bytes for ${shown}`, `a file of ${fileBytes}`)
  return { name, type, shape, path, offset: start + from, bytes: to - from }
}

function requireApart(path: string, tensors: readonly StoredTensor[]): void {
  const sorted = tensors.filter(({ bytes }) => bytes > 0).sort((a, b) => a.offset - b.offset)
  sorted.forEach((tensor, index) => {
    const before = sorted[index - 1]
    if (!before || before.offset + before.bytes <= tensor.offset) return
    const pair = `${JSON.stringify(before.name)} and ${JSON.stringify(tensor.name)}`
    throw bad(path, 'tensors apart from each other', `${pair} in the same bytes`)
  })
}

async function readChunks(
  { path, offset, bytes }: StoredTensor,
  signal: AbortSignal | undefined,
  use: (bytes: Buffer, at: number) => void,
): Promise<void> {
  const file = await open(path, 'r')
  try {
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      throwIfAborted(signal)
      use(await readExactly(file, path, offset + at, Math.min(CHUNK_BYTES, bytes - at)), at)
    }
  } finally {
    await file.close()
  }
}

async function readExactly(file: FileHandle, path: string, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
  if (bytesRead < length) throw bad(path, `${length} bytes at ${position}`, `only ${bytesRead}`)
  return buffer
}
