/**
 * Reference dequantisation in plain loops, for tests that compare the native graphs with float64 arithmetic.
 * It knows the formats that these tests need; speed is not its purpose. Layouts as in ggml's `ggml-common.h`.
 */
import { ModelFileError } from '../util/errors.ts'
import { quantName, quantType } from './quants.ts'

/** Values of `count` elements stored as `type`. Throws `unsupported-model` for formats without a reference. */
export function dequantize(type: number, bytes: Uint8Array, count: number): Float32Array {
  const quant = quantType(type)
  const unpack = unpackers.get(type)
  if (!quant || !unpack) {
    throw new ModelFileError(
      'unsupported-model',
      `expected a type with a reference dequantisation, got ${quantName(type)}`,
    )
  }
  const blocks = count / quant.blockSize
  if (!Number.isInteger(blocks) || bytes.length < blocks * quant.blockBytes) {
    throw new ModelFileError(
      'bad-file',
      `expected whole blocks of ${quant.name} for ${count} elements, got ${bytes.length} bytes`,
    )
  }
  const out = new Float32Array(count)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let block = 0; block < blocks; block++) {
    const at = block * quant.blockBytes
    unpack(view, at, out.subarray(block * quant.blockSize, (block + 1) * quant.blockSize))
  }
  return out
}

// ---------------------------------------------------------------------------------------------------------------

/** Writes the values of the block at byte `at` to `out` [blockSize]. */
type Unpack = (view: DataView, at: number, out: Float32Array) => void

function half(view: DataView, at: number): number {
  return halfToNumber(view.getUint16(at, true))
}

/** The number of 16 bits of half precision. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

const brainScratch = new DataView(new ArrayBuffer(4))

function brain(view: DataView, at: number): number {
  brainScratch.setUint32(0, view.getUint16(at, true) << 16)
  return brainScratch.getFloat32(0)
}

/** Four-bit blocks of 32: low nibbles are the first half. `high` adds a fifth bit from a 32-bit field. */
function nibbles(view: DataView, at: number, high: number, value: (q: number) => number, out: Float32Array): void {
  for (let i = 0; i < 16; i++) {
    const byte = view.getUint8(at + i)
    out[i] = value((byte & 15) | (((high >>> i) & 1) << 4))
    out[i + 16] = value((byte >> 4) | (((high >>> (i + 16)) & 1) << 4))
  }
}

/** The six-bit scale and minimum of sub-block `j` of Q4_K, packed in 12 bytes. */
function scaleAndMin(view: DataView, at: number, j: number): readonly [scale: number, min: number] {
  const byte = (i: number): number => view.getUint8(at + i)
  if (j < 4) return [byte(j) & 63, byte(j + 4) & 63]
  return [(byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4), (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4)]
}

function unpackQ4K(view: DataView, at: number, out: Float32Array): void {
  const d = half(view, at)
  const dMin = half(view, at + 2)
  for (let j = 0; j < 8; j++) {
    const [scale, min] = scaleAndMin(view, at + 4, j)
    for (let i = 0; i < 32; i++) {
      const byte = view.getUint8(at + 16 + (j >> 1) * 32 + i)
      const q = j % 2 === 0 ? byte & 15 : byte >> 4
      out[j * 32 + i] = Math.fround(d * scale) * q - Math.fround(dMin * min)
    }
  }
}

function unpackQ6K(view: DataView, at: number, out: Float32Array): void {
  const d = half(view, at + 208)
  for (let i = 0; i < 256; i++) {
    // Each half of 128 has four rows of 32: two rows share the low bytes, all four share the high bytes.
    const row = (i >> 5) & 3
    const column = i & 31
    const start = i >> 7
    const low = view.getUint8(at + start * 64 + (row & 1) * 32 + column)
    const high = view.getUint8(at + 128 + start * 32 + column)
    const q = (row < 2 ? low & 15 : low >> 4) | (((high >> (2 * row)) & 3) << 4)
    const scale = view.getInt8(at + 192 + (i >> 4))
    out[i] = d * scale * (q - 32)
  }
}

const unpackers: ReadonlyMap<number, Unpack> = new Map<number, Unpack>([
  [0, (view, at, out) => (out[0] = view.getFloat32(at, true))],
  [1, (view, at, out) => (out[0] = half(view, at))],
  [30, (view, at, out) => (out[0] = brain(view, at))],
  [
    2,
    (view, at, out) => {
      const d = half(view, at)
      nibbles(view, at + 2, 0, (q) => d * (q - 8), out)
    },
  ],
  [
    3,
    (view, at, out) => {
      const [d, m] = [half(view, at), half(view, at + 2)]
      nibbles(view, at + 4, 0, (q) => d * q + m, out)
    },
  ],
  [
    6,
    (view, at, out) => {
      const d = half(view, at)
      nibbles(view, at + 6, view.getUint32(at + 2, true), (q) => d * (q - 16), out)
    },
  ],
  [
    7,
    (view, at, out) => {
      const [d, m] = [half(view, at), half(view, at + 2)]
      nibbles(view, at + 8, view.getUint32(at + 4, true), (q) => d * q + m, out)
    },
  ],
  [
    8,
    (view, at, out) => {
      const d = half(view, at)
      for (let i = 0; i < 32; i++) out[i] = d * view.getInt8(at + 2 + i)
    },
  ],
  [12, unpackQ4K],
  [14, unpackQ6K],
])
