import { describe, expect, it } from 'vitest'
import { defaultAlpha, largestShape, shapeOf } from './shape.ts'

const options = (depth: number, totalTokens: number, more = {}) => ({
  ...{ depth, totalTokens, alpha: defaultAlpha(depth), gammas: [0.3, 0.6, 1], ded: true, tnp: true },
  ...more,
})

/** d, N, then [d', N'] of bins 0, 1 and 2, by hand. */
const table = [
  [5, 48, [8, 17], [7, 30], [6, 49]],
  [5, 50, [8, 18], [7, 32], [6, 51]],
  [5, 60, [8, 21], [7, 38], [6, 61]],
  [6, 48, [9, 17], [8, 30], [7, 49]],
  [6, 50, [9, 18], [8, 32], [7, 51]],
  [6, 60, [9, 21], [8, 38], [7, 61]],
  [7, 48, [11, 18], [10, 31], [9, 50]],
  [7, 50, [11, 19], [10, 33], [9, 52]],
  [7, 60, [11, 22], [10, 39], [9, 62]],
] as const

describe('the shape of a tree by bin', () => {
  it.each(table)('d = %i, N = %i', (depth, totalTokens, ...low) => {
    low.forEach(([levels, tokens], bin) => {
      expect(shapeOf(bin, options(depth, totalTokens))).toEqual({ depth: levels, totalTokens: tokens })
    })
    for (let bin = 3; bin < 8; bin++) expect(shapeOf(bin, options(depth, totalTokens))).toEqual({ depth, totalTokens })
    const largest = { depth: low[0][0], totalTokens: low[2][1] }
    expect(largestShape(options(depth, totalTokens))).toEqual(largest)
  })

  it('only deepens without pruning, and only prunes without deepening', () => {
    const shapes = (more: object) =>
      [0, 1, 2, 3].map((bin) => {
        const { depth, totalTokens } = shapeOf(bin, options(7, 60, more))
        return [depth, totalTokens]
      })
    expect(shapes({ tnp: false })).toEqual([
      [11, 60],
      [10, 60],
      [9, 60],
      [7, 60],
    ])
    expect(shapes({ ded: false })).toEqual([
      [7, 18],
      [7, 36],
      [7, 60],
      [7, 60],
    ])
    expect(shapes({ ded: false, tnp: false })).toEqual([
      [7, 60],
      [7, 60],
      [7, 60],
      [7, 60],
    ])
  })

  it('never shrinks below the ordinary depth, and counts decimal shares as written', () => {
    expect(shapeOf(2, options(1, 10))).toEqual({ depth: 1, totalTokens: 10 })
    expect(shapeOf(0, options(7, 100, { gammas: [0.29, 1, 1], ded: false })).totalTokens).toBe(29)
  })
})
