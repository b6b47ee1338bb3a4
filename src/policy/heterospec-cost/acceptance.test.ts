import { describe, expect, it } from 'vitest'
import { createTree, type TokenTree } from '../../tree/index.ts'
import { uniformAt } from '../../util/rng.ts'
import { CalibratedAcceptance, type DraftKind } from './acceptance.ts'
import { UNKNOWN_BIN } from './bins.ts'

const kind = (more: Partial<DraftKind> = {}): DraftKind => ({
  source: 0,
  depth: 1,
  bin: UNKNOWN_BIN,
  best: true,
  ...more,
})
const start = () => new CalibratedAcceptance([])

function single(prob: number): TokenTree {
  const tree = createTree(0)
  tree.add(0, 1, Math.log(prob))
  return tree
}

/** Judges `count` drafts of estimate `prob` in `bin`, of which the share `rate` comes true. */
function teach(acceptance: CalibratedAcceptance, prob: number, rate: number, count = 800, bin = UNKNOWN_BIN): void {
  for (let i = 0; i < count; i++) {
    acceptance.learn(single(prob), 0, [uniformAt(Math.round(prob * 1000) + bin, i) < rate ? 1 : 9], [UNKNOWN_BIN, bin])
    acceptance.refresh()
  }
}

describe('calibrated acceptance', () => {
  it('believes the drafter until it has seen something', () => {
    for (const prob of [0, 0.03, 0.5, 0.77, 0.97, 1]) {
      expect(start().calibrate(prob, kind())).toBeCloseTo(prob, 9)
      expect(start().calibrate(prob, kind({ source: 2, depth: 4, bin: 3 }))).toBeCloseTo(prob, 9)
    }
  })

  it.each([
    [0.9, 0.4],
    [0.3, 0.7],
  ])('comes to the real rate of a drafter that claims %f and is right %f of the time', (claim, rate) => {
    const acceptance = start()
    teach(acceptance, claim, rate)
    expect(Math.abs(acceptance.calibrate(claim, kind()) - rate)).toBeLessThan(0.08)
  })

  it('tells confident drafts apart at the top, where long paths are decided', () => {
    const acceptance = start()
    teach(acceptance, 0.99, 0.99)
    teach(acceptance, 0.92, 0.8)
    expect(acceptance.calibrate(0.99, kind())).toBeGreaterThan(0.965)
    expect(acceptance.calibrate(0.92, kind())).toBeLessThan(0.86)
  })

  it('tells the likeliest child from its siblings, which say less at the same estimate', () => {
    const acceptance = start()
    for (let i = 0; i < 600; i++) {
      const tree = createTree(0)
      for (const token of [1, 2, 3]) tree.add(0, token, Math.log(0.3))
      acceptance.learn(tree, 0, [uniformAt(7, i) < 0.9 ? 1 : 2], [])
    }
    acceptance.refresh()
    expect(acceptance.calibrate(0.3, kind())).toBeGreaterThan(0.8)
    expect(acceptance.calibrate(0.3, kind({ best: false }))).toBeLessThan(0.15)
    // Deeper ones lean on those of the first level.
    expect(acceptance.calibrate(0.3, kind({ depth: 2 }))).toBeGreaterThan(0.8)
    expect(acceptance.calibrate(0.3, kind({ depth: 2, best: false }))).toBeLessThan(0.15)
  })

  it('keeps bins apart, and lends those that have seen little the curve of all', () => {
    const acceptance = start()
    teach(acceptance, 0.5, 0.9, 400, 0)
    teach(acceptance, 0.5, 0.3, 400, 3)
    const [sure, open, unseen] = [0, 3, 2].map((bin) => acceptance.calibrate(0.5, kind({ bin })))
    expect(sure!).toBeGreaterThan(open! + 0.3)
    expect(unseen!).toBeGreaterThan(open!)
    expect(unseen!).toBeLessThan(sure!)
  })

  it('follows one request at once, and shares what lasts', () => {
    const shared: ConstructorParameters<typeof CalibratedAcceptance>[0] = []
    teach(new CalibratedAcceptance(shared), 0.7, 0.7)
    const [own, other] = [new CalibratedAcceptance(shared), new CalibratedAcceptance(shared)]
    teach(own, 0.7, 0.2, 25)
    other.refresh()
    expect(own.calibrate(0.7, kind())).toBeLessThan(0.5)
    expect(other.calibrate(0.7, kind())).toBeGreaterThan(0.58)
    expect(JSON.parse(JSON.stringify(shared))).toEqual(shared)
  })
})
