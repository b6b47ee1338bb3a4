import { describe, expect, it } from 'vitest'
import { createTree } from '../tree/index.ts'
import { RoundTotals, traceRound } from './trace.ts'

function trace(depth: number, accepted: number): ReturnType<typeof traceRound> {
  const tree = createTree(5)
  for (let level = 0; level < depth; level++) tree.add(level, 10 + level, -0.5)
  const path = Array.from({ length: accepted }, (_, index) => index + 1)
  return traceRound({
    round: 0,
    budget: { depth, width: 1, nodes: depth },
    outcome: { tree, accepted: path, next: 1, context: 7, draftMs: 1, verifyMs: 2 },
    emitted: [...path, 1],
    hostMs: 3,
  })
}

describe('traces', () => {
  it('survive JSON unchanged', () => {
    const original = trace(3, 2)
    expect(JSON.parse(JSON.stringify(original))).toEqual(original)
  })

  it('sum up by the definitions that all engines share', () => {
    const totals = new RoundTotals()
    for (const [depth, accepted] of [
      [4, 4],
      [4, 0],
      [2, 1],
      [0, 0],
    ] as const) {
      totals.add(trace(depth, accepted))
    }
    const summary = totals.summary({ drafter: 'lookup', budget: 'fixed', lossless: true })
    expect(summary).toMatchObject({ rounds: 4, drafted: 10, accepted: 5, tau: 9 / 4, acceptanceRate: 0.5 })
    expect(summary.acceptanceByDepth).toEqual([2 / 3, 1 / 3, 1 / 2, 1 / 2])
  })

  it('count nothing that was accepted after the end of the answer', () => {
    const tree = createTree(5)
    const path = [tree.add(0, 6, -1), tree.add(1, 99, -1), tree.add(2, 7, -1)]
    const outcome = { tree, accepted: path, next: 8, context: 1, draftMs: 0, verifyMs: 0 }
    const cut = traceRound({ round: 0, budget: { depth: 3, width: 1, nodes: 3 }, outcome, emitted: [6, 99], hostMs: 0 })
    expect(cut).toMatchObject({ accepted: 2, emitted: [6, 99] })
    expect(cut.tree.acceptedPath).toEqual([1, 2])
  })

  it('name the likeliest of what was pruned, below nodes that were verified or other pruned ones', () => {
    const grown = createTree(5)
    const kept = grown.add(0, 10, -0.1)
    const left = grown.add(0, 11, -1)
    grown.add(kept, 12, -0.2)
    grown.add(left, 13, -0.5)
    grown.add(left, 14, -9)
    for (let token = 0; token < 60; token++) grown.add(kept, 100 + token, -5)
    const outcome = { tree: grown.keep([0, kept]), accepted: [], next: 1, context: 7, draftMs: 0, verifyMs: 0 }
    const { pruned } = traceRound({ round: 0, budget: { depth: 2, width: 2, nodes: 1 }, outcome, grown, emitted: [1], hostMs: 0 }) // prettier-ignore
    expect(pruned?.count).toBe(64)
    expect(pruned?.tokens.slice(0, 4)).toEqual([11, 12, 13, 100])
    expect(pruned?.parents.slice(0, 4)).toEqual([0, 1, 2, 1])
    expect(pruned?.logProbs.slice(0, 3)).toEqual([-1, -0.2, -0.5])
    expect(pruned?.tokens).not.toContain(14)
  })

  it('of a request without rounds are zeros, not NaN', () => {
    const summary = new RoundTotals().summary({ drafter: 'none', budget: 'off', lossless: true })
    expect(summary.tau).toBe(0)
    expect(summary.acceptanceRate).toBe(0)
  })
})
