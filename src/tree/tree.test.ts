/** Bookkeeping of the tree against slow, obvious definitions. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chainTree, createTree, isAncestor, writeMask } from './index.ts'
import type { TokenTree } from './index.ts'

/** Random trees: each entry is (any number, token, log-probability); the number modulo the size so far is the parent. */
const trees = fc
  .array(fc.tuple(fc.nat(), fc.nat(5), fc.double({ min: -9, max: 0, noNaN: true })), { maxLength: 60 })
  .map((entries) => {
    const tree = createTree(7)
    for (const [at, token, logProb] of entries) tree.add(at % tree.size, token, logProb, token % 3)
    return tree
  })

function slowPath(tree: TokenTree, node: number): number[] {
  return node === 0 ? [] : [...slowPath(tree, tree.parents[node]!), node]
}

describe('a token tree', () => {
  it('begins with the root alone', () => {
    const tree = createTree(42)
    expect(tree.size).toBe(1)
    expect([...tree.tokens, ...tree.parents, ...tree.depths, ...tree.logProbs, ...tree.sources]).toEqual([
      42, -1, 0, 0, 0,
    ])
    expect(tree.path(0)).toEqual([])
    expect(tree.children(0)).toEqual([])
    expect(tree.child(0, 42)).toBe(-1)
  })

  it('shows arrays of exactly its size, and keeps all entries when it grows', () => {
    const tree = createTree(0)
    for (let i = 1; i < 100; i++) expect(tree.add(i >> 1, i, -i / 4, i % 4)).toBe(i)
    for (const array of [tree.tokens, tree.parents, tree.depths, tree.logProbs, tree.sources])
      expect(array).toHaveLength(100)
    expect([...tree.tokens]).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect([...tree.logProbs]).toEqual(Array.from({ length: 100 }, (_, i) => -i / 4 + 0))
    expect([...tree.sources]).toEqual(Array.from({ length: 100 }, (_, i) => i % 4))
  })

  it('keeps parents before children and counts depths', () => {
    fc.assert(
      fc.property(trees, (tree) => {
        for (let node = 1; node < tree.size; node++) {
          expect(tree.parents[node]).toBeLessThan(node)
          expect(tree.depths[node]).toBe(tree.depths[tree.parents[node]!]! + 1)
        }
      }),
    )
  })

  it('finds paths, children and path probabilities', () => {
    fc.assert(
      fc.property(trees, (tree) => {
        for (let node = 0; node < tree.size; node++) {
          expect(tree.path(node)).toEqual(slowPath(tree, node))
          const below = [...tree.parents.keys()].filter((child) => tree.parents[child] === node)
          expect(tree.children(node)).toEqual(below)
          for (let token = 0; token < 6; token++)
            expect(tree.child(node, token)).toBe(below.find((child) => tree.tokens[child] === token) ?? -1)
          const sum = slowPath(tree, node).reduce((total, at) => total + tree.logProbs[at]!, 0)
          expect(tree.pathLogProb(node)).toBeCloseTo(sum, 9)
        }
      }),
    )
  })

  it('refuses nodes that cannot be', () => {
    const tree = createTree(1)
    expect(() => tree.add(1, 5, 0)).toThrow('internal: a tree of 1 nodes has no node 1')
    expect(() => tree.add(-1, 5, 0)).toThrow('no node -1')
    expect(() => tree.add(0, -5, 0)).toThrow('-5 is no token id')
    expect(() => tree.add(0, 1.5, 0)).toThrow('1.5 is no token id')
    expect(() => tree.add(0, 5, 0.1)).toThrow('at most 0, got 0.1')
    expect(() => tree.add(0, 5, NaN)).toThrow('at most 0, got NaN')
    expect(() => tree.add(0, 5, 0, 256)).toThrow('sources are 0 to 255')
    expect(() => tree.path(3)).toThrow('no node 3')
    expect(tree.size).toBe(1)
  })

  it('makes chains', () => {
    const chain = chainTree([5, 6, 7], [-0.5])
    expect([...chain.tokens]).toEqual([5, 6, 7])
    expect([...chain.parents]).toEqual([-1, 0, 1])
    expect([...chain.logProbs]).toEqual([0, -0.5, 0])
    expect(() => chainTree([])).toThrow('root token')
  })
})

describe('keep', () => {
  it('keeps any set that contains the parents of its members, ids renumbered in order', () => {
    fc.assert(
      fc.property(trees, fc.array(fc.nat(), { maxLength: 8 }), (tree, picks) => {
        const wanted = new Set(picks.flatMap((pick) => tree.path(pick % tree.size)))
        const kept = tree.keep(wanted)
        const old = [0, ...[...wanted].sort((a, b) => a - b)]
        expect(kept.size).toBe(old.length)
        old.forEach((node, i) => {
          expect(kept.path(i).map((at) => old[at])).toEqual(tree.path(node))
          expect([kept.tokens[i], kept.logProbs[i], kept.sources[i], kept.depths[i]]).toEqual([
            tree.tokens[node],
            tree.logProbs[node],
            tree.sources[node],
            tree.depths[node],
          ])
        })
      }),
    )
  })

  it('refuses a child without its parent and a node that is not there', () => {
    const tree = chainTree([1, 2, 3, 4])
    expect(() => tree.keep([1, 3])).toThrow('internal: node 3 cannot be kept without its parent 2')
    expect(() => tree.keep([4])).toThrow('no node 4')
  })

  it('leaves the original as it was', () => {
    const tree = chainTree([1, 2, 3])
    tree.keep([1]).add(1, 9, -1)
    expect([...tree.tokens]).toEqual([1, 2, 3])
    expect(tree.children(1)).toEqual([2])
  })
})

describe('the mask', () => {
  it('is the ancestor relation, whatever was in the buffer before', () => {
    fc.assert(
      fc.property(trees, fc.nat(5), (tree, extra) => {
        const stride = tree.size + extra
        const mask = new Uint8Array(tree.size * stride).fill(9)
        writeMask(tree, mask, stride)
        for (let node = 0; node < tree.size; node++) {
          const seen = new Set([0, ...slowPath(tree, node)])
          for (let other = 0; other < tree.size; other++) {
            expect(isAncestor(tree, other, node)).toBe(seen.has(other))
            expect(mask[node * stride + other]).toBe(seen.has(other) ? 1 : 0)
          }
          for (let column = tree.size; column < stride; column++) expect(mask[node * stride + column]).toBe(9)
        }
      }),
    )
  })

  it('refuses a buffer that is too small', () => {
    const tree = chainTree([1, 2, 3])
    expect(() => writeMask(tree, new Uint8Array(9), 2)).toThrow('rows of at least 3, got 2')
    expect(() => writeMask(tree, new Uint8Array(8), 3)).toThrow('does not fit 8 bytes')
  })
})
