/** The order of rows: rotating neighbours after it is rotating halves before it. */
import { expect, it } from 'vitest'
import { neighbourRows } from './rope.ts'

const headDim = 8

it('leaves every score between two positions as it was', () => {
  const inputs = 3
  const rows = (seed: number): Float32Array =>
    Float32Array.from({ length: 2 * headDim * inputs }, (_, i) => Math.sin(seed + 1.7 * i))
  const [query, key] = [rows(1), rows(2)]
  const x = [0.3, -1.2, 0.7]
  for (const [p, q] of [
    [0, 0],
    [5, 2],
    [11, 40],
  ] as const) {
    const halves = [rotateHalves(apply(query, x), p), rotateHalves(apply(key, x), q)] as const
    const ours = [query, key].map((matrix) => apply(neighbourRows(matrix, headDim, inputs), x))
    const neighbours = [rotateNeighbours(ours[0]!, p), rotateNeighbours(ours[1]!, q)] as const
    for (const head of [0, 1]) expect(score(...neighbours, head)).toBeCloseTo(score(...halves, head), 6)
  }
})

it('takes the rows of each head alternately from its halves', () => {
  const rows = Float32Array.from({ length: 2 * headDim }, (_, i) => i)
  expect([...neighbourRows(rows, headDim, 1)]).toEqual([0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15])
})

// ---------------------------------------------------------------------------------------------------------------

function apply(rows: Float32Array, x: readonly number[]): number[] {
  return Array.from({ length: rows.length / x.length }, (_, row) =>
    x.reduce((sum, value, i) => sum + value * rows[row * x.length + i]!, 0),
  )
}

function rotatePairs(
  x: readonly number[],
  position: number,
  pair: (head: number, i: number) => [number, number],
): number[] {
  const rotated = [...x]
  for (let head = 0; head < x.length / headDim; head++) {
    for (let i = 0; i < headDim / 2; i++) {
      const angle = position * 100 ** ((-2 * i) / headDim)
      const [a, b] = pair(head * headDim, i)
      rotated[a] = x[a]! * Math.cos(angle) - x[b]! * Math.sin(angle)
      rotated[b] = x[a]! * Math.sin(angle) + x[b]! * Math.cos(angle)
    }
  }
  return rotated
}

function rotateHalves(x: readonly number[], position: number): number[] {
  return rotatePairs(x, position, (head, i) => [head + i, head + i + headDim / 2])
}

function rotateNeighbours(x: readonly number[], position: number): number[] {
  return rotatePairs(x, position, (head, i) => [head + 2 * i, head + 2 * i + 1])
}

function score(a: readonly number[], b: readonly number[], head: number): number {
  let sum = 0
  for (let i = head * headDim; i < (head + 1) * headDim; i++) sum += a[i]! * b[i]!
  return sum
}
