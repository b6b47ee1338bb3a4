import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PrefixTree } from './prefix-tree.ts'
import type { CacheEviction } from './types.ts'

const BLOCK = 4
const EVICTIONS: readonly CacheEviction[] = ['lru', 'mark-predict']
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

  it('forgets a block however it goes on, and what builds upon it', () => {
    const tree = new PrefixTree(BLOCK, 8)
    for (const end of ['efgh', 'efgH', 'eXgh']) tree.insert(text('abcd', end, 'tail'))
    tree.drop(text('abcd', 'efg'))
    expect(tree.used).toBe(3)
    expect(count(tree, text('abcd', 'eXgh', 'tail'))).toBe(12)
    expect(count(tree, text('abcd', 'efgh', 'tail'))).toBe(5)
    tree.drop(text('nowhere'))
    tree.drop(text('abcd', 'eXgh', 'tail', 'more'))
    expect(tree.used).toBe(3)
    tree.drop(text('abcd'))
    expect(tree.used).toBe(0)
    expect(tree.insert(text('1234'.repeat(8)))).toHaveLength(8)
    expect(tree.evicted).toBe(0)
  })

  it.each(EVICTIONS)('tells who had to go, by all tokens up to there (%s)', (eviction) => {
    const gone: string[] = []
    const onEvict = (tokens: readonly number[]): void => void gone.push(String.fromCharCode(...tokens))
    const tree = new PrefixTree(BLOCK, 3, { eviction, onEvict })
    tree.insert(text('abcd', 'efgh', 'ijkl'))
    tree.insert(text('ABCD', 'EFGH'))
    expect(gone).toEqual(['abcdefghijkl', 'abcdefgh'])
  })

  it.each(EVICTIONS)('tells what the rows of a place are, whatever came and went (%s)', (eviction) => {
    const texts = fc.array(fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 20 }), { maxLength: 40 })
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 6 }), fc.nat(), (all, capacity, dropped) => {
        const known = new Map<string, number[]>()
        const onEvict = (tokens: readonly number[]): void => {
          // Never one that others build upon, and only what was there.
          const name = tokens.join()
          expect(known.has(name)).toBe(true)
          expect([...known.values()].some((other) => other.length > tokens.length && startsWith(other, tokens))).toBe(
            false,
          )
          known.delete(name)
        }
        const tree = new PrefixTree(BLOCK, capacity, { eviction, onEvict })
        const rows = new Map<number, number[]>()
        all.forEach((tokens, index) => {
          for (const { first, count: length, place } of tree.match(tokens)) {
            // A place holds the rows of its block after all that came before it.
            expect(rows.get(place)!.slice(0, first + length)).toEqual(tokens.slice(0, first + length))
          }
          const places = tree.insert(tokens)
          expect(new Set(places.map(({ place }) => place)).size).toBe(places.length)
          for (const { first, place } of places) {
            rows.set(place, tokens.slice(0, first + BLOCK))
            known.set(tokens.slice(0, first + BLOCK).join(), tokens.slice(0, first + BLOCK))
          }
          expect(tree.used).toBe(known.size)
          expect(tree.used).toBeLessThanOrEqual(capacity)
          // What is stored now goes for nobody, least of all for the rest of itself.
          const whole = Math.min(capacity, Math.floor(tokens.length / BLOCK)) * BLOCK
          expect(count(tree, tokens)).toBeGreaterThanOrEqual(whole)
          if (index === dropped % 40) {
            tree.drop(tokens.slice(0, BLOCK))
            for (const [name, block] of known)
              if (tokens.length >= BLOCK && startsWith(block, tokens.slice(0, BLOCK))) known.delete(name)
            if (tokens.length > 0 && tokens.length < BLOCK)
              for (const [name, block] of known) if (startsWith(block, tokens)) known.delete(name)
            expect(tree.used).toBe(known.size)
          }
        })
      }),
    )
  })
})

describe('a tree that predicts', () => {
  const CAPACITY = 12
  const name = (index: number): string => String(index).padStart(4, '0')
  function ask(tree: PrefixTree, prompt: number[], answer: number[] = []): number {
    const found = count(tree, prompt)
    tree.insert(prompt)
    tree.insert([...prompt, ...answer])
    return found
  }

  it('gives up kinds of texts that never come back for those that do', () => {
    const found = (eviction: CacheEviction): number => {
      const tree = new PrefixTree(BLOCK, CAPACITY, { eviction })
      let hits = 0
      for (let chat = 0; chat < 40; chat++) {
        let said = text('chat', name(chat))
        for (let turn = 0; turn < 2; turn++) {
          hits += ask(tree, said, text('yes.'))
          said = [...said, ...text('yes.more')]
          for (let single = 0; single < 5; single++)
            ask(tree, text('call', name(100 * chat + 10 * turn + single), 'once'))
        }
      }
      return hits
    }
    // Of each chat's second prompt 12 of 16 tokens could be known, and of the first ones the word.
    expect(found('lru')).toBeLessThan(40 * 9)
    expect(found('mark-predict')).toBeGreaterThan(35 * 12)
  })

  it('counts what it predicted, and what of that was wrong', () => {
    const tree = new PrefixTree(BLOCK, CAPACITY, { eviction: 'mark-predict' })
    for (let single = 0; single < 80; single++) ask(tree, text('call', name(single), 'once'))
    const { predicted, wrong } = tree.predictions!
    expect(predicted).toBeGreaterThan(40)
    expect(predicted).toBeLessThanOrEqual(tree.evicted)
    expect(wrong).toBe(0)
    ask(tree, text('call', name(76), 'once'))
    expect(tree.predictions!.wrong).toBe(2)
    expect(new PrefixTree(BLOCK, 1).predictions).toBeUndefined()
  })
})

function startsWith(tokens: readonly number[], beginning: readonly number[]): boolean {
  return beginning.every((token, index) => tokens[index] === token)
}
