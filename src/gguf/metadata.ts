/**
 * Typed access to the metadata of one header. Parsing only notes where each value lies; values are decoded when asked
 * for, because a vocabulary of 150,000 strings costs tens of milliseconds and most runs never look at it.
 */
import { limits } from './limits.ts'
import { badFile, type HeaderSource } from './source.ts'
import type { Metadata, MetadataValue, NumberType } from './types.ts'

type ScalarType = NumberType | 'bool' | 'string'

interface Entry {
  readonly type: ScalarType
  /** Number of elements of an array; `undefined` for a single value. */
  readonly length: number | undefined
  /** First byte of the value or of the first element. */
  readonly start: number
}

/** Reads `count` keys and values. */
export function parseMetadata(source: HeaderSource, count: number): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>()
  for (let i = 0; i < count; i++) {
    const key = source.text(limits.keyBytes, `the key of metadata ${i}`)
    if (entries.has(key)) throw badFile(source.path, `expected every metadata key once, got ${show(key)} twice`)
    entries.set(key, parseEntry(source, `metadata ${show(key)}`))
  }
  return entries
}

/** Numbers of the scalar types in the file, and their bytes; strings have a length in front. */
export const scalarTypes: readonly { readonly number: number; readonly type: ScalarType; readonly bytes: number }[] = [
  { number: 0, type: 'u8', bytes: 1 },
  { number: 1, type: 'i8', bytes: 1 },
  { number: 2, type: 'u16', bytes: 2 },
  { number: 3, type: 'i16', bytes: 2 },
  { number: 4, type: 'u32', bytes: 4 },
  { number: 5, type: 'i32', bytes: 4 },
  { number: 6, type: 'f32', bytes: 4 },
  { number: 7, type: 'bool', bytes: 1 },
  { number: 8, type: 'string', bytes: 0 },
  { number: 10, type: 'u64', bytes: 8 },
  { number: 11, type: 'i64', bytes: 8 },
  { number: 12, type: 'f64', bytes: 8 },
]

/** Number of the array type in the file. */
export const arrayType = 9

/** The values of one header, decoded on access. */
export class HeaderMetadata implements Metadata {
  readonly #path: string
  readonly #bytes: Buffer
  readonly #entries: ReadonlyMap<string, Entry>

  constructor(path: string, bytes: Buffer, entries: ReadonlyMap<string, Entry>) {
    this.#path = path
    this.#bytes = bytes
    this.#entries = entries
  }

