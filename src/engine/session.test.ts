import { describe, expect, it } from 'vitest'
import { createCostModel, createPolicy, createPolicyMemory } from '../policy/index.ts'
import { createSampler } from '../sample/index.ts'
import type { Sequence } from '../model/index.ts'
import { plainSession } from './drafting.ts'
import { Session } from './session.ts'

const END = 99
const session = (maxTokens: number, sequence: { length: number; capacity: number }): Session =>
  new Session({
    sequence: sequence as Sequence,
    draft: plainSession,
    policy: createPolicy({ policy: 'off' }, createPolicyMemory()),
    sampler: createSampler({}),
    cost: createCostModel(),
    prompt: [1, 2, 3],
    maxTokens,
    isEnd: (token) => token === END,
  })
const verdict = (accepted: number): { accepted: number[]; next: number; from: 'bonus' } => ({
  accepted: Array.from({ length: accepted }, (_, index) => index + 1),
  next: 0,
  from: 'bonus',
})

describe('a session', () => {
  it('ends at an end token inside the accepted path: what follows was never said', () => {
    const own = session(100, { length: 3, capacity: 50 })
    own.appendFirst(10)
    expect(own.append([11, END, 12, 13], verdict(3))).toBe(2)
    expect(own.finished).toBe('stop')
    expect(own.emitted).toEqual([10, 11])
    expect(own.tokens).toEqual([1, 2, 3, 10, 11, END])
  })

  it('names the origin of each token', () => {
    const own = session(100, { length: 3, capacity: 50 })
    own.appendFirst(10)
    own.append([11, 12, 13], verdict(2))
    expect(own.origins).toEqual(['target', 'drafted', 'drafted', 'target'])
  })

  it('leaves room for neither more tokens than asked for nor more than the context holds', () => {
    expect(session(5, { length: 3, capacity: 50 }).context().room).toBe(4)
    expect(session(100, { length: 45, capacity: 50 }).context().room).toBe(4)
    expect(session(100, { length: 49, capacity: 50 }).context().room).toBe(0)
  })

  it('ends with "length" at the limit, and when the root no longer fits', () => {
    const limited = session(2, { length: 3, capacity: 50 })
    limited.appendFirst(10)
    limited.append([11], verdict(0))
    expect(limited.finished).toBe('length')
    const full = session(100, { length: 50, capacity: 50 })
    full.appendFirst(10)
    expect(full.finished).toBe('length')
    expect(full.emitted).toEqual([10])
  })
})
