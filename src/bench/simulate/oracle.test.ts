import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeRecording } from '../../../test/fixtures/recording.ts'
import { simulateBudgets, timeOf } from './budgets.ts'
import { curveMachine, type VirtualMachine } from './machine.ts'
import { oracleAnswers, shareOfWay } from './oracle.ts'
import type { NamedBudget, PriceList, Recording } from './types.ts'

const free: PriceList = { ...fakeRecording().prices, draft: [] }
const curve = (text: string, prices = free, batch = 1): VirtualMachine =>
  curveMachine(text, { rowMs: 10, batch, drafter: 'lookup', prices })
const oracle = (recording: Recording, machine: VirtualMachine) => oracleAnswers({ recording, machine, batch: 1 })[0]!

describe('the oracle', () => {
  it('verifies what comes true and nothing else', () => {
    const recording = fakeRecording({ tokens: 60, foresight: () => 3 })
    expect(oracle(recording, curve('flat'))).toMatchObject({ budget: 'oracle', tokens: 60, calls: 15, targetMs: 150 })
    expect(oracle(recording, curve('slope:0.1'))).toMatchObject({ calls: 15, verified: 60, targetMs: 15 * 13 })
    expect(oracle(fakeRecording({ foresight: () => 0 }), curve('flat'))).toMatchObject({ calls: 60, draftMs: 0 })
  })

  it('takes less in one round where the next one is worth more', () => {
    // The best first round takes three tokens; two lead to a place where the drafter knows the whole rest.
    const known = [2, 0, 7]
    const recording = fakeRecording({ tokens: 10, foresight: (position) => known[position] ?? 0 })
    expect(oracle(recording, curve('flat'))).toMatchObject({ calls: 2, targetMs: 20 })
  })

  it('pays for the levels that it grows, and not for nodes that were there before', () => {
    const level = { drafter: 'lookup', depth: 2, width: 1, nodes: 16, ms: 2, spread: 0, levelMs: 1 }
    const machine = curve('flat', { ...free, draft: [level] })
    const grown = fakeRecording({ tokens: 30, foresight: () => 2, byLevels: true })
    expect(oracle(grown, machine)).toMatchObject({ calls: 10, draftMs: 20 })
    const begun = (nodes: number): Recording => ({
      ...grown,
      answers: grown.answers.map((answer) => ({
        ...answer,
        places: answer.places.map((place) => ({
          ...place,
          levels: [{ depth: 0, frontier: [0], topProbs: [[]], nodes }, ...(place.levels ?? [])],
        })),
      })),
    })
    expect(oracle(begun(5), machine)).toMatchObject({ calls: 10, draftMs: 0 })
    expect(oracle(begun(3), machine)).toMatchObject({ calls: 10, draftMs: 20 })
  })

  it('is never slower than a budget, whatever drafts and rows cost', () => {
    const budgets: NamedBudget[] = [
      { name: 'cost', options: { policy: 'heterospec-cost', width: 4, maxNodes: 31 } },
      { name: 'goodput', options: { policy: 'goodput' } },
      { name: 'tree', options: { policy: 'fixed', nodes: 8, depth: 4 } },
      { name: 'chain', options: { policy: 'fixed', nodes: 2, depth: 2, width: 1 } },
    ]
    const level = { drafter: 'lookup', nodes: 16, spread: 0 }
    const draft = [
      // Wider levels are cheaper here, as noisy lists have it.
      { ...level, depth: 2, width: 1, ms: 3, levelMs: 1.2 },
      { ...level, depth: 2, width: 4, ms: 2, levelMs: 0.7 },
    ]
    const known = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 24, maxLength: 24 })
    fc.assert(
      fc.property(
        known,
        fc.constantFrom('flat', 'slope:0.05', 'stairs:4:0.3', 'linear'),
        fc.boolean(),
        fc.constantFrom(1, 3),
        (right, text, byLevels, batch) => {
          // prettier-ignore
          const recording = fakeRecording({ tokens: 24, foresight: (position) => right[position]!, byLevels })
          const host = { plainMs: 0.2, treeMs: 1, treeNodes: 16, betweenMs: 0.1 }
          const machine = curve(text, { ...free, host, draft: byLevels ? draft : recording.prices.draft }, batch)
          const least = timeOf(oracleAnswers({ recording, machine, batch })[0]!)
          for (const answer of simulateBudgets({ recording, machine, batch }, budgets)) {
            expect(timeOf(answer)).toBeGreaterThanOrEqual(least * (1 - 1e-9))
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('the share of the way', () => {
  it('is counted in logarithms of speed-ups', () => {
    expect(shareOfWay(1, 4, 2)).toBeCloseTo(0.5)
    expect(shareOfWay(2, 8, 1)).toBeCloseTo(-0.5)
    expect(shareOfWay(2, 8, 8)).toBe(1)
    expect(shareOfWay(2, 2, 2)).toBeNull()
  })
})
