import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTree, type NodeId } from '../../tree/index.ts'
import type { LevelReport } from '../types.ts'
import { metaPath, topKEntropy } from './entropy.ts'

const probs = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 })

describe('the top-K entropy of a distribution', () => {
  it('is what a hand computes', () => {
    expect(topKEntropy(Float32Array.of(0.5, 0.5), 10)).toBeCloseTo(Math.log(2), 12)
    expect(topKEntropy(Float32Array.of(0.5, 0.25, 0.25), 10)).toBeCloseTo(1.5 * Math.log(2), 12)
    // Only the two likeliest count, as shares of 0.75: two thirds and one third.
    const expected = Math.log(3) - (2 / 3) * Math.log(2)
    expect(topKEntropy(Float32Array.of(0.5, 0.25, 0.25), 2)).toBeCloseTo(expected, 12)
  })

  it('is exactly 0 for a sure token, and unknown without any probability', () => {
    expect(topKEntropy(Float32Array.of(1, 0, 0), 10)).toBe(0)
    expect(topKEntropy(Float32Array.of(0.3), 10)).toBe(0)
    expect(topKEntropy(Float32Array.of(0.3, 0.2), 1)).toBe(0)
    expect(topKEntropy(new Float32Array(0), 10)).toBeUndefined()
    expect(topKEntropy(new Float32Array(3), 10)).toBeUndefined()
  })

  it('lies between 0 and ln K and does not depend on the scale', () => {
    fc.assert(
      fc.property(
        probs,
        fc.integer({ min: 1, max: 20 }),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        (list, k, c) => {
          const entropy = topKEntropy(Float32Array.from(list), k)
          if (entropy === undefined) return
          expect(entropy).toBeGreaterThanOrEqual(0)
          expect(entropy).toBeLessThanOrEqual(Math.log(Math.min(k, list.length)) + 1e-9)
          const scaled = topKEntropy(
            Float32Array.from(list, (value) => value * c),
            k,
          )
          // Numbers below the float's range vanish when they are scaled down.
          if (list.every((value) => value === 0 || value > 1e-30)) expect(scaled).toBeCloseTo(entropy, 5)
        },
      ),
    )
  })
})

/** Root with two children a (1) and b (2), each with one child: 3 and 4, which are the frontier. */
function report(told: Record<NodeId, readonly number[]>, frontier: readonly NodeId[] = [3, 4]): LevelReport {
  const tree = createTree(0)
  for (const [parent, token] of [
    [0, 1],
    [0, 2],
    [1, 3],
    [2, 4],
  ] as const)
    tree.add(parent, token, -1)
  return { tree, depth: 2, frontier, topProbs: (node) => Float32Array.from(told[node] ?? []) }
}

describe('the meta-path', () => {
  it('ends where the last token was drawn from the surest distribution, and sums up its own steps', () => {
    const told = { 0: [0.5, 0.5], 1: [0.6, 0.4], 2: [0.75, 0.25] }
    const step = -(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25))
    const path = metaPath(report(told), 10)
    expect(path?.terminal).toBe(4)
    expect(path?.entropy).toBeCloseTo(Math.log(2) + step, 6)
    expect(metaPath(report(told, [3]), 10)?.terminal).toBe(3)
  })

  it('takes the smaller node where two are equally sure, whatever the order of the frontier', () => {
    const told = { 0: [0.5, 0.5], 1: [0.6, 0.4], 2: [0.6, 0.1] }
    expect(metaPath(report(told, [3, 4]), 10)?.terminal).toBe(3)
    expect(metaPath(report(told, [4, 3]), 10)?.terminal).toBe(3)
  })

  it('takes what the draft is sure of, not an older sibling from another source', () => {
    const level = report({ 0: [0.5, 0.5], 1: [0.6, 0.4], 2: [0.1] })
    const likelier = level.tree.add(1, 9, -0.5)
    expect(metaPath({ ...level, frontier: [3, likelier] }, 10)?.terminal).toBe(likelier)
  })

  it('is unknown without a frontier and where a distribution along it is', () => {
    expect(metaPath(report({ 0: [1], 1: [1], 2: [1] }, []), 10)).toBeUndefined()
    expect(metaPath(report({ 1: [0.6], 2: [0.75] }), 10)).toBeUndefined()
    expect(metaPath(report({}), 10)).toBeUndefined()
  })

  it('of sure steps has entropy 0', () => {
    expect(metaPath(report({ 0: [1, 0], 1: [1], 2: [1] }), 10)?.entropy).toBe(0)
  })
})
