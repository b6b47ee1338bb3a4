import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Mixture, mixtureRates, Said } from './mixture.ts'

const chance = fc.double({ min: 0.001, max: 1, noNaN: true })

function mixture(sources: number, weighed = true): Mixture {
  return new Mixture(sources, mixtureRates(sources, weighed).forSession(), weighed)
}

/** What is said of one token, by source; undefined: silent. The others speak of another one. */
function said(...chances: readonly (number | undefined)[]): Said {
  const place = new Said(chances.length)
  chances.forEach((own, source) => {
    if (own === 0) place.propose(source, 99, 0.5)
    else if (own !== undefined) place.propose(source, 1, own)
  })
  return place
}

function estimate(of: Mixture, place: Said): number {
  return of.mix(place).find(({ token }) => token === 1)!.probability
}

describe('a mixture of sources', () => {
  it('gives every proposed token once, likeliest first, with a chance between 0 and 1', () => {
    const proposals = fc.array(fc.tuple(fc.nat(3), fc.nat(9), chance), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(proposals, fc.boolean(), (drawn, weighed) => {
        const place = new Said(4)
        for (const [source, token, own] of drawn) place.propose(source, token, own)
        const mixed = mixture(4, weighed).mix(place)
        expect(new Set(mixed.map(({ token }) => token))).toEqual(new Set(drawn.map(([, token]) => token)))
        expect(mixed).toHaveLength(place.chances.size)
        mixed.forEach(({ probability, source, token }, i) => {
          expect(probability).toBeGreaterThan(0)
          expect(probability).toBeLessThan(1)
          if (i > 0) expect(probability).toBeLessThanOrEqual(mixed[i - 1]!.probability)
          // The source is one that is surest.
          const own = place.chances.get(token)!
          expect(own[source]).toBe(Math.max(...own))
        })
      }),
    )
  })

  it('believes agreement more, and contradiction less, than a source alone', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.05, max: 0.9, noNaN: true }), (own) => {
        const alone = estimate(mixture(3), said(own, undefined, undefined))
        expect(estimate(mixture(3), said(own, undefined, 0))).toBeLessThan(alone)
        expect(estimate(mixture(3), said(own, undefined, own))).toBeGreaterThan(
          estimate(mixture(3), said(own, undefined, 0)),
        )
      }),
    )
  })

  it('lets the surer one win where two contradict each other, whoever it is', () => {
    const place = (first: number, second: number): Said => {
      const both = new Said(2)
      both.propose(0, 1, first)
      both.propose(1, 2, second)
      return both
    }
    const [one, two] = mixture(2).mix(place(0.9, 0.4))
    expect([one!.token, two!.token]).toEqual([1, 2])
    expect(one!.probability).toBeGreaterThan(0.8)
    expect(two!.probability).toBeLessThan(0.1)
    expect(mixture(2).mix(place(0.4, 0.9))[0]!.token).toBe(2)
    // An unsure rival takes little away.
    const alone = estimate(mixture(2), said(0.9, undefined))
    expect(mixture(2).mix(place(0.9, 0.05))[0]!.probability).toBeGreaterThan(0.98 * alone)
  })

  it('counts an opinion in favour of another token as a contradiction too', () => {
    const weakly = new Said(2)
    weakly.propose(0, 1, 0.5)
    weakly.propose(1, 2, 0.9)
    weakly.propose(1, 1, 0.05)
    expect(estimate(mixture(2), weakly)).toBeLessThan(0.3)
  })

  it('keeps the order of a source’s own guesses', () => {
    fc.assert(
      fc.property(fc.uniqueArray(chance, { minLength: 2, maxLength: 10 }), (chances) => {
        const place = new Said(2)
        chances.forEach((own, token) => place.propose(0, token, own))
        const order = mixture(2)
          .mix(place)
          .map(({ token }) => chances[token]!)
        for (let i = 1; i < order.length; i++) {
          // Beyond the surest all are alike.
          expect(Math.min(0.999, order[i]!)).toBeLessThanOrEqual(order[i - 1]! + 1e-12)
        }
      }),
    )
  })

  it('counts an opinion about a token that others propose, and proposes none by it', () => {
    const of = mixture(2)
    const place = new Said(2)
    place.propose(0, 1, 0.4)
    place.propose(1, 2, 0.3)
    const without = estimate(of, place)
    place.support(1, 1, 0.2)
    place.support(1, 3, 0.2)
    expect(estimate(of, place)).toBeGreaterThan(without)
    expect(of.mix(place).map(({ token }) => token)).not.toContain(3)
  })

  it('learns apart for every company', () => {
    const of = mixture(3)
    const contradicted = said(0.4, undefined, 0)
    const others = [
      said(0.4, undefined, undefined),
      said(0.4, 0, undefined),
      said(0.4, 0, 0),
      said(0.4, undefined, 0.4),
    ]
    const before = others.map((place) => estimate(of, place))
    const { mark } = of.mix(contradicted).find(({ token }) => token === 1)!
    for (let i = 0; i < 60; i++) of.observe(mark, false)
    expect(estimate(of, contradicted)).toBeLessThan(0.1)
    expect(others.map((place) => estimate(of, place))).toEqual(before)
  })
})
