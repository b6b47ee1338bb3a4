import { describe, expect, it } from 'vitest'
import { createGraphTally } from '../tensor/index.ts'
import { GraphCache } from './graph-cache.ts'

/** A cache of fakes, and what became of them. */
function open() {
  const disposed: string[] = []
  const tally = createGraphTally()
  const build = ({ rows }: { rows: number }) => ({
    rows,
    [Symbol.dispose]: () => void disposed.push(`${rows}`),
  })
  return { cache: new GraphCache(build, tally), tally, disposed }
}

describe('a cache of graphs', () => {
  it('builds each form once and counts', () => {
    const { cache, tally } = open()
    const first = cache.get({ rows: 1 })
    cache.get({ rows: 8 })
    expect(cache.get({ rows: 1 })).toBe(first)
    expect(tally).toMatchObject({ reused: 1, built: 2 })
    expect(tally.buildMs).toBeGreaterThanOrEqual(0)
  })

  it('that keeps nothing uses a graph again only in the very next pass, and frees what it replaces', () => {
    const { cache, tally, disposed } = open()
    tally.keep = false
    const forms = [1, 1, 8, 1, 8, 8]
    for (const rows of forms) cache.get({ rows })
    expect(tally).toMatchObject({ reused: 2, built: 4 })
    expect(disposed).toEqual(['1', '8'])
    tally.keep = true
    cache.get({ rows: 1 })
    expect(tally).toMatchObject({ reused: 3, built: 4 })
    cache[Symbol.dispose]()
    expect(disposed.slice(2).sort()).toEqual(['1', '8'])
  })

  it('drops the form that was used longest ago', () => {
    const { cache, disposed } = open()
    for (let rows = 1; rows <= 24; rows++) cache.get({ rows })
    cache.get({ rows: 1 })
    cache.get({ rows: 25 })
    expect(disposed).toEqual(['2'])
  })
})
