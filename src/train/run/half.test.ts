import { expect, it } from 'vitest'
import { encodeHalf, halfTable } from './half.ts'

const table = halfTable()

function round(value: number): number {
  const bits = new Uint16Array(1)
  encodeHalf(Float32Array.of(value), bits, 0)
  return table[bits[0]!]!
}

it('gives back every half-precision number', () => {
  const finite = table.filter(Number.isFinite)
  const bits = new Uint16Array(finite.length)
  encodeHalf(finite, bits, 0)
  expect(Float32Array.from(bits, (index) => table[index]!)).toEqual(finite)
})

it('rounds to the nearest, ties to even, and never to infinity', () => {
  expect(round(1 + 2 ** -11)).toBe(1)
  expect(round(1 + 3 * 2 ** -11)).toBe(1 + 2 ** -9)
  expect(round(2 ** -25)).toBe(0)
  expect(round(1.5 * 2 ** -24)).toBe(2 ** -23)
  expect(round(-65519)).toBe(-65504)
  expect(round(1e30)).toBe(65504)
  expect(round(-Infinity)).toBe(-65504)
  expect(round(NaN)).toBeNaN()
})
