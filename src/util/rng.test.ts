import { expect, it } from 'vitest'
import { uniformAt } from './rng.ts'

// The expected numbers come from an implementation of the same mixing in another language.
it('gives the numbers it always gave: saved seeds must keep their texts', () => {
  expect([uniformAt(0, 0), uniformAt(0, 1), uniformAt(1, 0), uniformAt(42, 1000), uniformAt(-1, 7)]).toEqual([
    0.5519450367430349, 0.08109952587954461, 0.6248916808012597, 0.3925559559119638, 0.9377216859675092,
  ])
})

it('is a function of seed and position', () => {
  expect(uniformAt(7, 3)).toBe(uniformAt(7, 3))
  const numbers = Array.from({ length: 2000 }, (_, i) => uniformAt(i % 40, Math.floor(i / 40)))
  expect(new Set(numbers).size).toBe(2000)
})

it('takes the whole range of safe seeds and positions', () => {
  for (const seed of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -1, 0])
    for (const position of [0, 1, 2 ** 41, Number.MAX_SAFE_INTEGER]) {
      const number = uniformAt(seed, position)
      expect(number).toBeGreaterThanOrEqual(0)
      expect(number).toBeLessThan(1)
    }
})

/** Sum of (count - expected)^2 / expected. */
function chiSquare(counts: Float64Array, total: number): number {
  const expected = total / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

it.each<[string, (i: number) => number]>([
  ['along positions', (i) => uniformAt(1, i)],
  ['along seeds', (i) => uniformAt(i, 1)],
  ['along both at once', (i) => uniformAt(i, i)],
])('is uniform %s (chi-square over 64 cells)', (_, at) => {
  const counts = new Float64Array(64)
  for (let i = 0; i < 32_000; i++) counts[Math.floor(at(i) * 64)]!++
  // 63 degrees of freedom: the 0.1 % points on both sides; too even is as suspicious as too uneven.
  expect(chiSquare(counts, 32_000)).toBeLessThan(103.5)
  expect(chiSquare(counts, 32_000)).toBeGreaterThan(34)
})

it.each<[string, (i: number) => [number, number]]>([
  ['neighbouring positions', (i) => [uniformAt(1, i), uniformAt(1, i + 1)]],
  ['neighbouring seeds', (i) => [uniformAt(i, 5), uniformAt(i + 1, 5)]],
])('shows no relation between %s (chi-square over 8 x 8 cells)', (_, pair) => {
  const counts = new Float64Array(64)
  for (let i = 0; i < 32_000; i++) {
    const [a, b] = pair(2 * i)
    counts[Math.floor(a * 8) * 8 + Math.floor(b * 8)]!++
  }
  expect(chiSquare(counts, 32_000)).toBeLessThan(103.5)
})
