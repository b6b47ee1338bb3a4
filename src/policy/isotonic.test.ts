import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { interpolate, isotonic, locate } from './isotonic.ts'

const values = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 30 })

describe('isotonic', () => {
  it('leaves a rising sequence alone', () => {
    expect(isotonic([1, 2, 2, 5])).toEqual([1, 2, 2, 5])
  })

  it('pools a dip with its neighbours, by weight', () => {
    expect(isotonic([1, 4, 2, 9])).toEqual([1, 3, 3, 9])
    expect(isotonic([1, 4, 2, 9], [1, 1, 3, 1])).toEqual([1, 2.5, 2.5, 9])
  })

  it('never falls and keeps the sum', () => {
    fc.assert(
      fc.property(values, (sequence) => {
        const fitted = isotonic(sequence)
        expect(fitted).toHaveLength(sequence.length)
        for (let i = 1; i < fitted.length; i++) expect(fitted[i]!).toBeGreaterThanOrEqual(fitted[i - 1]!)
        const sum = (list: number[]) => list.reduce((a, b) => a + b, 0)
        expect(sum(fitted)).toBeCloseTo(sum(sequence), 6)
      }),
    )
  })
})

describe('a curve at knots', () => {
  it('is met at the knots, straight between them and flat outside', () => {
    const at = (x: number) => interpolate([10, 20, 40], locate([1, 2, 4], x))
    expect([0, 1, 1.5, 2, 3, 4, 9].map(at)).toEqual([10, 10, 15, 20, 30, 40, 40])
  })

  it('may have a single knot', () => {
    expect(interpolate([7], locate([1], 5))).toBe(7)
  })
})
