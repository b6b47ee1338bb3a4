import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bestSplit, binOf, fitEdges, type Point, type SplitLoss } from './cart.ts'

/** Few distinct values, so that ties are common. */
const points: fc.Arbitrary<Point[]> = fc.array(
  fc.record({ x: fc.integer({ min: 0, max: 9 }), y: fc.integer({ min: 0, max: 5 }) }),
  { minLength: 2, maxLength: 14 },
)
const losses: readonly SplitLoss[] = ['paper', 'weighted']

/** By definition, in two passes per side. */
function lossOf(sides: readonly (readonly number[])[], loss: SplitLoss): number {
  return sides.reduce((sum, ys) => {
    const mean = ys.reduce((a, b) => a + b, 0) / ys.length
    const squares = ys.reduce((a, y) => a + (y - mean) ** 2, 0)
    return sum + (loss === 'paper' ? squares / ys.length : squares)
  }, 0)
}

/** Every allowed split of sorted samples, tried one by one. */
function lossesByHand(sorted: readonly Point[], loss: SplitLoss, side: number): Map<number, number> {
  const found = new Map<number, number>()
  for (let left = side; left <= sorted.length - side; left++) {
    if (sorted[left - 1]!.x === sorted[left]!.x) continue
    const ys = sorted.map(({ y }) => y)
    found.set(left, lossOf([ys.slice(0, left), ys.slice(left)], loss))
  }
  return found
}

describe.each(losses)('the best split by the loss "%s"', (loss) => {
  it('is as good as the best of all, tried one by one', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 1, max: 4 }), (drawn, side) => {
        const sorted = [...drawn].sort((a, b) => a.x - b.x || a.y - b.y)
        const allowed = lossesByHand(sorted, loss, side)
        const split = bestSplit(sorted, { loss, minimumSide: side })
        const alike = sorted.every(({ y }) => y === sorted[0]!.y)
        if (allowed.size === 0 || alike) {
          expect(split).toBeUndefined()
          return
        }
        const least = Math.min(...allowed.values())
        expect(allowed.get(split!.left)).toBeCloseTo(least, 9)
        expect(binOf(sorted[split!.left - 1]!.x, [split!.threshold])).toBe(0)
        expect(binOf(sorted[split!.left]!.x, [split!.threshold])).toBe(1)
      }),
    )
  })

  it('finds a step', () => {
    const step = Array.from({ length: 20 }, (_, x) => ({ x, y: x < 7 ? 1 : 30 }))
    expect(bestSplit(step, { loss, minimumSide: 2 })).toMatchObject({ left: 7, threshold: 6.5 })
  })
})

describe('the edges of bins', () => {
  const options = { depth: 3, minimumSide: 3 } as const

  it.each(losses)('rise, are at most seven, and leave enough samples on either side (%s)', (loss) => {
    const many = fc.array(fc.record({ x: fc.double({ min: 0, max: 20, noNaN: true }), y: fc.nat(59) }), {
      maxLength: 200,
    })
    fc.assert(
      fc.property(many, (drawn) => {
        const edges = fitEdges(drawn, { ...options, loss })
        expect(edges.length).toBeLessThanOrEqual(7)
        edges.forEach((edge, i) => expect(edge).toBeGreaterThan(edges[i - 1] ?? -1))
        const counts = new Array<number>(edges.length + 1).fill(0)
        for (const { x } of drawn) counts[binOf(x, edges)]!++
        if (edges.length > 0) expect(Math.min(...counts)).toBeGreaterThanOrEqual(3)
        expect(fitEdges([...drawn].reverse(), { ...options, loss })).toEqual(edges)
      }),
    )
  })

  it('differ between the losses: the printed one cares for the purer side, however small', () => {
    // Three samples alike at the left, then noise, with a step of half its height in the middle.
    const y = (x: number): number => (x < 3 ? 0 : (x % 2) * 8 + (x < 20 ? 0 : 4))
    const samples = Array.from({ length: 40 }, (_, x) => ({ x, y: y(x) }))
    const first = (loss: SplitLoss) => fitEdges(samples, { loss, depth: 1, minimumSide: 3 })
    expect(first('weighted')).toEqual([18.5])
    expect(first('paper')).toEqual([2.5])
  })

  it('do not exist for samples that are alike, for one sample and for none', () => {
    for (const loss of losses) {
      expect(fitEdges([], { ...options, loss })).toEqual([])
      expect(fitEdges([{ x: 1, y: 1 }], { ...options, loss })).toEqual([])
      expect(
        fitEdges(
          Array.from({ length: 30 }, (_, x) => ({ x, y: 4 })),
          { ...options, loss },
        ),
      ).toEqual([])
      expect(
        fitEdges(
          Array.from({ length: 30 }, (_, y) => ({ x: 2, y })),
          { ...options, loss },
        ),
      ).toEqual([])
    }
  })
})

describe('a bin', () => {
  it('holds its upper edge', () => {
    const edges = [1, 2.5, 4]
    expect([0, 1, 1.1, 2.5, 3, 4, 4.1, 99].map((x) => binOf(x, edges))).toEqual([0, 0, 1, 1, 2, 2, 3, 3])
    expect(binOf(7, [])).toBe(0)
  })
})
