import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { costGrid, isRestless, measureTarget, middle } from './target.ts'

const truth = (rows: number, context: number): number => 5 + rows + ((1 + 0.5 * rows) * context) / 1024

/** A laboratory whose passes take what `price` says of the pass and of how many came before. */
function lab(price: (rows: number, context: number, pass: number) => number) {
  let passes = 0
  return { timePass: (rows: number, context: number) => Promise.resolve(price(rows, context, passes++)) }
}

describe('the grid', () => {
  it('stays within the context and always ends at the longest that fits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.boolean(), (capacity, quick) => {
        const { contexts, rows } = costGrid(capacity, quick)
        expect(contexts.at(-1)).toBe(Math.min(capacity, 4096))
        expect(new Set(contexts).size).toBe(contexts.length)
        expect([...contexts].sort((a, b) => a - b)).toEqual(contexts)
        expect([rows[0], rows.at(-1)]).toEqual([1, 64])
      }),
    )
  })

  it('has every count up to 17 unless in a hurry', () => {
    const counts = Array.from({ length: 17 }, (_, i) => i + 1)
    expect(costGrid(4096, false).rows).toEqual(expect.arrayContaining(counts))
    expect(costGrid(4096, true).rows.length).toBeLessThan(17)
  })
})

describe('measuring passes', () => {
  const grid = { rows: [1, 2, 4, 8], contexts: [64, 1024], visits: 3 }

  it('gives every cell its price', async () => {
    const prices = await measureTarget(lab(truth), grid)
    expect(prices).toHaveLength(8)
    for (const { rows, context, ms, spread } of prices) {
      expect(ms).toBeCloseTo(truth(rows, context))
      expect(spread).toBeCloseTo(0)
    }
  })

  it('is not misled by a machine that is half as fast for a third of the time', async () => {
    const slow = (pass: number): number => (pass > 30 && pass < 75 ? 2 : 1) // of 144 passes
    const prices = await measureTarget(
      lab((rows, context, pass) => truth(rows, context) * slow(pass)),
      grid,
    )
    for (const { rows, context, ms } of prices) expect(ms / truth(rows, context)).toBeCloseTo(1, 1)
  })

  it('is not misled by a cache that every other context empties for some passes', async () => {
    let cold = 6
    let last = 0
    const prices = await measureTarget(
      lab((rows, context) => {
        cold = context === last ? cold - 1 : 6
        last = context
        return truth(rows, context) * (cold > 0 ? 2 : 1)
      }),
      grid,
    )
    for (const { rows, context, ms } of prices) expect(ms).toBeCloseTo(truth(rows, context))
  })

  it('is not misled by single passes that take ten times as long', async () => {
    const prices = await measureTarget(
      lab((rows, context, pass) => truth(rows, context) * (pass % 9 === 4 ? 10 : 1)),
      { ...grid, visits: 4 },
    )
    for (const { rows, context, ms } of prices) expect(ms / truth(rows, context)).toBeCloseTo(1, 1)
  })

  it('tells a share that grows to 1, evenly in time', async () => {
    const shares: { readonly share: number; readonly spent: number }[] = []
    let spent = 0
    await measureTarget(
      lab((rows, context) => {
        spent += truth(rows, context)
        return truth(rows, context)
      }),
      grid,
      { onShare: (share) => shares.push({ share, spent }) },
    )
    expect(shares.at(-1)?.share).toBeCloseTo(1)
    for (const { share, spent: at } of shares.slice(4)) expect(Math.abs(at / spent - share)).toBeLessThan(0.15)
  })

  it('ends at once when it is aborted', async () => {
    const controller = new AbortController()
    let passes = 0
    const work = measureTarget(
      lab(() => {
        if (++passes === 20) controller.abort()
        return 1
      }),
      grid,
      { signal: controller.signal },
    )
    await expect(work).rejects.toMatchObject({ code: 'aborted' })
    expect(passes).toBeLessThan(25)
  })

  it('knows when the machine was too busy to be believed', async () => {
    const jumpy = await measureTarget(
      lab((rows, context, pass) => truth(rows, context) * [1, 1.9, 0.6][pass % 3]!),
      grid,
    )
    expect(isRestless(jumpy)).toBe(true)
    expect(isRestless(await measureTarget(lab(truth), grid))).toBe(false)
  })
})

describe('middle', () => {
  it('is the median and the median deviation from it', () => {
    expect(middle([9, 10, 11, 10, 500])).toEqual({ ms: 10, spread: 0.1 })
  })
})