  get keys(): readonly string[] {
    return [...this.#entries.keys()]
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  number(key: string): number | undefined {
    const value = this.value(key)
    if (value === undefined) return undefined
    if (value.type === 'array' || value.type === 'bool' || value.type === 'string') throw this.#wrong(key, 'a number')
    return this.#exact(key, value.value)
  }

  string(key: string): string | undefined {
    const value = this.value(key)
    if (value !== undefined && value.type !== 'string') throw this.#wrong(key, 'a string')
    return value?.value
  }

  boolean(key: string): boolean | undefined {
    const value = this.value(key)
    if (value !== undefined && value.type !== 'bool') throw this.#wrong(key, 'a boolean')
    return value?.value
  }

  numbers(key: string): readonly number[] | undefined {
    const value = this.value(key)
    if (value?.type !== 'array') {
      const single = this.number(key)
      return single === undefined ? undefined : [single]
    }
    if (value.of === 'bool' || value.of === 'string') throw this.#wrong(key, 'numbers')
    return value.values.map((number) => this.#exact(key, number))
  }

  strings(key: string): readonly string[] | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry.type !== 'string' || entry.length === undefined) throw this.#wrong(key, 'an array of strings')
    return this.#decodeStrings(entry.start, entry.length)
  }

  arrayLength(key: string): number | undefined {
    const entry = this.#entries.get(key)
    if (entry !== undefined && entry.length === undefined) throw this.#wrong(key, 'an array')
    return entry?.length
  }

  typeName(key: string): string {
    const entry = this.#entries.get(key)
    if (entry === undefined) return 'absent'
    return entry.length === undefined ? entry.type : `array<${entry.type}>[${entry.length}]`
  }

  value(key: string): MetadataValue | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    const { type, length, start } = entry
    if (type === 'string') {
      const values = this.#decodeStrings(start, length ?? 1)
      return length === undefined ? { type, value: values[0] ?? '' } : { type: 'array', of: type, values }
    }
    if (type === 'bool') {
      const values = Array.from(this.#bytes.subarray(start, start + (length ?? 1)), (byte) => byte !== 0)
      return length === undefined ? { type, value: values[0] === true } : { type: 'array', of: type, values }
    }
    const values = decodeNumbers(this.#bytes, type, start, length ?? 1)
    return length === undefined ? { type, value: values[0] ?? 0 } : { type: 'array', of: type, values }
  }

  #decodeStrings(start: number, count: number): string[] {
    const values = new Array<string>(count)
    let at = start
    for (let i = 0; i < count; i++) {
      // The length was checked against the file's size when the header was parsed: its upper half is zero.
      const length = this.#bytes.readUInt32LE(at)
      values[i] = this.#bytes.toString('utf8', at + 8, at + 8 + length)
      at += 8 + length
    }
    return values
  }

  #exact(key: string, value: number | bigint): number {
    if (typeof value === 'number') return value
    throw badFile(this.#path, `expected ${show(key)} within 2^53, got ${value}`)
  }

  #wrong(key: string, expected: string): Error {
    return badFile(this.#path, `expected ${expected} in metadata ${show(key)}, got ${this.typeName(key)}`)
  }
}

// ---------------------------------------------------------------------------------------------------------------

function parseEntry(source: HeaderSource, what: string): Entry {
  const number = source.u32(what)
  if (number !== arrayType) {
    const { type, bytes } = scalarOf(source, number, what)
    const start = source.position
    source.take(type === 'string' ? source.u64(what) : bytes, what)
    return { type, length: undefined, start }
  }
  const elementNumber = source.u32(what)
  // ggml has never read arrays of arrays, so no model has them.
  if (elementNumber === arrayType)
    throw badFile(source.path, `expected a flat array in ${what}, got an array of arrays`)
  const { type, bytes } = scalarOf(source, elementNumber, what)
  const length = source.u64(what)
  const start = source.position
  const least = length * (type === 'string' ? 8 : bytes)
  if (least > source.remaining) {
    throw badFile(source.path, `expected ${length} values in ${what}, the file has only ${source.remaining} bytes left`)
  }
  if (type === 'string') source.skipStrings(length, what)
  else source.take(least, what)
  return { type, length, start }
}

function scalarOf(source: HeaderSource, number: number, what: string): (typeof scalarTypes)[number] {
  const scalar = scalarTypes.find((row) => row.number === number)
  if (!scalar) throw badFile(source.path, `expected a value type from 0 to 12 in ${what}, got ${number}`)
  return scalar
}

function decodeNumbers(bytes: Buffer, type: NumberType, start: number, count: number): (number | bigint)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const read = numberReaders[type]
  const stride = scalarTypes.find((row) => row.type === type)?.bytes ?? 0
  const values = new Array<number | bigint>(count)
  for (let i = 0; i < count; i++) values[i] = read(view, start + i * stride)
  return values
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

const numberReaders: Record<NumberType, (view: DataView, at: number) => number | bigint> = {
  u8: (view, at) => view.getUint8(at),
  i8: (view, at) => view.getInt8(at),
  u16: (view, at) => view.getUint16(at, true),
  i16: (view, at) => view.getInt16(at, true),
  u32: (view, at) => view.getUint32(at, true),
  i32: (view, at) => view.getInt32(at, true),
  f32: (view, at) => view.getFloat32(at, true),
  u64: (view, at) => narrow(view.getBigUint64(at, true)),
  i64: (view, at) => narrow(view.getBigInt64(at, true)),
  f64: (view, at) => view.getFloat64(at, true),
}

/** A key as it may be printed: hostile files put control characters and kilobytes into them. */
function show(key: string): string {
  return JSON.stringify(key.length > 80 ? `${key.slice(0, 80)}…` : key)
}
