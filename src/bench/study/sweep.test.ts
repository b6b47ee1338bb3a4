import { describe, expect, it } from 'vitest'
import { fakeRecording } from '../../../test/fixtures/recording.ts'
import { simulateBudgets } from '../simulate/budgets.ts'
import { curveMachine } from '../simulate/machine.ts'
import { fixedRounds, fixedSettings, priceRounds } from './sweep.ts'

describe('a sweep', () => {
  it('has more than forty settings, none beyond what was recorded and none twice', () => {
    for (const limits of [
      { nodes: 63, depth: 12, width: 4 },
      { nodes: 255, depth: 12, width: 10 },
    ]) {
      const settings = fixedSettings(limits)
      expect(settings.length).toBeGreaterThanOrEqual(40)
      expect(new Set(settings.map(({ name }) => name)).size).toBe(settings.length)
    }
    expect(fixedSettings({ nodes: 3, depth: 2, width: 2 }).map(({ name }) => name)).toEqual([
      'chain of 1',
      'chain of 2',
      '2 nodes, depth 1, width 2',
    ])
  })

  it.each([false, true])('prices rounds as a simulation does (by levels: %s)', (byLevels) => {
    const recording = fakeRecording({ foresight: (position) => position % 4, byLevels })
    const { prices } = recording
    const level = { drafter: 'lookup', depth: 2, width: 2, nodes: 16, ms: 3, spread: 0, levelMs: 1 }
    const draft = byLevels ? [level] : prices.draft
    const settings = fixedSettings({ nodes: 16, depth: 4, width: 4 })
    const [answer] = recording.answers
    for (const text of ['flat', 'slope:0.1', 'linear']) {
      const machine = curveMachine(text, { rowMs: 10, batch: 1, drafter: 'lookup', prices: { ...prices, draft } })
      const [, ...simulated] = simulateBudgets({ recording, machine, batch: 1 }, settings)
      const swept = settings.map((setting) => priceRounds(fixedRounds(answer!, setting), answer!, setting, machine))
      swept.forEach((own, index) => {
        const { draftMs, targetMs, hostMs, ...counts } = simulated[index]!
        expect(own).toMatchObject(counts)
        expect(own.draftMs).toBeCloseTo(draftMs)
        expect(own.targetMs + own.hostMs).toBeCloseTo(targetMs + hostMs)
      })
    }
  })
})
