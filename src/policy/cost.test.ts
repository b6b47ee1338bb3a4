import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../util/errors.ts'
import { createCostModel } from './cost.ts'
import type { CostSample } from './types.ts'

/** Samples of a price list at one context. */
function list(prices: Record<number, number>, context = 0): CostSample[] {
  return Object.entries(prices).map(([rows, ms]) => ({ rows: Number(rows), context, ms }))
}

const stairs = list({ 1: 10, 2: 10.1, 3: 10, 4: 10.2, 5: 20, 6: 20.1, 7: 20, 8: 20.2, 9: 30, 12: 30.1, 16: 41 })

describe('createCostModel', () => {
  it('gives measured prices back, is straight between them and goes on straight above', () => {
    const cost = createCostModel(list({ 1: 10, 4: 16, 8: 28 }))
    expect([1, 4, 8].map((rows) => cost.targetMs(rows, 0))).toEqual([10, 16, 28])
    expect(cost.targetMs(6, 0)).toBeCloseTo(22)
    expect(cost.targetMs(16, 0)).toBeCloseTo(52)
  })

  it('takes the median of repeated samples', () => {
    const repeats = [9, 10, 500].map((ms) => ({ rows: 1, context: 0, ms }))
    expect(createCostModel([...repeats, ...list({ 2: 12 })]).targetMs(1, 0)).toBe(10)
  })

  it('separates the price of rows from the price of their context', () => {
    const samples = [1, 4, 8].flatMap((rows) =>
      [64, 1024].map((context) => ({ rows, context, ms: 8 + 2 * rows + 0.001 * rows * context })),
    )
    const cost = createCostModel(samples)
    expect(cost.targetMs(8, 2000)).toBeCloseTo(8 + 16 + 16)
    expect(cost.targetMs(1, 0)).toBeCloseTo(10)
  })

  it('knows that rows share the reading of their context', () => {
    const price = (rows: number, context: number): number => 8 + 2 * rows + (0.002 + 0.001 * rows) * context
    const samples = [
      ...[1, 4, 8, 16].map((rows) => ({ rows, context: 128, ms: price(rows, 128) })),
      ...[1, 8].map((rows) => ({ rows, context: 2048, ms: price(rows, 2048) })),
    ]
    const cost = createCostModel(samples)
    for (const rows of [1, 2, 4, 8, 12, 16]) expect(cost.targetMs(rows, 3000)).toBeCloseTo(price(rows, 3000))
  })

  it('does not believe that context makes a pass cheaper', () => {
    const cost = createCostModel([...list({ 1: 10, 4: 20 }, 64), ...list({ 1: 9, 4: 18 }, 1024)])
    expect(cost.targetMs(4, 4000)).toBe(cost.targetMs(4, 0))
  })

  it('never falls with rows or context and is always positive, whatever the samples', () => {
    const sample = fc.record({
      rows: fc.integer({ min: 1, max: 64 }),
      context: fc.integer({ min: 0, max: 4096 }),
      ms: fc.double({ min: 0.01, max: 1000, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 20 }), fc.array(sample, { maxLength: 20 }), (samples, passes) => {
        const cost = createCostModel(samples)
        for (const pass of passes) cost.observe(pass.rows, pass.context, pass.ms)
        const curve = (context: number) =>
          [1, 2, 3, 5, 8, 13, 21, 34, 55, 89].map((rows) => cost.targetMs(rows, context))
        const [empty, full] = [curve(0), curve(4096)]
        expect(empty.every((ms) => ms > 0)).toBe(true)
        for (const prices of [empty, full])
          expect(prices.every((ms, i) => i === 0 || ms >= prices[i - 1]! * (1 - 1e-9))).toBe(true)
        const measured = Math.max(1, ...samples.map((sample) => sample.rows))
        expect(cost.targetMs(measured, 4096)).toBeGreaterThanOrEqual(cost.targetMs(measured, 0) * (1 - 1e-9))
        expect(cost.cheapRows[0]).toBe(1)
        expect([...cost.cheapRows].sort((a, b) => a - b)).toEqual(cost.cheapRows)
        expect(cost.cheapRows.length).toBeGreaterThan(1)
      }),
    )
  })

  it('guesses until it has seen a pass, then takes over its scale at once', () => {
    const cost = createCostModel()
    expect(cost.targetMs(4, 0)).toBeGreaterThan(cost.targetMs(1, 0))
    cost.observe(1, 100, 200)
    expect(cost.targetMs(1, 100)).toBeGreaterThan(150)
    expect(cost.targetMs(1, 100)).toBeLessThan(250)
  })

  it('completes a measurement of one row count with the guess', () => {
    const cost = createCostModel(list({ 1: 50 }))
    expect(cost.targetMs(1, 0)).toBe(50)
    expect(cost.targetMs(3, 0)).toBe(100)
    expect(createCostModel(list({ 4: 50 })).targetMs(1, 0)).toBe(20)
  })

  it('refuses samples that are no prices', () => {
    for (const bad of [{ ms: 0 }, { ms: Number.NaN }, { rows: 0 }, { rows: 1.5 }, { context: -1 }])
      expect(() => createCostModel([{ rows: 1, context: 0, ms: 5, ...bad }])).toThrow(UsageError)
  })
})

