/** Lays out the rows of one pass: trees of one or several sequences, side by side. Pure arithmetic, no native code. */
import { assert } from '../util/assert.ts'
import type { NodeId, TokenTree } from '../tree/index.ts'

export interface PassItem {
  readonly tree: TokenTree
  readonly from: NodeId
  readonly outputs: readonly NodeId[]
  /** First slot of the sequence. */
  readonly start: number
  /** Tokens committed before the tree. */
  readonly length: number
}

export interface PassLayout {
  readonly tokens: Int32Array
  readonly positions: Int32Array
  readonly slots: BigInt64Array
  /** F16 bits, [rows][slotCount] */
  readonly mask: Uint16Array
  readonly slotCount: number
  /** Row of each wanted output, item after item; padded to the pass's output count. */
  readonly outputRows: Int32Array
  /** First row of each item. */
  readonly firstRows: readonly number[]
}

export interface PassLimits {
  /** Row counts are rounded up to a multiple of this (see `invariance.ts`). */
  readonly rowMultiple: number
  /** Slots of the whole cache. */
  readonly cacheSlots: number
}

const HIDDEN = 0xfc00
const VISIBLE = 0

/** Slots are covered in steps, so that passes of a growing text share a graph; hidden slots cost nothing. */
export const SLOT_STEP = 256
/** Few prompt rows wanted now, a few more in the next chunk: counts are rounded up so that they share a graph. */
const OUTPUT_STEP = 8

export function layOutPass(items: readonly PassItem[], limits: PassLimits): PassLayout {
  const counts = items.map((item) => item.tree.size - item.from)
  const realRows = counts.reduce((sum, count) => sum + count, 0)
  const rows = Math.ceil(realRows / limits.rowMultiple) * limits.rowMultiple
  const ends = items.map((item) => item.start + item.length + item.tree.size)
  const last = ends.at(-1)
  assert(last !== undefined, 'a pass without items')
  const end = Math.max(...ends, last + rows - realRows)
  assert(end <= limits.cacheSlots, `slot ${end} of ${limits.cacheSlots}`)
  const slotCount = Math.min(limits.cacheSlots, Math.ceil(end / SLOT_STEP) * SLOT_STEP)
  const layout = {
    tokens: new Int32Array(rows),
    positions: new Int32Array(rows),
    slots: new BigInt64Array(rows),
    mask: new Uint16Array(rows * slotCount).fill(HIDDEN),
    slotCount,
  }
  const firstRows: number[] = []
  const outputRows: number[] = []
  let row = 0
  for (const item of items) {
    firstRows.push(row)
    outputRows.push(...item.outputs.map((node) => row + node - item.from))
    for (let node = item.from; node < item.tree.size; node++) writeRow(layout, row++, item, node)
  }
  // Padding rows compute into slots that nobody owns yet and see only themselves: no row may see nothing at all.
  for (let spare = last; row < rows; row++, spare++) {
    layout.slots[row] = BigInt(spare)
    layout.mask[row * slotCount + spare] = VISIBLE
  }
  return { ...layout, outputRows: padOutputs(outputRows, realRows, rows), firstRows }
}

// ---------------------------------------------------------------------------------------------------------------

function writeRow(
  layout: Omit<PassLayout, 'outputRows' | 'firstRows'>,
  row: number,
  item: PassItem,
  node: NodeId,
): void {
  const { tree, start, length } = item
  layout.tokens[row] = tree.tokens[node] as number
  layout.positions[row] = length + (tree.depths[node] as number)
  layout.slots[row] = BigInt(start + length + node)
  const maskRow = row * layout.slotCount
  layout.mask.fill(VISIBLE, maskRow + start, maskRow + start + length)
  for (let at = node; at >= 0; at = tree.parents[at] as number) layout.mask[maskRow + start + length + at] = VISIBLE
}

/** All rows in order need no selection; otherwise the list is filled up with its last entry. */
function padOutputs(wanted: readonly number[], realRows: number, rows: number): Int32Array {
  if (wanted.length === realRows) return Int32Array.from({ length: rows }, (_, row) => row)
  const last = wanted.at(-1) ?? 0
  // Fewer outputs than rows, always: as many as rows would mean "all rows in order".
  const count = wanted.length <= 1 ? 1 : Math.min(rows - 1, Math.ceil(wanted.length / OUTPUT_STEP) * OUTPUT_STEP)
  return Int32Array.from({ length: count }, (_, index) => wanted[index] ?? last)
}
