import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PrefixTree } from './prefix-tree.ts'

const BLOCK = 4
const count = (tree: PrefixTree, tokens: number[], most?: number): number =>
  tree.match(tokens, most).reduce((sum, rows) => sum + rows.count, 0)
const text = (...parts: string[]): number[] => Array.from(parts.join(''), (letter) => letter.charCodeAt(0))

describe('a tree of beginnings', () => {
  it('knows whole blocks of a text, and of another one as far as they begin alike', () => {
    const tree = new PrefixTree(BLOCK, 8)
    expect(tree.insert(text('abcd', 'efgh', 'ij'))).toEqual([
      { first: 0, place: 0 },
      { first: 4, place: 1 },
    ])
    expect(count(tree, text('abcd', 'efgh', 'ijk'))).toBe(8)
    expect(count(tree, text('abcd', 'efXX'))).toBe(6)
    expect(count(tree, text('abcd', 'efgh'), 7)).toBe(7)
    expect(count(tree, text('Xbcd', 'efgh'))).toBe(0)
    expect(count(tree, text('ab'))).toBe(2)
  })

  it('stores what texts share once', () => {
    const tree = new PrefixTree(BLOCK, 8)
    tree.insert(text('abcd', 'efgh'))
    expect(tree.insert(text('abcd', 'efgh'))).toEqual([])
    expect(tree.insert(text('abcd', 'EFGH')).map(({ first }) => first)).toEqual([4])
    expect(tree.used).toBe(3)
  })

  it('gives up what was used longest ago, ends of texts before their beginnings', () => {
    const tree = new PrefixTree(BLOCK, 3)
    tree.insert(text('abcd', 'efgh'))
    tree.insert(text('ABCD'))
    tree.match(text('abcd'))
    tree.insert(text('1234'))
    expect(count(tree, text('abcd', 'efgh'))).toBe(4)
    expect(count(tree, text('ABCD'))).toBe(4)
    expect(tree.evicted).toBe(1)
  })

  it('keeps the beginning of a text that is longer than the tree', () => {
    const tree = new PrefixTree(BLOCK, 2)
    expect(tree.insert(text('abcd', 'efgh', 'ijkl')).map(({ first }) => first)).toEqual([0, 4])
    expect(count(tree, text('abcd', 'efgh', 'ijkl'))).toBe(8)
    expect(new PrefixTree(BLOCK, 0).insert(text('abcd'))).toEqual([])
  })

  it('tells what the rows of a place are, whatever came and went', () => {
    const texts = fc.array(fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 20 }), { maxLength: 40 })
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 6 }), (all, capacity) => {
        const tree = new PrefixTree(BLOCK, capacity)
        const rows = new Map<number, number[]>()
        for (const tokens of all) {
          for (const { first, count: length, place } of tree.match(tokens)) {
            // A place holds the rows of its block after all that came before it.
            const known = rows.get(place)!
            expect(known.slice(0, first + length)).toEqual(tokens.slice(0, first + length))
          }
          const places = tree.insert(tokens)
          expect(new Set(places.map(({ place }) => place)).size).toBe(places.length)
          for (const { first, place } of places) rows.set(place, tokens.slice(0, first + BLOCK))
          expect(tree.used).toBeLessThanOrEqual(capacity)
          const whole = Math.min(capacity, Math.floor(tokens.length / BLOCK)) * BLOCK
          expect(count(tree, tokens)).toBeGreaterThanOrEqual(whole)
        }
      }),
    )
  })
})
