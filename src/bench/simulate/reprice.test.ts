import { describe, expect, it } from 'vitest'
import { fakeRecording } from '../../../test/fixtures/recording.ts'
import { summariseAnswers } from './budgets.ts'
import { curveMachine } from './machine.ts'
import { AS_TRACED, plainPassMs, repriceTrace } from './reprice.ts'
import type { TracedRound } from './file.ts'

const round = (index: number, drafted: number, emitted: number, context: number): TracedRound => {
  return {
    round: index,
    context,
    drafted,
    emitted: Array<number>(emitted).fill(1),
    draftMs: 0.5,
    targetMs: 7,
    hostMs: 0.25,
  }
}
/** Two requests of three rounds and six tokens each. */
const trace = [0, 1].flatMap(() => [round(0, 3, 4, 10), round(1, 0, 1, 14), round(2, 3, 1, 15)])
const machine = (curve: string, batch = 1) =>
  curveMachine(curve, { rowMs: 10, batch, prices: fakeRecording().prices, drafter: '' })

describe('a trace at other prices', () => {
  it('keeps its rounds and takes the time that the machine says', () => {
    const answers = repriceTrace(trace, machine('linear'), 1)
    expect(answers.filter(({ budget }) => budget === 'off')).toHaveLength(2)
    expect(answers[0]).toMatchObject({ tokens: 6, calls: 6, verified: 6, targetMs: 60, hostMs: 1.5, draftMs: 0 })
    expect(answers[1]).toMatchObject({
      budget: AS_TRACED,
      tokens: 6,
      calls: 3,
      verified: 9,
      targetMs: 90,
      draftMs: 1.5,
    })
  })

  it('is faster where rows are free, slower where they are not', () => {
    const speedup = (curve: string): number =>
      summariseAnswers(repriceTrace(trace, machine(curve), 1)).find(({ budget }) => budget === AS_TRACED)!.speedup.mean
    expect(speedup('flat')).toBeCloseTo(61.5 / (30 + 1.5 + 0.75))
    expect(speedup('linear')).toBeCloseTo(61.5 / (90 + 1.5 + 0.75))
  })

  it('is shared by a batch', () => {
    const [off, traced] = repriceTrace(trace.slice(0, 3), machine('linear', 4), 4)
    expect(off).toMatchObject({ targetMs: 240, hostMs: 6 })
    expect(traced).toMatchObject({ targetMs: 360, draftMs: 6, hostMs: 3 })
  })

  it('tells what a plain pass took, if there was one', () => {
    expect(plainPassMs(trace)).toBe(7)
    expect(plainPassMs(trace.filter(({ drafted }) => drafted > 0))).toBeUndefined()
  })
})
