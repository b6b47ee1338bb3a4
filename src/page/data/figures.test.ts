import { describe, expect, it } from 'vitest'
import { figuresOf, speedsOf, thin } from './figures.ts'
import { consideredLevels, consideredNodes, reasonsOf } from './reasons.ts'
import { makeRound } from './rounds.fixture.ts'

const drafted = makeRound({ tokens: [1, 2, 3, 4], parents: [-1, 0, 1, 0], acceptedPath: [1], emitted: [2, 9] })
const plain = makeRound({ tokens: [9], parents: [-1], acceptedPath: [], emitted: [5] }, { draftMs: 0, targetMs: 5 })

describe('figures', () => {
  it('are those of the glossary', () => {
    const figures = figuresOf([drafted, plain])
    expect(figures).toMatchObject({ rounds: 2, tokens: 3, ms: 16, tau: 1.5, drafted: 3, accepted: 1 })
    expect(figures.speed).toBeCloseTo(187.5)
    expect(figures.plainSpeed).toBeCloseTo(1000 / 6)
    expect(figures.acceptance).toEqual([
      { share: 1, offered: 1 },
      { share: 0, offered: 1 },
    ])
    expect(figures.time).toEqual({ target: 13, draft: 1, rest: 2 })
    expect(speedsOf([drafted, plain], 1)).toEqual([200, 1000 / 6])
  })

  it('are zeros and not NaN before there is anything', () => {
    expect(figuresOf([])).toMatchObject({ speed: 0, tau: 0, plainSpeed: undefined, acceptance: [] })
  })

  it('are thinned for pictures, not cut', () => {
    expect(thin([1, 2, 3], 3)).toEqual([1, 2, 3])
    expect(thin([1, 3, 5, 7, 9], 3)).toEqual([2, 6, 9])
    const long = Array.from({ length: 20_000 }, () => drafted)
    const speeds = speedsOf(long)
    expect(speeds).toHaveLength(20_000)
    expect(speeds.at(-1)).toBeCloseTo(200)
  })

  it('compare with plain decoding by the same measure: where all rounds were plain, the speeds are one', () => {
    const rounds = [4, 5, 9, 30].map((targetMs) => ({ ...plain, targetMs, hostMs: 3, draftMs: 0.5 }))
    const { speed, plainSpeed } = figuresOf(rounds)
    expect(plainSpeed).toBe(speed)
    // By the mean of plain rounds also where a draft is among them.
    const rare = figuresOf([...rounds.slice(0, 3), { ...drafted, drafted: 1 }])
    expect(rare.plainSpeed).toBeCloseTo(1000 / 9.5)
  })

  it('take a budget’s own price of a plain pass, and the rest of a round besides', () => {
    const { plainSpeed } = figuresOf([{ ...drafted, why: { plainMs: 4 } }, plain])
    expect(plainSpeed).toBeCloseTo(1000 / (4 + 2 / 3))
    // Several real ones are better; one that was disturbed counts as three of them at most.
    const several = [{ ...drafted, why: { plainMs: 4 } }, plain, plain, plain, { ...plain, targetMs: 500 }]
    expect(figuresOf(several).plainSpeed).toBeCloseTo((1000 * 4) / (6 * 3 + 18))
  })
})

describe('reasons', () => {
  const why = { nodes: 4, price: 1.5, consideredLevels: '1:4@1.31/1.20', consideredNodes: '0@1.00 4@1.21', odd: 7 }

  it('have words, and unknown ones their names', () => {
    const reasons = reasonsOf({ ...drafted, why })
    expect(reasons.map(({ label, value }) => `${label} ${value}`)).toEqual(['nodes 4', 'pass price 1.5 ×', 'odd 7'])
    expect(consideredNodes({ ...drafted, why })).toEqual([
      { count: 0, value: 1 },
      { count: 4, value: 1.21 },
    ])
    expect(consideredLevels({ ...drafted, why })).toEqual([{ level: 1, width: 4, grown: 1.31, stopped: 1.2 }])
    expect(consideredNodes({ ...drafted, why: { consideredNodes: 'odd 1@' } })).toEqual([])
  })
})
