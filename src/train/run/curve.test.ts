import { describe, expect, it } from 'vitest'
import { uniformAt } from '../../util/rng.ts'
import { describeFit, fitCurve } from './curve.ts'

const tokens = [1e4, 2e4, 4e4, 8e4, 16e4]

describe('a learning curve', () => {
  it('finds the line that numbers were made of', () => {
    const fit = fitCurve(tokens.map((count) => ({ tokens: count, tau: 0.5 + 0.2 * Math.log10(count) })))!
    expect(fit.slope).toBeCloseTo(0.2)
    expect(fit.intercept).toBeCloseTo(0.5)
    const [double, tenfold] = fit.predictions
    expect(double).toMatchObject({ tokens: 32e4 })
    expect(double!.tau).toBeCloseTo(0.5 + 0.2 * Math.log10(32e4))
    expect(tenfold!.tau).toBeCloseTo(0.5 + 0.2 * Math.log10(16e5))
    expect(tenfold!.high - tenfold!.low).toBeCloseTo(0)
  })

  it('finds the power law that numbers were made of', () => {
    const fit = fitCurve(tokens.map((count) => ({ tokens: count, tau: 1 + 0.01 * count ** 0.3 })))!
    expect(fit.exponent).toBeCloseTo(0.3)
    expect(fit.predictions[1]!.byPowerLaw).toBeCloseTo(1 + 0.01 * 16e5 ** 0.3)
  })

  it('has ranges that hold about 95 of 100 new numbers', () => {
    // Sums of twelve uniform numbers are normal enough.
    const normal = (seed: number, at: number): number =>
      Array.from({ length: 12 }, (_, i) => uniformAt(seed, 12 * at + i)).reduce((sum, value) => sum + value, -6)
    let hits = 0
    for (let seed = 0; seed < 500; seed++) {
      const noisy = (count: number, at: number): number => 1.2 + 0.1 * Math.log10(count) + 0.01 * normal(seed, at)
      const fit = fitCurve(tokens.map((count, at) => ({ tokens: count, tau: noisy(count, at) })))!
      const { low, high } = fit.predictions[1]!
      const truth = noisy(16e5, 99)
      if (truth >= low && truth <= high) hits++
    }
    expect(hits / 500).toBeGreaterThan(0.92)
    expect(hits / 500).toBeLessThan(0.98)
  })

  it('is none for too few points, and says so', () => {
    expect(
      fitCurve([
        { tokens: 10, tau: 1.1 },
        { tokens: 20, tau: 1.2 },
        { tokens: 20, tau: 1.2 },
      ]),
    ).toBeUndefined()
    expect(describeFit(undefined)).toMatch(/Too few/)
  })

  it('says plainly when a slope is not clear of nought', () => {
    const flat = fitCurve(tokens.map((count, at) => ({ tokens: count, tau: 1.5 + (at % 2 === 0 ? 0.1 : -0.1) })))
    expect(describeFit(flat)).toMatch(/do not say whether more data would help/)
  })
})
