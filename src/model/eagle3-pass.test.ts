import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HIDDEN, joinPasses, joins, MOST_JOINED_ROWS, shapeOf, VISIBLE, type HeadPass } from './eagle3-pass.ts'

const WIDTH = 3

/** Rows of one text: numbers that tell whose they are. */
function passOf(
  text: number,
  rows: number,
  outputs: readonly number[],
  window: number,
  reads: HeadPass['reads'] = 'states',
): HeadPass {
  const base = 1000 * text
  return {
    reads,
    input: Float32Array.from({ length: rows * WIDTH }, (_, index) => base + index),
    tokens: Int32Array.from({ length: rows }, (_, row) => base + row),
    positions: Int32Array.from({ length: rows }, (_, row) => text + row),
    slots: BigInt64Array.from({ length: rows }, (_, row) => BigInt(base + row)),
    outputs: Int32Array.from(outputs),
    window,
    bases: new Int32Array(outputs.length).fill(base),
    mask: Uint16Array.from({ length: outputs.length * window }, (_, at) =>
      (at * 7 + text) % 3 === 0 ? VISIBLE : HIDDEN,
    ),
  }
}

const texts = fc.array(
  fc.record({
    rows: fc.integer({ min: 1, max: 5 }),
    wanted: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    window: fc.integer({ min: 1, max: 9 }),
  }),
  { minLength: 1, maxLength: 5 },
)

describe('passes of several texts', () => {
  it('are one in which each row keeps its numbers, and its mask shows the same slots', () => {
    fc.assert(
      fc.property(texts, fc.constantFrom('states' as const, 'features' as const), (some, reads) => {
        const passes = some.map(({ rows, wanted, window }, text) =>
          passOf(
            text,
            rows,
            [...Array(rows).keys()].filter((row) => wanted[row]),
            window,
            reads,
          ),
        )
        const joined = joinPasses(passes)
        let row = 0
        let output = 0
        for (const pass of passes) {
          const rows = pass.tokens.length
          const part = <T extends { subarray(from: number, to: number): T }>(all: T, per = 1): T =>
            all.subarray(row * per, (row + rows) * per)
          expect(part(joined.input, WIDTH)).toEqual(pass.input)
          expect(part(joined.tokens)).toEqual(pass.tokens)
          expect(part(joined.positions)).toEqual(pass.positions)
          expect(part(joined.slots)).toEqual(pass.slots)
          for (const [index, own] of pass.outputs.entries()) {
            expect(joined.outputs[output]).toBe(row + own)
            expect(joined.bases[output]).toBe(pass.bases[index])
            const mask = [...joined.mask.subarray(output * joined.window, (output + 1) * joined.window)]
            const before = [...pass.mask.subarray(index * pass.window, (index + 1) * pass.window)]
            expect(mask).toEqual([...before, ...Array<number>(joined.window - pass.window).fill(HIDDEN)])
            output++
          }
          row += rows
        }
        // Behind them the last row again, and none of it asked for.
        const all = joined.tokens.length
        const padded = reads === 'features' && passes.length > 1
        expect(all).toBe(padded ? Math.ceil(row / 8) * 8 : row)
        for (let spare = row; spare < all; spare++) {
          for (const numbers of [joined.tokens, joined.positions, joined.slots])
            expect(numbers[spare]).toBe(numbers[row - 1])
          const input = (at: number): Float32Array => joined.input.subarray(at * WIDTH, (at + 1) * WIDTH)
          expect(input(spare)).toEqual(input(row - 1))
        }
        expect(shapeOf(joined)).toEqual({
          rows: all,
          slots: Math.max(...some.map(({ window }) => window)),
          reads,
          outputs: output,
        })
      }),
    )
  })

  it('go together when they read the same kind of numbers and are not too many rows', () => {
    const small = passOf(0, 4, [3], 8)
    expect(joins([small, small], small)).toBe(true)
    expect(joins([small, { ...small, reads: 'features' }], small)).toBe(false)
    const large = passOf(1, MOST_JOINED_ROWS - 4, [0], 8)
    expect(joins([small], large)).toBe(true)
    expect(joins([small, small], large)).toBe(false)
  })
})
