import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { argMax, entropy, logSumExp, median } from './math.ts'

describe('argMax', () => {
  it('is the first position of the largest value', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 50 }), (values) => {
        expect(argMax(Float32Array.from(values))).toBe(values.indexOf(Math.max(...values)))
      }),
    )
  })

  it('finds a finite value among infinite ones and takes 0 where all are -Infinity', () => {
    expect(argMax(Float32Array.of(-Infinity, -Infinity, -5, -Infinity))).toBe(2)
    expect(argMax(Float32Array.of(-Infinity, -Infinity))).toBe(0)
  })
})

describe('logSumExp', () => {
  it('is the logarithm of the sum of exponentials', () => {
    expect(logSumExp(Float32Array.of(0, 0, 0, 0))).toBeCloseTo(Math.log(4), 12)
    expect(logSumExp(Float32Array.of(1, -2, 0.5))).toBeCloseTo(Math.log(Math.E + Math.exp(-2) + Math.exp(0.5)), 12)
  })

  it('survives values whose exponentials do not exist', () => {
    expect(logSumExp(Float32Array.of(5000, 5000))).toBeCloseTo(5000 + Math.LN2, 9)
    expect(logSumExp(Float32Array.of(-5000, -5000))).toBeCloseTo(-5000 + Math.LN2, 9)
    expect(logSumExp(Float32Array.of(3, -Infinity))).toBe(3)
    expect(logSumExp(Float32Array.of(-Infinity))).toBe(-Infinity)
  })

  it('is never below the largest value, so that log-probabilities are never positive', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, min: -1000, max: 1000 }), { minLength: 1 }), (values) => {
        expect(logSumExp(Float32Array.from(values))).toBeGreaterThanOrEqual(Math.max(...values))
      }),
    )
  })
})

describe('entropy', () => {
  it('is 0 for certainty and log n for n equal chances', () => {
    expect(entropy([1, 0, 0])).toBe(0)
    expect(entropy(new Float32Array(8).fill(1 / 8))).toBeCloseTo(Math.log(8), 12)
    expect(entropy([0.5, 0.25, 0.25])).toBeCloseTo(1.5 * Math.LN2, 12)
  })
})

describe('median', () => {
  it('is the middle value, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([9, 1, 5, 2])).toBe(3.5)
    expect(median([])).toBeNaN()
  })

  it('leaves its argument in order', () => {
    const values = [3, 1, 2]
    median(values)
    expect(values).toEqual([3, 1, 2])
  })
})
