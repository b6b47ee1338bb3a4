/**
 * One pass of an EAGLE-3 head: rows of one text, or of several side by side. Each row sees a window of its own text only, so what a
 * pass says about a row does not depend on whose rows are beside it. Pure arithmetic, no native code.
 */
import { defined } from '../util/assert.ts'
import type { HeadShape } from './eagle3-graph.ts'

/** Rows of a pass; the numbers that lie row by row are in one array each. */
export interface HeadPass {
  /** Features of the target, or states of the head itself. */
  readonly reads: HeadShape['reads']
  /** [rows][width] */
  readonly input: Float32Array
  /** [rows] */
  readonly tokens: Int32Array
  /** [rows] */
  readonly positions: Int32Array
  /** [rows] where keys and values go */
  readonly slots: BigInt64Array
  /** [outputs] rows that are computed to the end, ascending. */
  readonly outputs: Int32Array
  /** Slots that masks cover. */
  readonly window: number
  /** [outputs] the slot that a row's mask begins with */
  readonly bases: Int32Array
  /** F16 bits, [outputs][window] */
  readonly mask: Uint16Array
}

/** F16 bits of a mask. */
export const HIDDEN = 0xfc00
export const VISIBLE = 0

/** Rows of several texts together, at most: so many hide the reading of the weights, and more would only be waited for longer. */
export const MOST_JOINED_ROWS = 64

/**
 * Where texts share a reading pass, its rows are filled up to a multiple of this: texts read one row or several, and each sum would want
 * a graph of its own. Such a row is cheap: what is dear about a row is its output.
 */
const READ_STEP = 8

/** The form of the graph that computes a pass. */
export function shapeOf({ tokens, window, reads, outputs }: HeadPass): HeadShape {
  return { rows: tokens.length, slots: window, reads, outputs: outputs.length }
}

/** May `pass` go with others? They must read the same kind of numbers. */
export function joins(others: readonly HeadPass[], pass: HeadPass): boolean {
  const rows = others.reduce((sum, { tokens }) => sum + tokens.length, pass.tokens.length)
  return rows <= MOST_JOINED_ROWS && others.every(({ reads }) => reads === pass.reads)
}

/** Several passes as one, rows and outputs in their order. Rows behind them repeat the last one: they write again what it writes. */
export function joinPasses(passes: readonly HeadPass[]): HeadPass {
  const first = defined(passes[0], 'a pass')
  if (passes.length === 1) return first
  const own = sumOf(passes, ({ tokens }) => tokens.length)
  const rows = first.reads === 'features' ? Math.ceil(own / READ_STEP) * READ_STEP : own
  const width = first.input.length / first.tokens.length
  const window = passes.reduce((widest, pass) => Math.max(widest, pass.window), 0)
  const outputs = sumOf(passes, (pass) => pass.outputs.length)
  const joined = {
    reads: first.reads,
    input: new Float32Array(rows * width),
    tokens: new Int32Array(rows),
    positions: new Int32Array(rows),
    slots: new BigInt64Array(rows),
    outputs: new Int32Array(outputs),
    window,
    bases: new Int32Array(outputs),
    mask: new Uint16Array(outputs * window).fill(HIDDEN),
  }
  let row = 0
  let output = 0
  for (const pass of passes) {
    joined.input.set(pass.input, row * width)
    joined.tokens.set(pass.tokens, row)
    joined.positions.set(pass.positions, row)
    joined.slots.set(pass.slots, row)
    joined.bases.set(pass.bases, output)
    pass.outputs.forEach((at, index) => {
      joined.outputs[output + index] = row + at
      const mask = pass.mask.subarray(index * pass.window, (index + 1) * pass.window)
      joined.mask.set(mask, (output + index) * window)
    })
    row += pass.tokens.length
    output += pass.outputs.length
  }
  joined.tokens.fill(joined.tokens[own - 1] as number, own)
  joined.positions.fill(joined.positions[own - 1] as number, own)
  joined.slots.fill(joined.slots[own - 1] as bigint, own)
  for (; row < rows; row++) joined.input.copyWithin(row * width, (own - 1) * width, own * width)
  return joined
}

// ---------------------------------------------------------------------------------------------------------------

function sumOf(passes: readonly HeadPass[], count: (pass: HeadPass) => number): number {
  return passes.reduce((sum, pass) => sum + count(pass), 0)
}
