import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SlotPool } from './pool.ts'
import type { Region } from './types.ts'

describe('the slot pool', () => {
  it('never lends a slot twice, never loses one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 40 }), free: fc.nat() }), { maxLength: 60 }),
        (steps) => {
          const pool = new SlotPool(100)
          const lent: Region[] = []
          for (const { size, free } of steps) {
            const region = pool.take(size)
            if (region) lent.push(region)
            else if (lent.length > 0) pool.give(lent.splice(free % lent.length, 1)[0]!)
            const slots = lent.flatMap(({ start, size: count }) =>
              Array.from({ length: count }, (_, index) => start + index),
            )
            expect(new Set(slots).size).toBe(slots.length)
            expect(pool.freeSlots + slots.length).toBe(100)
          }
          for (const region of lent) pool.give(region)
          expect(pool.take(100)).toEqual({ start: 0, size: 100 })
        },
      ),
    )
  })

  it('refuses a run that is given back twice', () => {
    const pool = new SlotPool(10)
    const region = pool.take(4)!
    pool.give(region)
    expect(() => pool.give(region)).toThrow(/freed twice/)
  })
})
