import fc from 'fast-check'
import { expect, it } from 'vitest'
import { topK } from './topk.ts'

const coarse = fc.integer({ min: -3, max: 3 })
const value = fc.oneof(coarse, fc.constant(-Infinity), fc.float({ noNaN: true }))

it('is the head of a full sort, ties toward the smaller id', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 200 }), fc.nat(210), (values, k) => {
      const row = Float32Array.from(values)
      const sorted = [...row.keys()].sort((a, b) => (row[a]! === row[b]! ? a - b : row[b]! - row[a]!)).slice(0, k)
      const best = topK(row, k)
      expect([...best.ids]).toEqual(sorted)
      expect([...best.values]).toEqual(sorted.map((id) => row[id]))
    }),
  )
})

it('leaves the row as it was and gives nothing for k = 0 or an empty row', () => {
  const row = Float32Array.of(1, 3, 2)
  expect([...topK(row, 2).ids]).toEqual([1, 2])
  expect([...row]).toEqual([1, 3, 2])
  expect(topK(row, 0).ids).toHaveLength(0)
  expect(topK(new Float32Array(0), 5).ids).toHaveLength(0)
})
