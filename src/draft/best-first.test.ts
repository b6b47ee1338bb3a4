import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bestNodes } from '../tree/index.ts'
import { growBestFirst, type Candidate } from './best-first.ts'

/** A seeded infinite tree: the state is the path. */
function children(seed: number, path: readonly number[]): Candidate<readonly number[]>[] {
  return [0, 1, 2, 3]
    .map((token) => {
      const mixed = Math.sin([...path, token, seed].reduce((sum, value) => sum * 3.7 + value + 1, 1)) * 1e4
      return { token, probability: 0.01 + 0.5 * (mixed - Math.floor(mixed)), state: [...path, token], mark: token }
    })
    .sort((a, b) => b.probability - a.probability)
}

const budgets = fc.record({
  depth: fc.integer({ min: 1, max: 5 }),
  width: fc.integer({ min: 1, max: 4 }),
  nodes: fc.integer({ min: 1, max: 30 }),
})

describe('growing best first', () => {
  it('keeps to depth, width and nodes, and marks each node', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999 }), budgets, (seed, budget) => {
        const { tree, marks } = growBestFirst<readonly number[]>(7, [], budget, (path) => children(seed, path))
        expect(tree.size - 1).toBeLessThanOrEqual(budget.nodes)
        expect(Math.max(...tree.depths)).toBeLessThanOrEqual(budget.depth)
        for (let node = 0; node < tree.size; node++) {
          expect(tree.children(node).length).toBeLessThanOrEqual(budget.width)
        }
        expect(marks).toEqual([-1, ...tree.tokens.slice(1)])
      }),
    )
  })

  it('grows nothing that is less likely than the budget asks for, and all that is likelier', () => {
    const grown = (least?: number) =>
      growBestFirst<readonly number[]>(7, [], { depth: 4, width: 4, nodes: 40, ...(least && { least }) }, (path) =>
        children(3, path),
      ).tree
    const chances = (tree: ReturnType<typeof grown>): number[] =>
      [...tree.tokens.keys()].slice(1).map((node) => Math.exp(tree.pathLogProb(node)))
    const likely = chances(grown()).filter((chance) => chance >= 0.1)
    expect(likely.length).toBeGreaterThan(3)
    expect(chances(grown(0.1))).toEqual(likely)
  })

  it('adds nodes in falling order of their chance, so that any prefix is the best tree of its size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999 }), (seed) => {
        const budget = { depth: 4, width: 3, nodes: 20 }
        const { tree } = growBestFirst<readonly number[]>(7, [], budget, (path) => children(seed, path))
        const chances = Array.from({ length: tree.size }, (_, node) => tree.pathLogProb(node))
        for (let node = 1; node < tree.size; node++) {
          expect(chances[node]!).toBeLessThanOrEqual(chances[node - 1]! + 1e-5)
        }
        const whole = growBestFirst<readonly number[]>(7, [], { ...budget, nodes: 200 }, (path) => children(seed, path))
        const best = bestNodes(whole.tree, 8).map((node) => whole.tree.pathLogProb(node))
        expect(chances.slice(1, 9).map((value) => value.toFixed(4))).toEqual(best.map((value) => value.toFixed(4)))
      }),
    )
  })

  it('scales siblings down that promise more than certainty together', () => {
    const pair = [0, 1].map((token) => ({ token, probability: 0.9, state: null, mark: 0 }))
    const { tree } = growBestFirst(5, null, { depth: 1, width: 2, nodes: 2 }, () => pair)
    expect(Math.exp(tree.logProbs[1]!) + Math.exp(tree.logProbs[2]!)).toBeCloseTo(1)
  })

  it('stops where there are no candidates', () => {
    const { tree } = growBestFirst(5, null, { depth: 3, width: 2, nodes: 9 }, () => [])
    expect(tree.size).toBe(1)
  })
})
