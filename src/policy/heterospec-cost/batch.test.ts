import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planBatch } from './batch.ts'

/** Chances of a random tree's paths and its parents: a child is at most as likely as its parent. */
const tree = fc
  .array(fc.tuple(fc.nat(9), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 4 })
  .map((nodes) => {
    const chances = [1]
    const parents = [-1]
    for (const [where, own] of nodes) {
      const parent = where % chances.length
      chances.push(chances[parent]! * own)
      parents.push(parent)
    }
    return { chances, parents }
  })

const rising = fc.array(fc.double({ min: 0.01, max: 3, noNaN: true }), { minLength: 40, maxLength: 40 })

/** Every way to choose connected nodes of every tree. */
function* subsets(trees: readonly { chances: number[]; parents: number[] }[]): Generator<number> {
  const all = trees.flatMap(({ chances, parents }, sequence) =>
    chances
      .slice(1)
      .map((chance, i) => ({ key: `${sequence} ${i + 1}`, parent: `${sequence} ${parents[i + 1]}`, chance })),
  )
  for (let bits = 0; bits < 2 ** all.length; bits++) {
    const chosen = all.filter((_, i) => (bits >> i) & 1)
    const keys = new Set(chosen.map(({ key }) => key))
    if (chosen.some(({ parent }) => !parent.endsWith(' 0') && !keys.has(parent))) continue
    yield* [chosen.length, chosen.reduce((sum, { chance }) => sum + chance, 0)]
  }
}

describe('planBatch', () => {
  it('finds the best pass of all: checked against every choice of nodes', () => {
    fc.assert(
      fc.property(
        fc.array(tree, { minLength: 1, maxLength: 3 }),
        rising,
        fc.double({ min: 0, max: 2, noNaN: true }),
        (trees, steps, spentMs) => {
          const targetMs = (rows: number) => 1 + steps.slice(0, rows).reduce((a, b) => a + b, 0)
          const B = trees.length
          const plan = planBatch({
            chances: trees.map(({ chances }) => chances),
            targetMs,
            cheapRows: steps.map((_, i) => i + 1),
            spentMs,
          })
          const choices: { nodes: number; tokens: number; ms: number }[] = []
          const numbers = subsets(trees)
          for (let next = numbers.next(); !next.done; next = numbers.next()) {
            const nodes = next.value
            const gain = numbers.next().value as number
            choices.push({ nodes, tokens: B + gain, ms: targetMs(B + nodes) })
          }
          const worth = Math.max(
            B / targetMs(B),
            ...choices.map(({ nodes, tokens, ms }) => (nodes > 0 ? tokens / (ms + spentMs) : 0)),
          )
          const best = Math.max(...choices.map(({ tokens, ms }) => tokens - worth * ms))
          expect(plan.tokens - worth * plan.ms).toBeCloseTo(best, 9)
          // What it says it chose is what it counts, and every chosen node's parent is chosen.
          const gained = plan.nodes
            .flatMap((own, i) => own.map((node) => trees[i]!.chances[node]!))
            .reduce((a, b) => a + b, 0)
          expect(plan.tokens).toBeCloseTo(B + gained, 9)
          expect(plan.rows).toBe(B + plan.nodes.flat().length)
          plan.nodes.forEach((own, i) =>
            own.forEach((node) => {
              const parent = trees[i]!.parents[node]!
              expect(parent === 0 || own.includes(parent)).toBe(true)
            }),
          )
        },
      ),
      { numRuns: 150 },
    )
  })

  it('gives rows to the sequences that use them best, and none where none pays', () => {
    const chain = (prob: number) => Array.from({ length: 6 }, (_, depth) => prob ** depth)
    const request = {
      chances: [chain(0.95), chain(0.5), chain(0.02)],
      cheapRows: Array.from({ length: 18 }, (_, i) => i + 1),
    }
    const cheap = planBatch({ ...request, targetMs: (rows) => 10 + rows })
    expect(cheap.nodes.map((own) => own.length)).toEqual([5, 1, 0])
    expect(planBatch({ ...request, targetMs: (rows) => 10 * rows }).nodes.flat()).toEqual([])
    expect(planBatch({ ...request, targetMs: () => 10, maxRows: 6 }).rows).toBe(6)
    expect(planBatch({ ...request, targetMs: (rows) => 10 + rows, margin: 9 }).nodes.flat()).toEqual([])
  })

  it('does not take rows for cheap because drafting was dear', () => {
    const request = { chances: [[1, 0.4], [1]], cheapRows: [1, 2, 3], targetMs: (rows: number) => 10 * rows }
    for (const spentMs of [0, 10, 100]) expect(planBatch({ ...request, spentMs }).nodes.flat()).toEqual([])
  })
})
