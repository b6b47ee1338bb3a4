import { describe, expect, it } from 'vitest'
import { chainTree, createTree, type TokenTree } from '../tree/index.ts'
import { layOutPass } from './pass.ts'

function fork(): TokenTree {
  const tree = createTree(5)
  const left = tree.add(0, 6, -1)
  tree.add(0, 7, -2)
  tree.add(left, 8, -1)
  return tree
}
const all = (tree: TokenTree): number[] => [...tree.tokens.keys()]
const limits = { rowMultiple: 1, cacheSlots: 1024, windows: false }

/** Slots that a row sees. */
function visible(layout: ReturnType<typeof layOutPass>, row: number): number[] {
  const slots = [...layout.mask.subarray(row * layout.slotCount, (row + 1) * layout.slotCount)]
  return slots.flatMap((bits, slot) => (bits === 0 ? [slot] : []))
}

describe('the layout of a pass', () => {
  it('shows each node the text, its ancestors and itself', () => {
    const tree = fork()
    const layout = layOutPass([{ tree, from: 0, outputs: all(tree), start: 10, slots: 128, length: 3 }], limits)
    expect([...layout.positions]).toEqual([3, 4, 4, 5])
    expect([...layout.slots].map(Number)).toEqual([13, 14, 15, 16])
    expect(visible(layout, 0)).toEqual([10, 11, 12, 13])
    expect(visible(layout, 2)).toEqual([10, 11, 12, 13, 15])
    expect(visible(layout, 3)).toEqual([10, 11, 12, 13, 14, 16])
    expect(layout.slotCount).toBe(256)
  })

  it('continues a tree whose upper levels are already in the cache', () => {
    const tree = fork()
    const layout = layOutPass([{ tree, from: 3, outputs: [3], start: 0, slots: 300, length: 2 }], limits)
    expect([...layout.tokens]).toEqual([8])
    expect(visible(layout, 0)).toEqual([0, 1, 2, 3, 5])
  })

  it('keeps sequences apart', () => {
    const layout = layOutPass(
      [
        { tree: fork(), from: 0, outputs: [0, 1, 2, 3], start: 0, slots: 300, length: 2 },
        { tree: chainTree([1, 2]), from: 0, outputs: [1], start: 300, slots: 128, length: 4 },
      ],
      limits,
    )
    expect(layout.firstRows).toEqual([0, 4])
    expect(visible(layout, 5)).toEqual([300, 301, 302, 303, 304, 305])
    expect([...layout.outputRows]).toEqual([0, 1, 2, 3, 5])
    expect(layout.slotCount).toBe(512)
  })

  it('begins each mask with the slots of its own sequence where there are windows', () => {
    const items = [
      { tree: fork(), from: 0, outputs: [0, 1, 2, 3], start: 700, slots: 128, length: 2 },
      { tree: chainTree([1, 2]), from: 0, outputs: [1], start: 300, slots: 128, length: 4 },
    ]
    const layout = layOutPass(items, { ...limits, rowMultiple: 8, windows: true })
    expect([...layout.bases]).toEqual([700, 700, 700, 700, 300, 300, 300, 300])
    expect(layout.slotCount).toBe(256)
    expect(visible(layout, 3)).toEqual([0, 1, 2, 3, 5])
    expect(visible(layout, 5)).toEqual([0, 1, 2, 3, 4, 5])
    expect(visible(layout, 7)).toEqual([7])
    expect([...layout.slots].map(Number)).toEqual([702, 703, 704, 705, 304, 305, 306, 307])
  })

  it('pads with rows that see only themselves, in slots that nobody owns yet', () => {
    const layout = layOutPass([{ tree: fork(), from: 0, outputs: [3], start: 0, slots: 300, length: 2 }], {
      ...limits,
      rowMultiple: 8,
    })
    expect(layout.tokens.length).toBe(8)
    for (let row = 4; row < 8; row++) expect(visible(layout, row)).toEqual([2 + row])
    expect(new Set(layout.slots).size).toBe(8)
  })

  it('pads behind the sequence that has room, never over the rows of its neighbour', () => {
    const items = [
      { tree: fork(), from: 0, outputs: [0], start: 0, slots: 128, length: 2 },
      { tree: fork(), from: 0, outputs: [0], start: 128, slots: 20, length: 16 },
    ]
    const layout = layOutPass(items, { ...limits, rowMultiple: 16 })
    expect([...layout.slots.slice(8)].map(Number)).toEqual([6, 7, 8, 9, 10, 11, 12, 13])
    expect(() => layOutPass([items[1]!], { ...limits, rowMultiple: 16 })).toThrow(/room for 12 rows of padding/)
  })

  it('never confuses a selection of outputs with "all rows in order"', () => {
    for (let wanted = 0; wanted < 12; wanted++) {
      const outputs = Array.from({ length: wanted }, (_, index) => index + 1)
      const tree = chainTree(Array.from({ length: 13 }, (_, index) => index))
      const { outputRows } = layOutPass([{ tree, from: 0, outputs, start: 0, slots: 1024, length: 0 }], limits)
      expect(outputRows.length).toBeLessThan(13)
      expect([...outputRows.subarray(0, wanted)]).toEqual(outputs)
    }
  })

  it('refuses to run over the end of the cache', () => {
    expect(() =>
      layOutPass([{ tree: fork(), from: 0, outputs: [0], start: 0, slots: 1024, length: 1022 }], limits),
    ).toThrow(/internal/)
  })
})
