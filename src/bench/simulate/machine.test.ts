import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeRecording } from '../../../test/fixtures/recording.ts'
import { createPolicy } from '../../policy/index.ts'
import { UsageError } from '../../util/errors.ts'
import { curveMachine, measuredMachine, parseCurve, pricedLevels } from './machine.ts'

const { prices } = fakeRecording()
const rows = [1, 2, 3, 7, 8, 9, 16, 17, 64, 65, 128]

describe('curves', () => {
  it('are what their names say', () => {
    const of = (text: string) => rows.map(parseCurve(text))
    expect(of('flat')).toEqual(rows.map(() => 1))
    expect(of('linear')).toEqual(rows)
    expect(of('slope:0.5').slice(0, 4)).toEqual([1, 1.5, 2, 4])
    expect(of('stairs:8')).toEqual([1, 1, 1, 1, 1, 2, 2, 3, 8, 9, 16])
    expect(of('stairs:8:0.5')).toEqual([1, 1, 1, 1, 1, 1.5, 1.5, 2, 4.5, 5, 8.5])
    expect(of('gpu')).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 65 / 64, 2])
    expect(of('roofline:64')).toEqual(of('gpu'))
  })

  it.each([
    '',
    'steep',
    'flat:3',
    'linear:2',
    'slope',
    'slope:0',
    'stairs',
    'stairs:0',
    'stairs:x',
    'stairs:8:1:2',
    'stairs:2.5',
    'roofline',
    'gpu:64',
    'stairs:8:-1',
    'toString',
  ])('refuse "%s"', (text) => {
    expect(() => parseCurve(text)).toThrow(UsageError)
    expect(() => parseCurve(text)).toThrow(/expected a curve like flat/)
  })

  it('offer budgets the ends of their stairs, for whole batches', () => {
    const cheap = (curve: string, batch: number) =>
      curveMachine(curve, { rowMs: 10, batch, prices, drafter: 'lookup' }).cost.cheapRows
    expect(cheap('stairs:8', 1).slice(0, 4)).toEqual([1, 8, 16, 24])
    expect(cheap('stairs:8', 4).slice(0, 4)).toEqual([1, 8, 16, 24])
    expect(cheap('gpu', 16).slice(0, 3)).toEqual([1, 64, 80])
    expect(cheap('flat', 1)).toEqual([1, 256])
  })

  it('let goodput ask for whole stairs', () => {
    const { cost } = curveMachine('stairs:8', { rowMs: 10, batch: 1, prices, drafter: 'lookup' })
    const policy = createPolicy({ policy: 'goodput', maxNodes: 31 })
    expect(policy.plan({ round: 0, room: 100, context: 10, batch: 1, cost }).nodes % 8).toBe(7)
  })
})

describe('drafts on a curve', () => {
  it('take the same for each level, however wide, where that is asked for; those in one piece what they took', () => {
    const level = { drafter: 'head', nodes: 16, spread: 0 }
    const grown = [
      { ...level, depth: 2, width: 1, ms: 3, levelMs: 1.2 },
      { ...level, depth: 6, width: 4, ms: 9, levelMs: 2 },
    ]
    const own = pricedLevels({ ...prices, draft: [...prices.draft, ...grown] }, 0.5)
    const draftMs = (drafter: string, widths?: number[]) =>
      curveMachine('flat', { rowMs: 10, batch: 1, prices: own, drafter }).draftMs(
        { depth: 3, width: 4, nodes: 16 },
        widths,
      )
    expect([draftMs('head', [1]), draftMs('head', [1, 4, 4]), draftMs('head', [1, 1, 2])]).toEqual([0.5, 1.5, 1.5])
    expect(draftMs('lookup')).toBe(0.3)
  })
})

describe('a measured machine', () => {
  const machine = measuredMachine('here', prices, 'lookup')

  it('takes what its list says, whatever passes are said to take', () => {
    const before = rows.map((n) => machine.cost.targetMs(n, 64))
    for (let i = 0; i < 50; i++) machine.cost.observe(4, 64, 100)
    expect(rows.map((n) => machine.cost.targetMs(n, 64))).toEqual(before)
    expect(before[0]).toBeCloseTo(10)
  })

  it('prices drafts by nodes on a line between what was measured', () => {
    const price = (nodes: number) => machine.draftMs({ nodes, depth: 8, width: 4 })
    expect([1, 4, 10, 16, 60].map(price).map((ms) => ms.toFixed(2))).toEqual(['0.10', '0.10', '0.20', '0.30', '0.30'])
  })

  it('prices levels by width, after a beginning of each draft', () => {
    const draft = [1, 4].flatMap((width) =>
      [2, 6].map((depth) => {
        const levelMs = width
        return { drafter: 'model', depth, width, nodes: 16, ms: 0.5 + depth * levelMs, levelMs, spread: 0 }
      }),
    )
    const other = measuredMachine('here', { ...prices, draft }, 'model')
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 12 }), (width, levels) => {
        expect(other.draftMs({ nodes: 8, depth: 16, width }, Array<number>(levels).fill(width))).toBeCloseTo(
          0.5 + levels * width,
        )
      }),
    )
  })
})
