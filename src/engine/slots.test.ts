import { describe, expect, it } from 'vitest'
import { markov, TableModel } from '../../test/fakes/table-model.ts'
import type { OpenOptions, Sequence } from '../model/index.ts'
import { UsageError } from '../util/errors.ts'
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
    const aborted = slots.take([2], { signal: controller.signal })
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' })
    slots.give(slot)
    expect(await slots.take([3])).toBe(slot)
  })

  describe('of one pool', () => {
    /** A model with so many rows for all sequences together, 100 of context. */
    function pool(rows: number, limit: number): { slots: SlotTable; free: () => number } {
      const target = model()
      let free = rows
      const open = ({ capacity = 100 }: OpenOptions = {}): Sequence => {
        if (capacity > free) throw new UsageError('busy', 'expected rows, got none; wait')
        free -= capacity
        const sequence = target.open({ capacity })
        const end = sequence[Symbol.dispose].bind(sequence)
        sequence[Symbol.dispose] = () => {
          free += capacity
          end()
        }
        return sequence
      }
      const slots = new SlotTable(
        {
          spec: target.spec,
          context: 100,
          open,
          score: target.score.bind(target),
          [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
        },
        limit,
        true,
      )
      return { slots, free: () => free }
    }

    it('take as many rows as they may need, so that many short ones go beside each other', async () => {
      const { slots, free } = pool(100, 8)
      const all = await Promise.all(Array.from({ length: 5 }, () => slots.take([1, 2], { maxTokens: 18 })))
      expect(free()).toBe(0)
      expect(new Set(all).size).toBe(5)
      let sixth = false
      const waiting = slots.take([3], { maxTokens: 9 }).then((slot) => ((sixth = true), slot))
      await Promise.resolve()
      expect(sixth).toBe(false)
      slots.give(all[0]!)
      expect((await waiting).sequence.capacity).toBe(10)
    })

    it('go when others need their rows, the oldest first, and no more of them than must', async () => {
      const { slots, free } = pool(100, 8)
      const [one, two, three] = [
        await slots.take([1], { maxTokens: 29 }),
        await slots.take([2], { maxTokens: 29 }),
        await slots.take([3], { maxTokens: 29 }),
      ]
      for (const [index, slot] of [one, two, three].entries()) {
        slot.cached = [index + 1]
        slots.give(slot)
      }
      expect((await slots.take([9], { maxTokens: 35 })).sequence.capacity).toBe(36)
      expect(free()).toBe(4)
      expect(await slots.take([3, 4], { maxTokens: 5 })).toBe(three)
      expect(await slots.take([2, 4], { maxTokens: 30 })).not.toBe(two)
    })

    it('wait in order, also those that would fit at once; without a limit they take the whole context', async () => {
      const { slots } = pool(100, 8)
      const first = await slots.take([1], { maxTokens: 59 })
      const order: string[] = []
      const controller = new AbortController()
      const long = slots.take([2], { signal: controller.signal })
      const short = slots.take([3], { maxTokens: 9 }).then((slot) => (order.push('short'), slot))
      const urgent = slots.take([4], { maxTokens: 9, priority: -1 }).then((slot) => (order.push('urgent'), slot))
      await urgent
      expect(order).toEqual(['urgent'])
      controller.abort()
      await expect(long).rejects.toMatchObject({ code: 'aborted' })
      await short
      expect(order).toEqual(['urgent', 'short'])
      slots.give(first)
      slots.give(await short)
      slots.give(await urgent)
      expect((await slots.take([5])).sequence.capacity).toBe(100)
    })
  })

  it('shared beginnings end at the first difference or the shorter text', () => {
    expect(sharedPrefix([1, 2, 3], [1, 2, 4])).toBe(2)
    expect(sharedPrefix([1, 2], [1, 2, 3])).toBe(2)
    expect(sharedPrefix([], [1])).toBe(0)
  })
})
