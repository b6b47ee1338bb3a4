import fc from 'fast-check'
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

  it('is the blend written down plainly, whatever was said in which order', () => {
    const token = fc.nat({ max: VOCABULARY - 1 })
    const row = fc.record({ kind: fc.constant('row' as const), token, logits: fc.array(fc.integer({ min: -30, max: 30 }), { minLength: VOCABULARY, maxLength: VOCABULARY }) }) // prettier-ignore
    const pair = fc.record({ kind: fc.constant('pair' as const), token, follower: token })
    fc.assert(
      fc.property(fc.array(fc.oneof(row, pair), { maxLength: 30 }), (words) => {
        const table = new SuccessorTable(VOCABULARY)
        const plain = new Map<number, Blend>()
        for (const word of words) {
          const old = plain.get(word.token) ?? []
          if (word.kind === 'pair') {
            table.follow(word.token, word.follower)
            plain.set(word.token, blended(old, [[word.follower, 1]], 0.35))
          } else {
            const values = Float32Array.from(word.logits)
            table.update(word.token, values)
            plain.set(word.token, blended(old, shares(values), old.length > 0 ? 0.6 : 1))
          }
        }
        for (const [first, entries] of plain) {
          expect(table.followers(first).map(({ token: next, probability }) => [next, probability])).toEqual(entries)
        }
      }),
    )
  })
})

type Blend = [token: number, probability: number][]

/** The eight best logits as parts of the mass that eight usually hold. */
function shares(values: Float32Array): Blend {
  const best = [...values].map((value, token) => [token, value] as const)
  best.sort((a, b) => b[1] - a[1] || a[0] - b[0])
  const top = best.slice(0, FOLLOWERS)
  const most = top[0]![1]
  const sum = top.reduce((all, [, value]) => all + Math.exp(value - most), 0)
  return top.map(([token, value]) => [token, (0.78 * Math.exp(value - most)) / sum])
}

function blended(old: Blend, said: Blend, weight: number): Blend {
  const mixed = new Map(old.map(([token, probability]) => [token, (1 - weight) * probability]))
  for (const [token, probability] of said) {
    if (probability > 1e-6) mixed.set(token, (mixed.get(token) ?? 0) + weight * probability)
  }
  const best = [...mixed].sort((a, b) => b[1] - a[1]).slice(0, FOLLOWERS)
  return best.map(([token, probability]) => [token, Math.fround(probability)])
}
