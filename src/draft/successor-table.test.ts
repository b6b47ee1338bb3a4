import { describe, expect, it } from 'vitest'
import { FOLLOWERS, SuccessorTable } from './successor-table.ts'

const VOCABULARY = 20

function logits(...best: readonly number[]): Float32Array {
  const row = new Float32Array(VOCABULARY)
  best.forEach((token, rank) => (row[token] = 10 - rank))
  return row
}

describe('the table of followers', () => {
  it('starts empty: nothing is drafted that nobody said', () => {
    const table = new SuccessorTable(VOCABULARY)
    expect(table.has(0)).toBe(false)
    expect(table.followers(0)).toEqual([])
  })

  it('keeps the eight best of a row, best first, with less than all of the mass', () => {
    const table = new SuccessorTable(VOCABULARY)
    table.update(3, logits(7, 0, 5))
    const row = table.followers(3)
    expect(row).toHaveLength(FOLLOWERS)
    expect(row.slice(0, 3).map(({ token }) => token)).toEqual([7, 0, 5])
    expect(row.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(0.78)
    expect(row[0]!.probability / row[1]!.probability).toBeCloseTo(Math.E)
    expect(table.has(7)).toBe(false)
  })

  it('blends a new row into the old one, the new one counting more', () => {
    const table = new SuccessorTable(VOCABULARY)
    table.update(3, logits(7))
    table.update(3, logits(9))
    expect(table.followers(3)[0]!.token).toBe(9)
    expect(table.followers(3)[1]!.token).toBe(7)
    for (let i = 0; i < 12; i++) table.update(3, logits(9))
    expect(table.followers(3).find(({ token }) => token === 7)?.probability ?? 0).toBeLessThan(0.01)
  })

  it('learns what followed in a text', () => {
    const table = new SuccessorTable(VOCABULARY)
    table.follow(3, 4)
    expect(table.followers(3)).toEqual([{ token: 4, probability: expect.closeTo(0.35) as number }])
    table.follow(3, 4)
    expect(table.followers(3)[0]!.probability).toBeCloseTo(0.5775)
    table.follow(3, 5)
    expect(table.followers(3).map(({ token }) => token)).toEqual([4, 5])
  })

  it('lets the weakest follower go when there are more than eight', () => {
    const table = new SuccessorTable(VOCABULARY)
    for (let token = 0; token < FOLLOWERS + 1; token++) table.follow(3, token)
    const tokens = table.followers(3).map(({ token }) => token)
    expect(tokens).toHaveLength(FOLLOWERS)
    expect(tokens).not.toContain(0)
    expect(tokens[0]).toBe(FOLLOWERS)
  })

  it('holds the first and the last token of the vocabulary apart from their neighbours', () => {
    const table = new SuccessorTable(VOCABULARY)
    table.follow(0, 1)
    table.follow(VOCABULARY - 1, 2)
    expect(table.has(1)).toBe(false)
    expect(table.has(VOCABULARY - 2)).toBe(false)
    expect(table.followers(VOCABULARY - 1)[0]!.token).toBe(2)
  })
})
