/**
 * Reads the header of one GGUF file: counts, metadata, tensor table, each checked before it is believed.
 * Versions 2 and 3, little-endian. Weights are not read; parts of a split model are joined in `load.ts`.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { UsageError } from '../util/errors.ts'
import { limits } from './limits.ts'
import { HeaderMetadata, parseMetadata } from './metadata.ts'
import { quantType } from './quants.ts'
import { badFile, HeaderSource } from './source.ts'
import type { GgufTensor, Metadata } from './types.ts'

/** One file, read on its own. */
export interface GgufPart {
  readonly path: string
  readonly bytes: number
  readonly version: number
  readonly alignment: number
  readonly metadata: Metadata
  readonly tensors: readonly Omit<GgufTensor, 'file'>[]
  /** The header's bytes, for the fingerprint. */
  readonly header: Uint8Array
}

/** Reads and checks one file. Throws `unknown-model` if there is none, `bad-file` if its bytes are wrong. */
export function readPart(path: string): GgufPart {
  const fd = open(path)
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile()) throw badFile(path, 'expected a file, got a folder or a device')
    return parsePart(new HeaderSource(path, fd, stats.size))
  } finally {
    closeSync(fd)
  }
}

/** `position` moved up to the next multiple of `alignment`. */
export function alignUp(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment
}

// ---------------------------------------------------------------------------------------------------------------

function open(path: string): number {
  try {
    // Non-blocking, so that a named pipe is refused like every other non-file and does not wait for a writer.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new UsageError('unknown-model', `expected a model file at ${path}, found none; check the path`, {
        cause: error,
      })
    }
    throw new UsageError(
      'model-unavailable',
      `expected a readable model file at ${path}, got ${code ?? String(error)}; check its permissions`,
      {
        cause: error,
      },
    )
  }
}

function parsePart(source: HeaderSource): GgufPart {
  const version = parseVersion(source)
  const tensorCount = parseCount(source, 'tensors', limits.tensorCount)
  const metadataCount = parseCount(source, 'metadata values', limits.metadataCount)
  const entries = parseMetadata(source, metadataCount)
  // The window may still grow and move: this view serves for the alignment only.
  const alignment = parseAlignment(source.path, new HeaderMetadata(source.path, source.window, entries))
  const rows = parseTensorRows(source, tensorCount)
  const header = source.header()
  return {
    path: source.path,
    bytes: source.fileBytes,
    version,
    alignment,
    metadata: new HeaderMetadata(source.path, header, entries),
    tensors: placeTensors(source, rows, alignment),
    header,
  }
}

function parseVersion(source: HeaderSource): number {
  const magic = source.u32('the four letters GGUF')
  if (magic !== 0x46554747) {
    const start = source.window.toString('latin1', 0, 4)
    const hint = start === 'vers' ? ', which looks like a Git LFS pointer instead of the model' : ''
    throw badFile(source.path, `expected a GGUF file, which begins with "GGUF", got ${JSON.stringify(start)}${hint}`)
  }
  const version = source.u32('the version')
  if (version === 2 || version === 3) return version
  if (version === 1)
    throw badFile(source.path, 'expected GGUF version 2 or 3, got 1, which llama.cpp gave up in 2023; convert it anew')
  if ((version & 0xffff) === 0 && version !== 0)
    throw badFile(source.path, 'expected a little-endian GGUF file, got a big-endian one')
  throw badFile(source.path, `expected GGUF version 2 or 3, got ${version}`)
}

function parseCount(source: HeaderSource, what: string, limit: number): number {
  const count = source.u64(`the number of ${what}`)
  if (count > limit) throw badFile(source.path, `expected at most ${limit} ${what}, got ${count}`)
  return count
}

function parseAlignment(path: string, metadata: Metadata): number {
  const type = metadata.typeName('general.alignment')
  if (type === 'absent') return 32
  const alignment = type === 'u32' ? metadata.number('general.alignment') : undefined
  // A power of two has one bit: it shares none with its predecessor.
  if (!alignment || (alignment & (alignment - 1)) !== 0 || alignment > limits.alignment) {
    throw badFile(
      path,
      `expected general.alignment as u32 power of two up to ${limits.alignment}, got ${type} ${alignment ?? ''}`,
    )
  }
  return alignment
}

interface TensorRow {
  readonly name: string
  readonly type: number
  readonly shape: readonly number[]
  readonly bytes: number
  /** Relative to the data section. */
  readonly offset: number
}

function parseTensorRows(source: HeaderSource, count: number): TensorRow[] {
  const names = new Set<string>()
  return Array.from({ length: count }, (_, index) => {
    const name = source.text(limits.tensorNameBytes, `the name of tensor ${index}`)
    // C ends names at a zero byte: two names could become one there.
    if (name.includes('\0'))
      throw badFile(source.path, `expected a tensor name without zero bytes, got ${JSON.stringify(name)}`)
    const what = `tensor ${JSON.stringify(name)}`
    if (names.has(name)) throw badFile(source.path, `expected every tensor once, got ${what} twice`)
    names.add(name)
    const shape = parseShape(source, what)
    const type = source.u32(what)
    return { name, type, shape, bytes: tensorBytes(source.path, what, type, shape), offset: source.u64(what) }
  })
}

function parseShape(source: HeaderSource, what: string): number[] {
  const dimensions = source.u32(what)
  if (dimensions < 1 || dimensions > limits.dimensions) {
    throw badFile(source.path, `expected 1 to ${limits.dimensions} dimensions of ${what}, got ${dimensions}`)
  }
  const shape = Array.from({ length: dimensions }, () => source.u64(what))
  const elements = shape.reduce((product, extent) => product * extent, 1)
  if (elements < 1 || elements > limits.elements) {
    throw badFile(source.path, `expected ${what} to have 1 to 2^53 elements, got [${shape.join(', ')}]`)
  }
  return shape
}

function tensorBytes(path: string, what: string, type: number, shape: readonly number[]): number {
  const quant = quantType(type)
  if (!quant) throw badFile(path, `expected a known type of ${what}, got type ${type}; it may need a newer ggml`)
  const [row = 1] = shape
  if (row % quant.blockSize !== 0) {
    throw badFile(path, `expected rows of ${what} in blocks of ${quant.blockSize} (${quant.name}), got ${row}`)
  }
  return (shape.reduce((product, extent) => product * extent, 1) / quant.blockSize) * quant.blockBytes
}

/** ggml's rule: tensors lie in the table's order, one right after another, each padded to the alignment. */
function placeTensors(source: HeaderSource, rows: readonly TensorRow[], alignment: number): Omit<GgufTensor, 'file'>[] {
  const dataStart = alignUp(source.position, alignment)
  let expected = 0
  let end = source.position
  const tensors = rows.map(({ offset, ...row }) => {
    if (offset !== expected) {
      throw badFile(
        source.path,
        `expected tensor ${JSON.stringify(row.name)} at offset ${expected} after its predecessor, got ${offset}`,
      )
    }
    end = dataStart + offset + row.bytes
    expected = alignUp(offset + row.bytes, alignment)
    return { ...row, offset: dataStart + offset }
  })
  if (end > source.fileBytes) throw badFile(source.path, `is truncated: expected ${end} bytes, got ${source.fileBytes}`)
  return tensors
}
