import type { z } from 'zod'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../util/errors.ts'
import { budgetOptions, createPolicy, policies } from './policies.ts'

describe('the table of policies', () => {
  it.each(Object.entries(policies))(
    '%s can be chosen by name alone and describes itself and its options',
    (name, module) => {
      expect(budgetOptions.parse({ policy: name })).toMatchObject({ policy: name })
      expect(createPolicy({ policy: name as keyof typeof policies }).name).toBe(name)
      expect(module.summary).toMatch(/^[A-Z].*\.$/)
      for (const [option, schema] of Object.entries<z.ZodType>(module.options.shape)) {
        if (option === 'policy') continue
        expect(schema.description, option).toMatch(/\.$/)
        expect(schema.safeParse(undefined).success, `${option} has a default`).toBe(true)
      }
    },
  )

  it('refuses unknown policies, unknown options and values out of range, naming what is wrong', () => {
    const bad = (options: object) => () => createPolicy(options as never)
    expect(bad({ policy: 'magic' })).toThrow(UsageError)
    expect(bad({ policy: 'fixed', nods: 4 })).toThrow(/nods/)
    expect(bad({ policy: 'fixed', nodes: -1 })).toThrow(/nodes/)
    expect(bad({ policy: 'goodput', explore: 0 })).toThrow(/explore/)
  })

  it('eagle counts as the official code does: 60 nodes with the root, a level more than its depth', () => {
    const cost = { targetMs: () => 1, cheapRows: [1], observe: () => undefined }
    const plan = (options: object, room = 100) =>
      createPolicy({ policy: 'eagle', ...options }).plan({ round: 0, room, context: 0, batch: 1, cost })
    expect(plan({})).toEqual({ depth: 8, width: 10, nodes: 59 })
    expect(plan({ topK: 1, depth: 4, totalTokens: 6 })).toEqual({ depth: 5, width: 1, nodes: 5 })
    expect(plan({ totalTokens: 1 }).nodes).toBe(0)
    expect(plan({}, 0).nodes).toBe(0)
  })

  it('fixed asks for the same budget every round, cut down to the room', () => {
    const policy = createPolicy({ policy: 'fixed', depth: 5, width: 2, nodes: 7 })
    const cost = { targetMs: () => 1, cheapRows: [1], observe: () => undefined }
    const plan = (room: number) => policy.plan({ round: 0, room, context: 0, batch: 1, cost })
    expect(plan(50)).toEqual({ depth: 5, width: 2, nodes: 7 })
    expect(plan(3)).toEqual({ depth: 3, width: 2, nodes: 3 })
    expect(plan(0).nodes).toBe(0)
  })
})
