/** Weights of tiny models: random numbers with a fixed seed, and their bytes in every type that ggml knows. */
import { loadGgml } from '../../src/ffi/index.ts'

/** ggml's numbers of the types that weights may have. */
export const weightTypes = {
  f32: 0,
  f16: 1,
  q4_0: 2,
  q4_1: 3,
  q5_0: 6,
  q5_1: 7,
  q8_0: 8,
  q2_K: 10,
  q3_K: 11,
  q4_K: 12,
  q5_K: 13,
  q6_K: 14,
  iq2_xxs: 16,
  iq2_xs: 17,
  iq3_xxs: 18,
  iq1_s: 19,
  iq4_nl: 20,
  iq3_s: 21,
  iq2_s: 22,
  iq4_xs: 23,
  iq1_m: 29,
  bf16: 30,
  tq1_0: 34,
  tq2_0: 35,
  mxfp4: 39,
  nvfp4: 40,
  q1_0: 41,
  q2_0: 42,
} as const

export type WeightType = keyof typeof weightTypes

/** Normal numbers from a 32-bit generator (Mulberry32) by Box and Muller: the same on every machine. */
export function normalNumbers(seed: number): () => number {
  let state = seed >>> 0
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}

/** Values as bytes of their type, quantised by ggml. */
export function encode(name: WeightType, perRow: number, values: Float32Array): Uint8Array {
  const { base } = loadGgml()
  const type = weightTypes[name]
  const rows = values.length / perRow
  const blockSize = base.ggml_blck_size(type)
  if (perRow % blockSize !== 0) {
    throw new Error(`expected rows of a multiple of ${blockSize} for ${name}, got ${perRow}; choose another width`)
  }
  const bytes = new Uint8Array(base.ggml_row_size(type, perRow) * rows)
  const scaleAt = scaleOffsets[name]
  if (scaleAt === undefined) base.ggml_quantize_chunk(type, values, bytes, 0, rows, perRow, null)
  else fillBlocks(bytes, base.ggml_type_size(type), scaleAt, values)
  return bytes
}

/**
 * The one- and two-bit types search their codebooks for tens of seconds, and any bits are valid codes. So their blocks
 * are drawn instead of searched: only the block's scale (float16) has to be sensible. Here is where it lies.
 */
const scaleOffsets: Partial<Record<WeightType, 'first' | 'nibbles'>> = {
  iq2_xxs: 'first',
  iq2_xs: 'first',
  iq2_s: 'first',
  iq1_s: 'first',
  iq1_m: 'nibbles',
}

function fillBlocks(bytes: Uint8Array, blockBytes: number, place: 'first' | 'nibbles', values: Float32Array): void {
  const random = normalNumbers(Math.floor((values[0] ?? 0) * 2 ** 30))
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(Math.abs(random()) * 65536) & 255
  const view = new DataView(bytes.buffer)
  const spread = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
  const scale = halfFloat(spread / (blockBytes < 64 ? 6 : 40)) // one-bit codes average about 6 scales, two-bit ones 40
  for (let start = 0; start < bytes.length; start += blockBytes) {
    if (place === 'first') view.setUint16(start, scale, true)
    // IQ1_M keeps the scale in the top four bits of the four 16-bit words at the block's end, lowest bits first.
    else
      for (let i = 0; i < 4; i++) {
        const at = start + blockBytes - 8 + 2 * i
        view.setUint16(at, (view.getUint16(at, true) & 0x0fff) | (((scale >> (4 * i)) & 15) << 12), true)
      }
  }
}

/** A small positive number as the bits of a float16, cut off. */
function halfFloat(value: number): number {
  const exponent = Math.floor(Math.log2(value))
  return ((exponent + 15) << 10) | Math.floor((value / 2 ** exponent - 1) * 1024)
}
