import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTree, type TokenTree } from '../tree/index.ts'
import { uniformAt } from '../util/rng.ts'
import { Acceptance } from './acceptance.ts'
import { createPolicyMemory } from './memory.ts'

const start = () => new Acceptance(createPolicyMemory().acceptance)

/** Root 0 with children 1 and 2; below 1 the children 3 and 4. */
function smallTree(): TokenTree {
  const tree = createTree(0)
  tree.add(0, 1, Math.log(0.5))
  tree.add(0, 2, Math.log(0.2))
  tree.add(1, 3, Math.log(0.5))
  tree.add(1, 4, Math.log(0.2))
  return tree
}

describe('Acceptance', () => {
  it('believes the drafter until it has seen something', () => {
    for (const prob of [0, 0.03, 0.5, 0.77, 1]) {
      expect(start().calibrate(prob, 1)).toBeCloseTo(prob, 9)
      expect(start().calibrate(prob, 5, 3)).toBeCloseTo(prob, 9)
    }
  })

  it('comes to the real rate of a drafter that boasts', () => {
    const acceptance = start()
    for (let i = 0; i < 600; i++) {
      const tree = createTree(0)
      tree.add(0, 1, Math.log(0.9))
      acceptance.learn(tree, 0, [uniformAt(1, i) < 0.3 ? 1 : 9])
    }
    expect(acceptance.calibrate(0.9, 1)).toBeGreaterThan(0.15)
    expect(acceptance.calibrate(0.9, 1)).toBeLessThan(0.45)
  })

  it('forgets: a drafter that was always wrong and is now always right is trusted after a hundred nodes', () => {
    const acceptance = start()
    const tree = createTree(0)
    tree.add(0, 1, Math.log(0.5))
    for (let i = 0; i < 1000; i++) acceptance.learn(tree, 0, [9])
    expect(acceptance.calibrate(0.5, 1)).toBeLessThan(0.01)
    for (let i = 0; i < 100; i++) acceptance.learn(tree, 0, [1])
    expect(acceptance.calibrate(0.5, 1)).toBeGreaterThan(0.7)
  })

  it('judges children of the root and of accepted nodes only', () => {
    const memory = createPolicyMemory()
    new Acceptance(memory.acceptance).learn(smallTree(), 0, [2])
    const [counts] = memory.acceptance
    const sum = (list: number[]) => list.reduce((a, b) => a + b, 0)
    expect(sum(counts!.first.judged)).toBeCloseTo(2, 1)
    expect(sum(counts!.first.accepted)).toBeCloseTo(1, 1)
    expect(sum(counts!.deeper.judged)).toBe(0)
  })

  it('goes on where the text left a tree in an earlier round', () => {
    const memory = createPolicyMemory()
    const acceptance = new Acceptance(memory.acceptance)
    const node = acceptance.learn(smallTree(), 0, [1])
    expect(node).toBe(1)
    expect(acceptance.learn(smallTree(), node, [3])).toBe(3)
    expect(acceptance.learn(smallTree(), node, [8])).toBe(-1)
    expect(memory.acceptance[0]!.deeper.judged.some((count) => count > 1.9)).toBe(true)
  })

  it('keeps sources apart', () => {
    const acceptance = start()
    const tree = createTree(0)
    tree.add(0, 1, Math.log(0.5), 0)
    tree.add(0, 2, Math.log(0.5), 1)
    for (let i = 0; i < 100; i++) acceptance.learn(tree, 0, [2])
    expect(acceptance.calibrate(0.5, 1, 0)).toBeLessThan(0.2)
    expect(acceptance.calibrate(0.5, 1, 1)).toBeGreaterThan(0.8)
  })

  it('leans on the root children for levels that it has not seen', () => {
    const acceptance = start()
    const tree = createTree(0)
    tree.add(0, 1, Math.log(0.9))
    for (let i = 0; i < 100; i++) acceptance.learn(tree, 0, [9])
    expect(acceptance.calibrate(0.9, 2)).toBeLessThan(0.1)
  })

  it('never gives a more confident draft less, and no path more than its parent', () => {
    const rounds = fc.array(fc.tuple(fc.double({ min: 0.001, max: 1, noNaN: true }), fc.boolean()), { maxLength: 60 })
    fc.assert(
      fc.property(rounds, (seen) => {
        const acceptance = start()
        for (const [prob, right] of seen) {
          const tree = createTree(0)
          tree.add(0, 1, Math.log(prob))
          acceptance.learn(tree, 0, [right ? 1 : 2])
        }
        for (const depth of [1, 2]) {
          const curve = Array.from({ length: 41 }, (_, i) => acceptance.calibrate(i / 40, depth))
          expect(curve.every((chance, i) => chance <= 1 && chance >= (curve[i - 1] ?? 0) - 1e-12)).toBe(true)
        }
        const tree = smallTree()
        const probs = acceptance.pathProbs(tree)
        for (let node = 1; node < tree.size; node++)
          expect(probs[node]!).toBeLessThanOrEqual(probs[tree.parents[node]!]!)
      }),
    )
  })
})
