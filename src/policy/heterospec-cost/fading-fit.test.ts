import { describe, expect, it } from 'vitest'
import { uniformAt } from '../../util/rng.ts'
import { FadingFit } from './fading-fit.ts'

/** A fit of [levels, nodes, 1] that has seen rounds of 1 to 6 levels and up to 4 nodes in each. */
function fitOf(ms: (levels: number, nodes: number) => number, rounds = 200): FadingFit {
  const fit = new FadingFit({ products: [], moments: [] }, 3)
  for (let i = 0; i < rounds; i++) {
    const levels = 1 + Math.floor(6 * uniformAt(1, i))
    const nodes = levels * (1 + Math.floor(4 * uniformAt(2, i)))
    fit.observe([levels, nodes, 1], ms(levels, nodes))
  }
  return fit
}

describe('a fading fit', () => {
  it('finds what levels and nodes cost', () => {
    const [level, node] = fitOf((levels, nodes) => 2 * levels + 0.5 * nodes).prices
    expect(Math.abs(level! - 2)).toBeLessThan(0.2)
    expect(Math.abs(node! - 0.5)).toBeLessThan(0.1)
  })

  it('finds no price where there is none, and never a negative one', () => {
    for (const price of fitOf((levels) => 3 * levels).prices.slice(1)) expect(Math.abs(price)).toBeLessThan(0.2)
    for (const price of fitOf((levels, nodes) => Math.max(0.1, 10 - nodes)).prices)
      expect(price).toBeGreaterThanOrEqual(0)
  })

  it('foretells what it has seen when rounds are all alike', () => {
    const fit = new FadingFit({ products: [], moments: [] }, 3)
    for (let i = 0; i < 30; i++) fit.observe([4, 4, 1], 2)
    expect(fit.expect([4, 4, 1])).toBeCloseTo(2, 1)
  })

  it('is not upset by one pause, and follows a machine that slows down', () => {
    const fit = fitOf((levels) => levels)
    fit.observe([3, 3, 1], 1000)
    expect(fit.expect([3, 3, 1])).toBeLessThan(3.5)
    for (let i = 0; i < 200; i++) fit.observe([1 + (i % 6), 1 + (i % 6), 1], 2 * (1 + (i % 6)))
    expect(fit.expect([3, 3, 1])).toBeGreaterThan(5.5)
  })
})
