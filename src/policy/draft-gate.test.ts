import { describe, expect, it } from 'vitest'
import { DraftGate } from './draft-gate.ts'

/** Rounds in which a gate lets drafts through that always gain `gain` at `price`. */
function draftedRounds(gate: DraftGate, rounds: number, gain: number, price: number): number[] {
  const drafted: number[] = []
  for (let round = 0; round < rounds; round++) {
    if (!gate.open()) continue
    drafted.push(round)
    gate.report(gain, price)
  }
  return drafted
}

describe('DraftGate', () => {
  it('lets drafts that pay through in every round', () => {
    expect(draftedRounds(new DraftGate(0.01), 20, 0.5, 1)).toHaveLength(20)
  })

  it('tries drafts that do not pay at growing intervals, up to the one that costs the allowed share', () => {
    const drafted = draftedRounds(new DraftGate(0.05), 200, -1, 1)
    const intervals = drafted.slice(1).map((round, i) => round - drafted[i]!)
    expect(intervals.slice(0, 6)).toEqual([2, 4, 8, 16, 20, 20])
  })

  it('never stops drafts that cost less than the allowed share', () => {
    expect(draftedRounds(new DraftGate(0.01), 50, -0.009, 0.009)).toHaveLength(50)
  })

  it('comes back when a trial pays', () => {
    const gate = new DraftGate(0.01)
    draftedRounds(gate, 200, -1, 1)
    expect(gate.interval).toBeGreaterThan(32)
    while (!gate.open());
    gate.report(0.5, 1)
    expect(gate.interval).toBe(1)
    expect(draftedRounds(gate, 20, 0.5, 1)).toHaveLength(20)
  })

  it('forgives one bad round after many good ones', () => {
    const gate = new DraftGate(0.01)
    draftedRounds(gate, 20, 1, 1)
    expect(gate.open()).toBe(true)
    gate.report(-1, 1)
    expect(gate.interval).toBe(1)
  })
})