describe('cheapRows', () => {
  it('are the ends of the stairs', () => {
    expect(createCostModel(stairs).cheapRows).toEqual([1, 4, 8, 12, 16])
  })

  it('are all measured counts where the price is smooth', () => {
    const smooth = list({ 1: 12.4, 2: 20, 3: 27, 4: 33, 6: 43, 8: 52, 16: 90, 32: 178 })
    expect(createCostModel(smooth).cheapRows).toEqual([1, 2, 3, 4, 6, 8, 16, 32])
  })

  it('lose at most three per cent against a count that was left out', () => {
    const creeping = createCostModel(
      list(Object.fromEntries(Array.from({ length: 24 }, (_, i) => [i + 1, 10 * 1.02 ** i]))),
    )
    for (let rows = 1; rows <= 24; rows++) {
      const next = creeping.cheapRows.find((cheap) => cheap >= rows)!
      expect(creeping.targetMs(next, 0)).toBeLessThan(1.03 * creeping.targetMs(rows, 0))
    }
  })
})

describe('observing passes', () => {
  it('follows a machine that has become slower, on the counts that it did not see too', () => {
    const cost = createCostModel(stairs)
    for (let i = 0; i < 40; i++) cost.observe(1, 0, 20)
    expect(cost.targetMs(1, 0)).toBeCloseTo(20, 0)
    expect(cost.targetMs(8, 0)).toBeGreaterThan(34)
  })

  it('is not upset by one slow pass', () => {
    const cost = createCostModel(stairs)
    for (let i = 0; i < 20; i++) cost.observe(4, 0, 10)
    const before = cost.targetMs(4, 0)
    cost.observe(4, 0, 1000)
    expect(cost.targetMs(4, 0) / before).toBeLessThan(1.15)
  })

  it('corrects one count when plain passes show that the machine is as fast as measured', () => {
    const cost = createCostModel(stairs)
    for (let i = 0; i < 200; i++) cost.observe(8, 0, 30)
    expect(cost.targetMs(8, 0)).toBeCloseTo(30, 0)
    for (let i = 0; i < 8; i++) {
      cost.observe(1, 0, 10)
      cost.observe(8, 0, 30)
    }
    expect(cost.targetMs(1, 0)).toBeLessThan(11)
    expect(cost.targetMs(8, 0)).toBeGreaterThan(28)
  })

  it('learns from counts between and above the measured ones', () => {
    const cost = createCostModel(stairs)
    for (let i = 0; i < 50; i++) {
      cost.observe(14, 0, 50)
      cost.observe(32, 0, 200)
    }
    expect(cost.targetMs(14, 0)).toBeGreaterThan(40)
    expect(cost.targetMs(32, 0)).toBeGreaterThan(120)
  })

  it('ignores a time of zero', () => {
    const cost = createCostModel(stairs)
    cost.observe(1, 0, 0)
    expect(cost.targetMs(1, 0)).toBeCloseTo(10, 1)
  })

  it('writes down what it believes, in a form that makes the same model again', () => {
    const cost = createCostModel(stairs)
    for (let i = 0; i < 30; i++) cost.observe(8, 0, 26)
    const again = createCostModel(JSON.parse(JSON.stringify(cost.costTable())) as CostSample[])
    for (const rows of [1, 3, 8, 16, 40]) expect(again.targetMs(rows, 0)).toBeCloseTo(cost.targetMs(rows, 0), 6)
  })
})
