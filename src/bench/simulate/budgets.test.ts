import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeRecording } from '../../../test/fixtures/recording.ts'
import { UsageError } from '../../util/errors.ts'
import { OVERALL, simulateBudgets, summariseAnswers } from './budgets.ts'
import { curveMachine, type VirtualMachine } from './machine.ts'
import { smallerTree } from './recorded-world.ts'
import type { NamedBudget, Recording } from './types.ts'

const fixed = (nodes: number, depth = 16, width = 4): NamedBudget => {
  return { name: `fixed ${nodes}/${depth}/${width}`, options: { policy: 'fixed', nodes, depth, width } }
}
const goodput: NamedBudget = { name: 'goodput', options: { policy: 'goodput' } }

/** Free drafts, no work around passes. */
const curve = (text: string, batch = 1): VirtualMachine =>
  curveMachine(text, {
    ...{ rowMs: 10, batch, drafter: 'lookup' },
    prices: { ...fakeRecording().prices, draft: [] },
  })

function speedups(recording: Recording, machine: VirtualMachine, budgets: readonly NamedBudget[], batch = 1) {
  const summary = summariseAnswers(simulateBudgets({ recording, machine, batch }, budgets))
  return Object.fromEntries(summary.filter(({ group }) => group === OVERALL).map(({ budget, ...row }) => [budget, row]))
}

