/** Lays out the rows of one pass: trees of one or several sequences, side by side. Pure arithmetic, no native code. */
import { assert } from '../util/assert.ts'
import type { NodeId, TokenTree } from '../tree/index.ts'

export interface PassItem {
  readonly tree: TokenTree
  readonly from: NodeId
  readonly outputs: readonly NodeId[]
  /** First slot of the sequence, and how many it has. */
  readonly start: number
  readonly slots: number
  /** Tokens committed before the tree. */
  readonly length: number
}

export interface PassLayout {
  readonly tokens: Int32Array
  readonly positions: Int32Array
  readonly slots: BigInt64Array
  /** F16 bits, [rows][slotCount]: what a row sees of the slots from its base on. */
  readonly mask: Uint16Array
  readonly slotCount: number
  /** [rows] */
  readonly bases: Int32Array
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
  /** Every row's mask begins with its sequence's first slot, so that neighbours in the cache cost nothing; else all begin with slot 0. */
  readonly windows: boolean
}

const HIDDEN = 0xfc00
const VISIBLE = 0

/** Slots are covered in steps, so that passes of a growing text share a graph; those after the last visible one cost nothing. */
export const SLOT_STEP = 256
/** Few prompt rows wanted now, a few more in the next chunk: counts are rounded up so that they share a graph. */
const OUTPUT_STEP = 8

export function layOutPass(items: readonly PassItem[], limits: PassLimits): PassLayout {
  const counts = items.map((item) => item.tree.size - item.from)
  const realRows = counts.reduce((sum, count) => sum + count, 0)
  const rows = Math.ceil(realRows / limits.rowMultiple) * limits.rowMultiple
  const spares = rows - realRows
  const baseOf = ({ start }: PassItem): number => (limits.windows ? start : 0)
  const end = (item: PassItem): number => item.start + item.length + item.tree.size
  // Behind a full sequence lie the rows of another one: padding goes where there is room.
  const host = items.findLast((item) => end(item) + spares <= Math.min(item.start + item.slots, limits.cacheSlots))
  assert(host !== undefined, `no room for ${spares} rows of padding in ${limits.cacheSlots} slots`)
  const covered = Math.max(...items.map((item) => end(item) - baseOf(item)), end(host) + spares - baseOf(host))
  const slotCount = Math.min(limits.cacheSlots, Math.ceil(covered / SLOT_STEP) * SLOT_STEP)
  const layout = {
    tokens: new Int32Array(rows),
    positions: new Int32Array(rows),
    slots: new BigInt64Array(rows),
    mask: new Uint16Array(rows * slotCount).fill(HIDDEN),
    slotCount,
    bases: new Int32Array(rows),
  }
  const firstRows: number[] = []
  const outputRows: number[] = []
  let row = 0
  for (const item of items) {
    firstRows.push(row)
    outputRows.push(...item.outputs.map((node) => row + node - item.from))
    for (let node = item.from; node < item.tree.size; node++) writeRow(layout, row++, item, node, baseOf(item))
  }
  // Padding rows compute into slots that nobody owns yet and see only themselves: no row may see nothing at all.
  for (let spare = end(host); row < rows; row++, spare++) {
    layout.slots[row] = BigInt(spare)
    layout.bases[row] = baseOf(host)
    layout.mask[row * slotCount + spare - baseOf(host)] = VISIBLE
  }
  return { ...layout, outputRows: padOutputs(outputRows, realRows, rows), firstRows }
}

// ---------------------------------------------------------------------------------------------------------------

function writeRow(
  layout: Omit<PassLayout, 'outputRows' | 'firstRows'>,
  row: number,
  item: PassItem,
  node: NodeId,
  base: number,
): void {
  const { tree, start, length } = item
  layout.tokens[row] = tree.tokens[node] as number
  layout.positions[row] = length + (tree.depths[node] as number)
  layout.slots[row] = BigInt(start + length + node)
  layout.bases[row] = base
  const first = row * layout.slotCount + start - base
  layout.mask.fill(VISIBLE, first, first + length)
  for (let at = node; at >= 0; at = tree.parents[at] as number) layout.mask[first + length + at] = VISIBLE
}

/** All rows in order need no selection; otherwise the list is filled up with its last entry. */
function padOutputs(wanted: readonly number[], realRows: number, rows: number): Int32Array {
  if (wanted.length === realRows) return Int32Array.from({ length: rows }, (_, row) => row)
  const last = wanted.at(-1) ?? 0
  // Fewer outputs than rows, always: as many as rows would mean "all rows in order".
  const count = wanted.length <= 1 ? 1 : Math.min(rows - 1, Math.ceil(wanted.length / OUTPUT_STEP) * OUTPUT_STEP)
  return Int32Array.from({ length: count }, (_, index) => wanted[index] ?? last)
}
