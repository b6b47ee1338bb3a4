import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expectedTau } from '../synthetic.ts'
import { breakEvenRate, describeStairs, findStairs } from './stairs.ts'

const list = (price: (rows: number) => number, counts = Array.from({ length: 32 }, (_, i) => i + 1)) =>
  counts.map((rows) => ({ rows, context: 64, ms: price(rows) }))

describe('breakEvenRate', () => {
  it('is the rate at which a chain brings what its rows cost', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 63 }), fc.double({ min: 0.02, max: 1, noNaN: true }), (depth, rate) => {
        const tau = expectedTau(Array.from({ length: depth }, () => rate)).at(-1)!
        expect(breakEvenRate(depth, tau)).toBeCloseTo(rate, 4)
      }),
    )
  })

  it('is none where even certain guesses do not pay', () => {
    expect(breakEvenRate(3, 4.1)).toBeNull()
    expect(breakEvenRate(3, 4)).toBeCloseTo(1)
    expect(breakEvenRate(3, 1)).toBeCloseTo(0)
  })
})

describe('findStairs', () => {
  it('finds the ends of stairs, where they jump, and what a step costs', () => {
    const { jumps, cheapRows, context } = findStairs(list((rows) => 10 + 5 * Math.floor((rows - 1) / 8)))
    expect(jumps).toEqual([
      { rows: 8, next: 9, more: expect.closeTo(0.5) as number },
      { rows: 16, next: 17, more: expect.closeTo(0.5) as number },
      { rows: 24, next: 25, more: expect.closeTo(0.5) as number },
    ])
    expect(cheapRows).toEqual([1, 8, 16, 24, 32])
    expect(context).toBe(64)
  })

  it('finds none where rows cost evenly, however many', () => {
    for (const slope of [0, 0.2, 1, 5])
      expect(findStairs(list((rows) => 10 + slope * rows)).jumps, String(slope)).toEqual([])
  })

  it('averages what several contexts say about a row', () => {
    const noisy = [64, 512, 2048].flatMap((context, i) =>
      list((rows) => 10 + 0.5 * rows + (rows === 5 + i ? 1.2 : 0)).map((cost) => ({ ...cost, context })),
    )
    expect(findStairs(noisy).jumps).toEqual([])
  })
})

describe('the sentences', () => {
  it('say what a pass costs, where the stairs are and when drafts pay', () => {
    const stairs = findStairs(list((rows) => 10 + 5 * Math.floor((rows - 1) / 8)))
    const text = describeStairs(stairs, 32).join('\n')
    expect(text).toContain('In passes over one row, at 64 tokens: 2 rows cost 1.00, 4 rows cost 1.00, 8 rows cost 1.00')
    expect(text).toContain('after 8 (9 rows cost 50 % of a pass more)')
    expect(text).toContain('Budgets choose among 1, 8, 16, 24, 32 rows')
    expect(text).toContain('With 16 rows a draft of 15 tokens pays when more than 0.50 of them are accepted')
  })

  it('say that nothing pays where rows cost as much as passes', () => {
    const text = describeStairs(findStairs(list((rows) => 10 * rows + (rows > 1 ? 1 : 0))), 32).join('\n')
    expect(text).toContain('4 rows cost as much as 4.10 passes: a draft of 3 tokens never pays.')
    expect(text).toContain('No stairs')
  })
})
