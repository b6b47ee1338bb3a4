import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeRound } from './rounds.fixture.ts'
import { layoutTree } from './tree-layout.ts'

const round = makeRound(
  { tokens: [1, 2, 3, 4, 5], parents: [-1, 0, 0, 2, 2], acceptedPath: [2, 4], emitted: [3, 5, 6] },
  { pruned: { count: 2, tokens: [7, 8], parents: [4, 5], logProbs: [-1, -2], sources: [0, 1] } },
)

describe('the layout of a tree', () => {
  it('keeps what was emitted on the top line, and nothing lies over anything else', () => {
    const { nodes, rows, columns } = layoutTree(round, new Map(), true)
    const emitted = nodes.filter(({ state }) => ['root', 'accepted', 'own'].includes(state))
    expect(emitted.map(({ token, row, depth }) => [token, row, depth])).toEqual([[1, 0, 0], [3, 0, 1], [5, 0, 2], [6, 0, 3]]) // prettier-ignore
    expect(new Set(nodes.map(({ row, depth }) => `${row} ${depth}`)).size).toBe(nodes.length)
    expect([rows, columns]).toEqual([2, 5])
    expect(nodes.map(({ state }) => state)).toEqual(['root', 'rejected', 'accepted', 'rejected', 'accepted', 'pruned', 'pruned', 'own']) // prettier-ignore
  })

  it('crosses no branches', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 60 }), (choices) => {
        const parents = [-1, ...choices.map((choice, index) => choice % (index + 1))]
        const tokens = parents.map((_, index) => index)
        const { nodes } = layoutTree(makeRound({ tokens, parents, acceptedPath: [], emitted: [] }), new Map(), true)
        for (const node of nodes.slice(1)) {
          const parent = nodes[node.parent]!
          expect(node.row).toBeGreaterThanOrEqual(parent.row)
          for (const other of nodes.slice(1)) {
            if (other.depth !== node.depth || other.id === node.id) continue
            expect(other.row).not.toBe(node.row)
            const otherParent = nodes[other.parent]!
            if (otherParent.row > parent.row) expect(other.row).toBeGreaterThan(node.row)
          }
        }
      }),
    )
  })

  it('is no higher than its longest column where all paths are long', () => {
    // Six paths of ten nodes below the root.
    const parents = [-1, ...Array.from({ length: 60 }, (_, index) => (index < 6 ? 0 : index - 5))]
    const tokens = parents.map((_, index) => index)
    const { rows, columns } = layoutTree(makeRound({ tokens, parents, acceptedPath: [], emitted: [] }), new Map(), true)
    expect([rows, columns]).toEqual([6, 11])
  })

  it('hides what was pruned', () => {
    const { nodes } = layoutTree(round, new Map(), false)
    expect(nodes.map(({ state }) => state)).not.toContain('pruned')
    expect(nodes.at(-1)).toMatchObject({ state: 'own', token: 6, parent: 4 })
  })

  it('has no token of the target’s own where the answer ended inside the accepted path', () => {
    const { nodes } = layoutTree({ ...round, emitted: [3, 5] }, new Map(), false)
    expect(nodes.map(({ state }) => state)).not.toContain('own')
  })
})
