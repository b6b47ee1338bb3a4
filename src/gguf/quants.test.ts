import { describe, expect, it } from 'vitest'
import { loadGgml } from '../ffi/index.ts'
import { uniformAt } from '../util/rng.ts'
import { dequantize, quantName, quantNumbers, quantType } from './index.ts'

const { base } = loadGgml()

describe('the table of types', () => {
  it('agrees with the library about every number that it knows', () => {
    const known = quantNumbers().map((type) => {
      const { name, blockSize, blockBytes } = quantType(type)!
      return [type, name.toLowerCase(), blockSize, blockBytes]
    })
    const library = known.map(([type]) => {
      const number = Number(type)
      return [
        number,
        base.ggml_type_name(number)?.toLowerCase(),
        base.ggml_blck_size(number),
        base.ggml_type_size(number),
      ]
    })
    expect(known).toEqual(library)
  })

  it('knows neither removed nor future types', () => {
    for (const type of [4, 5, 31, 32, 33, 36, 37, 38, 43, -1, 0xffffffff]) expect(quantType(type)).toBeUndefined()
    expect(quantName(14)).toBe('Q6_K')
    expect(quantName(99)).toBe('type 99')
  })
})

describe('dequantize', () => {
  const count = 1024
  const values = Float32Array.from({ length: count }, (_, i) => Math.fround((uniformAt(3, i) - 0.4) * (1 + (i >> 6))))
  // Largest error over the largest magnitude in the surrounding 256 values: half a step of the format, with slack.
  const bounds: Record<string, number> = {
    F32: 0,
    F16: 6e-4,
    BF16: 5e-3,
    Q4_0: 0.13,
    Q4_1: 0.08,
    Q5_0: 0.07,
    Q5_1: 0.04,
    Q8_0: 5e-3,
    Q4_K: 0.09,
    Q6_K: 0.04,
  }

  it.each([0, 1, 30, 2, 3, 6, 7, 8, 12, 14])('undoes what the library did to type %i', (type) => {
    const { blockSize, blockBytes, name } = quantType(type)!
    const bytes = new Uint8Array((count / blockSize) * blockBytes)
    if (type === 0) bytes.set(new Uint8Array(values.buffer))
    else base.ggml_quantize_chunk(type, values, bytes, 0, 1, count, null)
    const back = dequantize(type, bytes, count)
    for (let start = 0; start < count; start += 256) {
      const largest = Math.max(...values.subarray(start, start + 256).map(Math.abs))
      const errors = values.subarray(start, start + 256).map((value, i) => Math.abs(value - back[start + i]!))
      expect(Math.max(...errors) / largest).toBeLessThanOrEqual(bounds[name]!)
    }
  })

  it('reads the special values of half precision', () => {
    const bytes = new Uint8Array(new Uint16Array([0x0001, 0x8000, 0x7c00, 0xfc00, 0x7e00, 0x3c00, 0x7bff]).buffer)
    expect([...dequantize(1, bytes, 7)]).toEqual([2 ** -24, -0, Infinity, -Infinity, NaN, 1, 65504])
  })

  it('refuses formats without a reference and buffers that are too short', () => {
    expect(() => dequantize(16, new Uint8Array(66), 256)).toThrow('got IQ2_XXS')
    expect(() => dequantize(8, new Uint8Array(33), 32)).toThrow(
      'expected whole blocks of Q8_0 for 32 elements, got 33 bytes',
    )
    expect(() => dequantize(8, new Uint8Array(34), 31)).toThrow('expected whole blocks')
  })
})
