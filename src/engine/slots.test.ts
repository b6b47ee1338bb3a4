import { describe, expect, it } from 'vitest'
import { markov, TableModel } from '../../test/fakes/table-model.ts'
import { sharedPrefix, SlotTable } from './slots.ts'

const model = (): TableModel => new TableModel({ vocabSize: 32, next: markov(1, 32) })

describe('slots', () => {
  it('give the idle sequence with the longest common beginning', async () => {
    using slots = new SlotTable(model(), 2)
    const first = await slots.take([1, 2, 3])
    const second = await slots.take([7, 8])
    first.cached = [1, 2, 3]
    second.cached = [7, 8]
    slots.give(first)
    slots.give(second)
    expect(await slots.take([7, 8, 9])).toBe(second)
    expect(await slots.take([1, 2])).toBe(first)
  })

  it('open a new sequence rather than spoil the rows of another conversation', async () => {
    const target = model()
    using slots = new SlotTable(target, 2)
    const first = await slots.take([1, 2, 3])
    first.cached = [1, 2, 3]
    slots.give(first)
    expect(await slots.take([9])).not.toBe(first)
    expect(target.openSequences).toBe(2)
  })

  it('let requests wait their turn, first come, first served', async () => {
    using slots = new SlotTable(model(), 1)
    const slot = await slots.take([1])
    const order: string[] = []
    const one = slots.take([2]).then((taken) => (order.push('one'), taken))
    const two = slots.take([3]).then((taken) => (order.push('two'), taken))
    await Promise.resolve()
    expect(order).toEqual([])
    slots.give(slot)
    slots.give(await one)
    slots.give(await two)
    expect(order).toEqual(['one', 'two'])
  })

  it('forget a request that was aborted while it waited', async () => {
    using slots = new SlotTable(model(), 1)
    const slot = await slots.take([1])
    const controller = new AbortController()
    const aborted = slots.take([2], controller.signal)
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' })
    slots.give(slot)
    expect(await slots.take([3])).toBe(slot)
  })

  it('shared beginnings end at the first difference or the shorter text', () => {
    expect(sharedPrefix([1, 2, 3], [1, 2, 4])).toBe(2)
    expect(sharedPrefix([1, 2], [1, 2, 3])).toBe(2)
    expect(sharedPrefix([], [1])).toBe(0)
  })
})
