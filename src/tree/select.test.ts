/** Selection against brute force over all connected subsets; merging and rendering against examples and sets of paths. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bestNodes,
  chainTree,
  createTree,
  expectedTokens,
  mergeTrees,
  pruneTree,
  renderTree,
  treeData,
} from './index.ts'
import type { TokenTree } from './index.ts'

/** Few distinct log-probabilities, 0 among them, so that ties are common. */
const logProbs = fc.constantFrom(0, -0.25, -0.5, -1, -2, -Infinity)

function treesOf(maxLength: number) {
  return fc.array(fc.tuple(fc.nat(), fc.nat(3), logProbs), { maxLength }).map((entries) => {
    const tree = createTree(0)
    for (const [at, token, logProb] of entries) {
      const parent = at % tree.size
      if (tree.child(parent, token) < 0) tree.add(parent, token, logProb, token)
    }
    return tree
  })
}

/** Every connected set of `count` nodes besides the root, as lists of ids. */
function connectedSets(tree: TokenTree, count: number): number[][] {
  const sets: number[][] = []
  for (let bits = 0; bits < 1 << (tree.size - 1); bits++) {
    const nodes = [...tree.parents.keys()].filter((node) => node > 0 && bits & (1 << (node - 1)))
    const connected = nodes.every((node) => tree.parents[node] === 0 || nodes.includes(tree.parents[node]!))
    if (nodes.length === count && connected) sets.push(nodes)
  }
  return sets
}

function mass(tree: TokenTree, nodes: readonly number[]): number {
  return nodes.reduce((sum, node) => sum + Math.exp(tree.pathLogProb(node)), 0)
}

describe('bestNodes', () => {
  it('has the greatest total path probability of all connected sets of its size', () => {
    fc.assert(
      fc.property(treesOf(9), fc.nat(10), (tree, count) => {
        const nodes = bestNodes(tree, count)
        const size = Math.min(count, tree.size - 1)
        expect(nodes).toHaveLength(size)
        const best = Math.max(...connectedSets(tree, size).map((set) => mass(tree, set)))
        expect(mass(tree, nodes)).toBeCloseTo(best, 6)
        expect(() => tree.keep(nodes)).not.toThrow()
      }),
    )
  })

  it('goes by path probability, best first, and by the smaller id where those are equal', () => {
    fc.assert(
      fc.property(treesOf(60), (tree) => {
        const all = [...tree.parents.keys()].slice(1)
        // These sums of multiples of 1/4 are exact.
        const sorted = all.sort((a, b) => tree.pathLogProb(b) - tree.pathLogProb(a) || a - b)
        for (const count of [0, 1, 5, tree.size]) expect(bestNodes(tree, count)).toEqual(sorted.slice(0, count))
      }),
    )
  })

  it('keeps the parent of a child that is certain', () => {
    const tree = createTree(0)
    tree.add(0, 1, -1)
    tree.add(1, 2, 0)
    tree.add(0, 3, -1)
    expect(bestNodes(tree, 1)).toEqual([1])
    expect(bestNodes(tree, 2)).toEqual([1, 2])
  })
})

describe('pruneTree', () => {
  it('gives a ranked tree of the best nodes, and the tree itself where nothing is cut', () => {
    const tree = createTree(0)
    tree.add(0, 1, Math.log(0.2))
    tree.add(0, 2, Math.log(0.7))
    tree.add(2, 3, Math.log(0.5))
    const pruned = pruneTree(tree, 2)
    expect(pruned.kind).toBe('ranked')
    expect([...pruned.tree.tokens]).toEqual([0, 2, 3])
    expect([...pruned.tree.parents]).toEqual([-1, 0, 1])
    expect(pruneTree(tree, 0).tree.size).toBe(1)
    expect(pruneTree(tree, 3).tree).toBe(tree)
    expect([...tree.tokens]).toEqual([0, 1, 2, 3])
  })
})

describe('expectedTokens', () => {
  it('is one and the path probabilities of the n best nodes, for every n', () => {
    fc.assert(
      fc.property(treesOf(40), (tree) => {
        const expected = expectedTokens(tree)
        expect(expected).toHaveLength(tree.size)
        for (let n = 0; n < tree.size; n++) expect(expected[n]).toBeCloseTo(1 + mass(tree, bestNodes(tree, n)), 5)
      }),
    )
  })
})

describe('mergeTrees', () => {
  const paths = (tree: TokenTree): string[] =>
    [...tree.parents.keys()].map((node) =>
      tree
        .path(node)
        .map((at) => tree.tokens[at])
        .join(' '),
    )

  it('holds every path of every tree once, with the largest log-probability and its source', () => {
    fc.assert(
      fc.property(fc.array(treesOf(12), { minLength: 1, maxLength: 4 }), (trees) => {
        const merged = mergeTrees(trees, [0, 10, 20, 30])
        const keys = paths(merged)
        expect(new Set(keys).size).toBe(keys.length)
        expect(new Set(keys)).toEqual(new Set(trees.flatMap(paths)))
        keys.forEach((key, node) => {
          if (node === 0) return
          const twins = trees.flatMap((tree, i) => {
            const at = paths(tree).indexOf(key)
            return at < 0 ? [] : [{ logProb: tree.logProbs[at]!, source: tree.sources[at]! + 10 * i }]
          })
          const best = twins.reduce((a, b) => (b.logProb > a.logProb ? b : a))
          expect({ logProb: merged.logProbs[node], source: merged.sources[node] }).toEqual(best)
        })
      }),
    )
  })

  it('makes no difference for a single tree and refuses different roots', () => {
    const tree = chainTree([1, 2, 3], [-1, -2])
    expect(treeData(mergeTrees([tree]))).toEqual(treeData(tree))
    expect(() => mergeTrees([tree, createTree(2)])).toThrow('share their root, got 1 and 2')
    expect(() => mergeTrees([])).toThrow('at least one tree')
  })
})

describe('views of a tree', () => {
  const tree = createTree(0)
  tree.add(0, 1, Math.log(0.6))
  tree.add(0, 2, Math.log(0.1), 1)
  tree.add(1, 3, Math.log(0.25), 1)
  const words = ['The', ' cat', ' dog', '\n']

  it('show branches, probabilities, sources and the accepted path as text', () => {
    const text = renderTree(tree, (token) => words[token]!, { accepted: [1], sources: ['lookup', 'table'] })
    expect(text.split('\n')).toEqual([
      '"The"',
      '├─ " cat" 0.60 lookup *',
      '│  └─ "\\n" 0.25 table',
      '└─ " dog" 0.10 table',
    ])
    expect(renderTree(tree, String).split('\n')[2]).toBe('│  └─ "3" 0.25')
  })

  it('survive a very deep chain', () => {
    const chain = chainTree(Array.from({ length: 2000 }, (_, i) => i))
    expect(renderTree(chain, String).split('\n')).toHaveLength(2000)
  })

  it('are plain data that survives JSON', () => {
    const data = treeData(tree)
    expect(JSON.parse(JSON.stringify(data))).toEqual(data)
    expect(data.parents).toEqual([-1, 0, 0, 1])
    expect(data.sources).toEqual([0, 0, 1, 1])
  })
})
