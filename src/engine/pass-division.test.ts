import { describe, expect, it } from 'vitest'
import type { CostModel } from '../policy/index.ts'
import { createTree, type TokenTree } from '../tree/index.ts'
import { divideRows, ownTime, type Wish } from './pass-division.ts'

/** Rows are free up to `free` of them, and cost a tenth of a pass each from there on. */
function cost(free: number): CostModel {
  return {
    targetMs: (rows) => 10 + Math.max(0, rows - free),
    cheapRows: Array.from({ length: 64 }, (_, index) => index + 1),
    observe: () => undefined,
  }
}

/** A root with `chances.length` children. */
function wish(chances: readonly number[] | undefined, price: CostModel, size = 1): Wish {
  const tree = createTree(1)
  for (let token = 0; token < (chances?.length ?? size - 1); token++) tree.add(0, token, -1)
  return { tree, chances: chances && Float64Array.of(1, ...chances), context: 5, cost: price }
}

const sizes = (trees: readonly TokenTree[]): number[] => trees.map(({ size }) => size)
const alone = { promptRows: 0, maxRows: 512, spentMs: 0 }

describe('rows of a pass', () => {
  it('go to the nodes that promise most, whoever’s they are', () => {
    const price = cost(7)
    const trees = divideRows([wish([0.9, 0.8, 0.7], price), wish([0.05, 0.04], price)], alone)
    expect(sizes(trees)).toEqual([4, 3])
    // Without free rows only what is worth its price is left.
    const dear = cost(0)
    expect(sizes(divideRows([wish([0.9, 0.8, 0.1], dear), wish([0.05, 0.04], dear)], alone))).toEqual([3, 1])
  })

  it('are nobody’s but the roots’ where they cost more than they bring', () => {
    const steep: CostModel = { ...cost(0), targetMs: (rows) => 10 * rows }
    expect(sizes(divideRows([wish([0.9], steep), wish([0.8, 0.7], steep)], alone))).toEqual([1, 1])
  })

  it('are left to who insists, and are dearer for the others then', () => {
    const price = cost(6)
    const [insisting, asking] = divideRows([wish(undefined, price, 7), wish([0.05, 0.04], price)], alone)
    expect([insisting!.size, asking!.size]).toEqual([7, 1])
    expect(sizes(divideRows([wish([0.05], price), wish([], price)], { ...alone, promptRows: 32 }))).toEqual([1, 1])
  })

  it('are no more than the pass may hold', () => {
    const price = cost(64)
    expect(sizes(divideRows([wish([0.9, 0.8], price), wish([0.85], price)], { ...alone, maxRows: 4 }))).toEqual([2, 2])
  })

  it('are paid by whose they are', () => {
    const price = (rows: number): number => 10 + rows
    // All alike: the pass itself. One with all nodes: as if both had as many.
    expect(ownTime([3, 3], 0, 16, price)).toBeCloseTo(16)
    expect(ownTime([5, 1], 0, 16, price)).toBeCloseTo(20)
    expect(ownTime([5, 1], 1, 16, price)).toBeCloseTo(12)
    // A machine that is slower than the list says is slower for all.
    expect(ownTime([5, 1], 1, 32, price)).toBeCloseTo(24)
    expect(ownTime([1, 1], 0, 13, price)).toBe(13)
  })
})
