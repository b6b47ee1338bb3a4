/** Half-precision numbers: features wait on the disk in two bytes each. Rounds to the nearest, ties to even. */
import { halfToNumber } from '../../gguf/index.ts'

/** Writes `values` as F16 bits from `into[at]` on. What is too large becomes the largest number: a stream may have outliers. */
export function encodeHalf(values: Float32Array, into: Uint16Array, at: number): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < values.length; i++) {
    const word = bits[i] as number
    const sign = (word >>> 16) & 0x8000
    const size = word & 0x7fffffff
    if (size > 0x7f800000) into[at + i] = sign | NOT_A_NUMBER
    else if (size >= TOO_LARGE) into[at + i] = sign | LARGEST
    else if (size >= SMALLEST_NORMAL) into[at + i] = sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13)
    else into[at + i] = sign | roundToEven(Math.abs(values[i] as number) * 2 ** 24)
  }
}

/** All 65536 numbers by their F16 bits: decoding is a look-up. */
export function halfTable(): Float32Array {
  return Float32Array.from({ length: 65536 }, (_, bits) => halfToNumber(bits))
}

// ---------------------------------------------------------------------------------------------------------------

const NOT_A_NUMBER = 0x7e00
const LARGEST = 0x7bff
/** 65520 as F32 bits: from here on the nearest F16 would be infinite. */
const TOO_LARGE = 0x477ff000
/** 2^-14 as F32 bits. */
const SMALLEST_NORMAL = 0x38800000

function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}
