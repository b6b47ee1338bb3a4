import { describe, expect, it } from 'vitest'
import { uniformAt } from '../../util/rng.ts'
import { fitBins } from './bins.ts'
import { binOf } from './cart.ts'
import type { BinSample } from './samples.ts'

/** Ranks grow with entropy in four steps; `share` of the rounds came true as a whole. */
function samples(count: number, share: number, seed = 1): BinSample[] {
  return Array.from({ length: count }, (_, i) => {
    const entropy = 16 * uniformAt(seed, 3 * i)
    const rank = 8 + 12 * Math.floor(entropy / 4) + Math.floor(6 * uniformAt(seed, 3 * i + 1))
    return { entropy, rank, fullyAccepted: uniformAt(seed, 3 * i + 2) < share }
  })
}

describe('fitting bins', () => {
  it.each(['paper', 'weighted'] as const)('finds where ranks change (%s)', (loss) => {
    const { edges, basis } = fitBins(samples(600, 0.5), { loss })
    expect(basis).toBe('accepted')
    for (const step of [4, 8, 12]) expect(Math.min(...edges.map((edge) => Math.abs(edge - step)))).toBeLessThan(0.3)
  })

  it('uses only rounds that came true as a whole, unless hardly any did', () => {
    expect(fitBins(samples(600, 0.5))).toMatchObject({ basis: 'accepted', rounds: 600 })
    expect(fitBins(samples(600, 0.5)).samples).toBeLessThan(350)
    const weak = fitBins(samples(600, 0))
    expect(weak).toMatchObject({ basis: 'all', samples: 600, rounds: 600 })
    expect(weak.edges.length).toBeGreaterThanOrEqual(3)
  })

  it('makes no bins of too few rounds, so that none is a low one', () => {
    expect(fitBins([])).toMatchObject({ basis: 'none', edges: [] })
    expect(fitBins(samples(40, 1))).toMatchObject({ basis: 'none', edges: [], samples: 0, rounds: 40 })
    // Not many came true, but it is too early to say that they never will.
    expect(fitBins(samples(150, 0.1)).basis).toBe('none')
  })

  it('leaves enough samples in every bin', () => {
    for (const loss of ['paper', 'weighted'] as const) {
      const rounds = samples(400, 1)
      const counts = new Array<number>(8).fill(0)
      const { edges } = fitBins(rounds, { loss })
      for (const { entropy } of rounds) counts[binOf(entropy, edges)]!++
      expect(Math.min(...counts.slice(0, edges.length + 1))).toBeGreaterThanOrEqual(20)
    }
  })
})

it('are the same for the same rounds in any order', () => {
  const rounds = samples(500, 0.4)
  expect(fitBins([...rounds].reverse())).toEqual(fitBins(rounds))
  expect(fitBins(rounds)).not.toEqual(fitBins(samples(500, 0.4, 2)))
})
