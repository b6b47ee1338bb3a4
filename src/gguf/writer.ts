/**
 * Writes GGUF files (version 3, little-endian): fixtures of tests and, later, trained drafters.
 * A file appears under its name only when it is complete.
 */
import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { defined } from '../util/assert.ts'
import { UsageError } from '../util/errors.ts'
import { arrayType, scalarTypes } from './metadata.ts'
import { quantName, quantType } from './quants.ts'
import { alignUp } from './reader.ts'
import type { MetadataValue, NumberType } from './types.ts'

export interface TensorToWrite {
  readonly name: string
  /** ggml's type number. */
  readonly type: number
  /** ggml's order: the first extent is contiguous. */
  readonly shape: readonly number[]
  /** Bytes as the type stores them; a function is called when its turn comes, so that not all need to be in memory. */
  readonly data: Uint8Array | (() => Uint8Array)
}

export interface GgufToWrite {
  /** In the order of the file. `general.alignment` is respected. */
  readonly metadata: Readonly<Record<string, MetadataValue>>
  readonly tensors: readonly TensorToWrite[]
}

/** Writes a file: first beside its place, then renamed over it. Throws `bad-option` for data that does not fit its shape. */
export async function writeGguf(path: string, contents: GgufToWrite): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.part`
  try {
    const file = await open(temporary, 'wx')
    try {
      for (const chunk of encodeChunks(contents)) await file.writeFile(chunk)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** The same bytes in memory. */
export function encodeGguf(contents: GgufToWrite): Uint8Array {
  return Buffer.concat([...encodeChunks(contents)])
}

// ---------------------------------------------------------------------------------------------------------------

function* encodeChunks(contents: GgufToWrite): Generator<Uint8Array> {
  const alignment = alignmentOf(contents.metadata)
  const header = encodeHeader(contents, alignment)
  yield header
  yield padding(header.length, alignment)
  for (const tensor of contents.tensors) {
    const data = typeof tensor.data === 'function' ? tensor.data() : tensor.data
    const expected = bytesOf(tensor)
    if (data.length !== expected) {
      throw new UsageError(
        'bad-option',
        `expected ${expected} bytes for tensor "${tensor.name}", got ${data.length}; check its shape`,
      )
    }
    yield data
    yield padding(data.length, alignment)
  }
}

function encodeHeader({ metadata, tensors }: GgufToWrite, alignment: number): Uint8Array {
  const entries = Object.entries(metadata)
  const out = new ByteWriter()
  out.bytes(Buffer.from('GGUF'))
  out.number('u32', 3)
  out.number('u64', tensors.length)
  out.number('u64', entries.length)
  for (const [key, value] of entries) {
    out.string(key)
    encodeValue(out, value)
  }
  let offset = 0
  for (const tensor of tensors) {
    out.string(tensor.name)
    out.number('u32', tensor.shape.length)
    for (const extent of tensor.shape) out.number('u64', extent)
    out.number('u32', tensor.type)
    out.number('u64', offset)
    offset = alignUp(offset + bytesOf(tensor), alignment)
  }
  return out.finish()
}

function alignmentOf(metadata: GgufToWrite['metadata']): number {
  const value = metadata['general.alignment']
  return value?.type === 'u32' ? Number(value.value) : 32
}

function bytesOf({ name, type, shape }: TensorToWrite): number {
  const quant = quantType(type)
  const blocks = shape.reduce((product, extent) => product * extent, 1) / (quant?.blockSize ?? 1)
  if (!quant || (shape[0] ?? 0) % quant.blockSize !== 0) {
    throw new UsageError(
      'bad-option',
      `expected rows of whole blocks for tensor "${name}", got ${quantName(type)} [${shape.join(', ')}]`,
    )
  }
  return blocks * quant.blockBytes
}

function padding(position: number, alignment: number): Uint8Array {
  return new Uint8Array(alignUp(position, alignment) - position)
}

function encodeValue(out: ByteWriter, value: MetadataValue): void {
  if (value.type !== 'array') {
    out.number('u32', typeNumber(value.type))
    encodeScalar(out, value.type, value.value)
    return
  }
  out.number('u32', arrayType)
  out.number('u32', typeNumber(value.of))
  out.number('u64', value.values.length)
  for (const element of value.values) encodeScalar(out, value.of, element)
}

function encodeScalar(out: ByteWriter, type: ScalarType, value: number | bigint | boolean | string): void {
  if (type === 'string') out.string(String(value))
  else if (type === 'bool') out.number('u8', value ? 1 : 0)
  else out.number(type, value as number | bigint)
}

type ScalarType = NumberType | 'bool' | 'string'

function typeNumber(type: ScalarType): number {
  return defined(scalarTypes.find((scalar) => scalar.type === type)).number
}

/** Bytes that grow: a vocabulary has a million small pieces. */
class ByteWriter {
  #buffer = Buffer.alloc(1 << 16)
  #length = 0

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  number(type: NumberType, value: number | bigint): void {
    this.#reserve(8)
    this.#length = numberWriters[type](this.#buffer, value, this.#length)
  }

  string(text: string): void {
    const bytes = Buffer.from(text)
    this.number('u64', bytes.length)
    this.bytes(bytes)
  }

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#buffer.length) return
    const larger = Buffer.alloc(Math.max(needed, 2 * this.#buffer.length))
    larger.set(this.#buffer)
    this.#buffer = larger
  }
}

/** Each returns the position after the value. */
const numberWriters: Record<NumberType, (bytes: Buffer, value: number | bigint, at: number) => number> = {
  u8: (bytes, value, at) => bytes.writeUInt8(Number(value), at),
  i8: (bytes, value, at) => bytes.writeInt8(Number(value), at),
  u16: (bytes, value, at) => bytes.writeUInt16LE(Number(value), at),
  i16: (bytes, value, at) => bytes.writeInt16LE(Number(value), at),
  u32: (bytes, value, at) => bytes.writeUInt32LE(Number(value), at),
  i32: (bytes, value, at) => bytes.writeInt32LE(Number(value), at),
  f32: (bytes, value, at) => bytes.writeFloatLE(Number(value), at),
  u64: (bytes, value, at) => bytes.writeBigUInt64LE(BigInt(value), at),
  i64: (bytes, value, at) => bytes.writeBigInt64LE(BigInt(value), at),
  f64: (bytes, value, at) => bytes.writeDoubleLE(Number(value), at),
}