describe('budgets on a recording', () => {
  it('emit the same text, whatever they verify', () => {
    const answers = simulateBudgets({ recording: fakeRecording(), machine: curve('flat'), batch: 1 }, [
      fixed(4),
      goodput,
    ])
    expect(answers.map(({ tokens }) => tokens)).toEqual([60, 60, 60])
    expect(answers[0]).toMatchObject({ budget: 'off', calls: 60, verified: 60, draftMs: 0, targetMs: 600 })
  })

  it.each([false, true])('accept what the drafter foresaw and the budget let through (by levels: %s)', (byLevels) => {
    const recording = fakeRecording({ foresight: () => 3, byLevels })
    const rows = speedups(recording, curve('flat'), [fixed(8), fixed(8, 2), fixed(3, 16, 1), fixed(1)])
    expect(rows['fixed 8/16/4']).toMatchObject({ tau: 4, calls: 15 })
    expect(rows['fixed 8/2/4']).toMatchObject({ tau: 3, calls: 20 })
    expect(rows['fixed 3/16/1']).toMatchObject({ tau: 4, verified: 15 * 4 })
    expect(rows['fixed 1/16/4']).toMatchObject({ tau: 2, calls: 30 })
  })

  it('are as fast as tau where rows are free, and slower by the price of their rows', () => {
    const recording = fakeRecording({ foresight: () => 3 })
    expect(speedups(recording, curve('flat'), [fixed(3, 16, 1)])['fixed 3/16/1']!.speedup.mean).toBeCloseTo(4)
    expect(speedups(recording, curve('linear'), [fixed(3, 16, 1)])['fixed 3/16/1']!.speedup.mean).toBeCloseTo(1)
    expect(speedups(recording, curve('stairs:2'), [fixed(3, 16, 1)])['fixed 3/16/1']!.speedup.mean).toBeCloseTo(2)
  })

  it('remember the questions before when asked to: a hopeless drafter is not tried anew in each', () => {
    const recording = fakeRecording({ foresight: () => 0, groups: ['a', 'b', 'c'], tokens: 100 })
    const prices = { ...recording.prices, draft: recording.prices.draft.map((row) => ({ ...row, ms: 10 })) }
    const machine = curveMachine('linear', { rowMs: 10, batch: 1, prices, drafter: 'lookup' })
    const budget: NamedBudget = { name: 'own', options: { policy: 'heterospec-cost', maxNodes: 31, width: 4 } }
    const drafting = (memory?: 'question' | 'run'): number[] =>
      simulateBudgets({ recording, machine, batch: 1, memory }, [budget])
        .filter((row) => row.budget === budget.name)
        .map(({ draftMs }) => draftMs)
    const [alone, together] = [drafting('question'), drafting('run')]
    expect(drafting()).toEqual(alone)
    expect(alone).toEqual([alone[0], alone[0], alone[0]])
    expect(together[0]).toBe(alone[0])
    expect(together[1]! + together[2]!).toBeLessThan(0.7 * alone[0]!)
  })

  it('share their passes in a batch', () => {
    const recording = fakeRecording({ foresight: () => 3 })
    const batched = (size: number) => speedups(recording, curve('roofline:16', size), [fixed(3, 16, 1)], size)
    expect(batched(4)['fixed 3/16/1']!.speedup.mean).toBeCloseTo(4)
    expect(batched(8)['fixed 3/16/1']!.speedup.mean).toBeCloseTo(2)
    expect(batched(64)['fixed 3/16/1']!.speedup.mean).toBeCloseTo(1)
  })

  it('pay for drafts and for the work around passes, once per sequence', () => {
    const recording = fakeRecording({ foresight: () => 3 })
    const prices = { ...recording.prices, host: { plainMs: 1, treeMs: 5, treeNodes: 16, betweenMs: 0.5 } }
    for (const batch of [1, 3]) {
      const machine = curveMachine('flat', { rowMs: 10, batch, prices, drafter: 'lookup' })
      const [off, own] = simulateBudgets({ recording, machine, batch }, [fixed(4)])
      expect(off).toMatchObject({ draftMs: 0, hostMs: expect.closeTo(batch * 60 * 1.5) as number })
      expect(own!.draftMs).toBeCloseTo(batch * own!.calls * 0.1)
      expect(own!.hostMs).toBeCloseTo(batch * (own!.calls * 1.5 + (own!.verified - own!.calls) * 0.25))
    }
  })

  it('let goodput verify much where it pays, little where not', () => {
    const good = fakeRecording({ tokens: 300, foresight: () => 3 })
    const bad = fakeRecording({ tokens: 300, foresight: () => 0 })
    expect(speedups(good, curve('flat'), [goodput])['goodput']!.speedup.mean).toBeGreaterThan(3)
    expect(speedups(bad, curve('linear'), [goodput])['goodput']!.speedup.mean).toBeGreaterThan(0.95)
  })

  it('never have more than they were recorded with', () => {
    for (const budget of [fixed(32), fixed(8, 17), fixed(8, 4, 5)]) {
      const work = () => simulateBudgets({ recording: fakeRecording(), machine: curve('flat'), batch: 1 }, [budget])
      expect(work).toThrow(UsageError)
      expect(work).toThrow(/record again with --tree-(nodes|depth|width) \d+/)
    }
  })

  it('are summed by group and over all', () => {
    const recording = fakeRecording({ groups: ['qa', 'rag'] })
    const summary = summariseAnswers(simulateBudgets({ recording, machine: curve('flat'), batch: 1 }, [fixed(4)]))
    expect(summary.map(({ budget, group, questions }) => `${budget} ${group} ${questions}`)).toEqual([
      ...['off qa 1', 'off rag 1', 'off overall 2'],
      ...['fixed 4/16/4 qa 1', 'fixed 4/16/4 rag 1', 'fixed 4/16/4 overall 2'],
    ])
    expect(summary[2]).toMatchObject({ tau: 1, speedup: { mean: 1 }, tokensPerMs: 0.1 })
  })
})

describe('a smaller tree', () => {
  it('is the beginning of the recorded one within the budget', () => {
    const budget = fc.record({
      nodes: fc.integer({ min: 0, max: 20 }),
      depth: fc.integer({ min: 1, max: 8 }),
      width: fc.integer({ min: 1, max: 4 }),
    })
    fc.assert(
      fc.property(budget, fc.integer({ min: 0, max: 7 }), (limits, right) => {
        const place = fakeRecording({ tokens: 1, foresight: () => right }).answers[0]!.places[0]!
        const tree = smallerTree(place, limits)
        expect(tree.size - 1).toBeLessThanOrEqual(limits.nodes)
        expect(Math.max(...tree.depths)).toBeLessThanOrEqual(limits.depth)
        for (let node = 0; node < tree.size; node++)
          expect(tree.children(node).length).toBeLessThanOrEqual(limits.width)
        const whole = smallerTree(place, { nodes: 1000, depth: 1000, width: 1000 })
        expect([...whole.tokens]).toEqual(place.tree.tokens)
        expect([...whole.parents]).toEqual(place.tree.parents)
      }),
    )
  })
})
