import { describe, expect, it } from 'vitest'
import { normalise, Pool, type Pooling } from './pooling.ts'

describe('pooling', () => {
  const rows = [
    [3, 0],
    [0, 4],
    [3, 4],
  ].map((row) => Float32Array.from(row))
  it.each([
    ['mean', [0.6, 0.8]],
    ['cls', [1, 0]],
    ['last', [0.6, 0.8]],
  ] satisfies [Pooling, number[]][])('%s', (pooling, expected) => {
    const pool = new Pool(pooling, 2)
    for (const row of pooling === 'mean' ? [...rows, ...rows] : rows) pool.add(row)
    const vector = pool.vector()
    expected.forEach((value, index) => expect(vector[index]).toBeCloseTo(value, 6))
  })

  it('gives no NaN for a vector without length', () => {
    expect([...new Pool('mean', 2).vector()]).toEqual([0, 0])
  })
})

it('normalises by the root of the mean square', () => {
  const row = normalise(Float32Array.of(3, 4), Float32Array.of(1, 2), 0)
  expect(row[0]).toBeCloseTo(3 / Math.sqrt(12.5), 6)
  expect(row[1]).toBeCloseTo(8 / Math.sqrt(12.5), 6)
})
