import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { uniformAt } from '../util/rng.ts'
import { geometricMean, quartiles, showInterval } from './statistics.ts'

const ratios = fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 1, maxLength: 40 })

describe('the geometric mean with its interval', () => {
  it('lies in its interval, which lies among the ratios', () => {
    fc.assert(
      fc.property(ratios, (values) => {
        const { mean, low, high } = geometricMean(values)
        const slack = 1e-9
        expect(low).toBeLessThanOrEqual(mean * (1 + slack))
        expect(high).toBeGreaterThanOrEqual(mean * (1 - slack))
        expect(low).toBeGreaterThanOrEqual(Math.min(...values) * (1 - slack))
        expect(high).toBeLessThanOrEqual(Math.max(...values) * (1 + slack))
      }),
      { numRuns: 30 },
    )
  })

  it('of inverse ratios is the inverse', () => {
    fc.assert(
      fc.property(ratios, (values) => {
        const there = geometricMean(values)
        const back = geometricMean(values.map((value) => 1 / value))
        expect(there.mean * back.mean).toBeCloseTo(1, 9)
      }),
      { numRuns: 30 },
    )
  })

  it('holds the truth about nineteen times of twenty', () => {
    const experiments = 200
    let held = 0
    for (let run = 0; run < experiments; run++) {
      // 60 ratios around 1 whose logarithms are roughly normal, deviation 0.1.
      const values = Array.from({ length: 60 }, (_, index) => {
        let sum = -6
        for (let draw = 0; draw < 12; draw++) sum += uniformAt(1000 + run, index * 12 + draw)
        return Math.exp(0.1 * sum)
      })
      const { low, high } = geometricMean(values)
      if (low <= 1 && high >= 1) held++
    }
    expect(held / experiments).toBeGreaterThan(0.9)
    expect(held / experiments).toBeLessThan(0.99)
  })

  it('is the same for the same figures, and nothing for none', () => {
    expect(geometricMean([1, 2, 3])).toEqual(geometricMean([1, 2, 3]))
    expect(geometricMean([]).mean).toBeNaN()
    expect(showInterval({ mean: 1.234, low: 1, high: 2 })).toBe('1.23 (1.00 to 2.00)')
  })
})

describe('quartiles', () => {
  it('are those of the sorted values', () => {
    expect(quartiles([5, 1, 3, 2, 4])).toEqual({ mean: 3, low: 2, high: 4 })
    expect(quartiles([7])).toEqual({ mean: 7, low: 7, high: 7 })
  })
})
