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

  it('are no cheaper for drafts because a prompt makes the pass long', () => {
    // Two roots take 12 ms: a token is worth 6, a row costs 1. The prompt has to be read one time or another.
    const price = cost(0)
    for (const promptRows of [0, 32, 64]) {
      const trees = divideRows([wish([0.9, 0.1], price), wish([0.12], price)], { ...alone, promptRows })
      expect(sizes(trees)).toEqual([2, 1])
    }
  })

  it('are no more than the pass may hold', () => {
    const price = cost(64)
    expect(sizes(divideRows([wish([0.9, 0.8], price), wish([0.85], price)], { ...alone, maxRows: 4 }))).toEqual([2, 2])
  })

  it('are paid by whose they are, all of them, prompts by nobody else', () => {
    const price = (rows: number): number => 10 + rows
    const shares = (trees: number[], ms: number, promptRows = 0) =>
      trees.map((_, index) => ownTime({ trees, promptRows }, index, ms, price))
    expect(shares([3, 3], 16)).toEqual([8, 8])
    expect(shares([1, 1], 13)).toEqual([6.5, 6.5])
    // Two roots share 12 ms, the nodes took the other 4.
    expect(shares([5, 1], 16)).toEqual([10, 6])
    // A machine that is slower than the list says is slower for all.
    expect(shares([5, 1], 32)).toEqual([20, 12])
    expect(shares([5, 1], 48, 32)).toEqual([10, 6])
  })
})
