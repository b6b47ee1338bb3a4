import { describe, expect, it } from 'vitest'
import { resolveSpeculation } from './drafting.ts'

describe('speculation options', () => {
  it('"auto" leaves the drafter to the engine, under goodput; "off" and false are plain decoding', () => {
    expect(resolveSpeculation('auto')).toMatchObject({ budget: { policy: 'goodput' } })
    expect(resolveSpeculation('auto').drafter).toBeUndefined()
    expect(resolveSpeculation('off').budget).toEqual({ policy: 'off' })
    expect(resolveSpeculation(false).budget).toEqual({ policy: 'off' })
  })

  it('fill in what is left out', () => {
    expect(resolveSpeculation({ drafter: { method: 'lookup' } }).budget.policy).toBe('goodput')
    expect(resolveSpeculation({ budget: { policy: 'fixed', nodes: 4 } })).toMatchObject({ budget: { nodes: 4 } })
    expect(resolveSpeculation({ drafter: { method: 'combined' } }).drafter).toMatchObject({
      sources: ['lookup', 'recycling'],
    })
  })

  it('refuse what they do not know with one sentence', () => {
    for (const wrong of ['fast', { drafter: { method: 'magic' } }, { drafter: { method: 'lookup', size: 3 } }, 7]) {
      expect(() => resolveSpeculation(wrong as never)).toThrow(/^expected speculation to be/)
    }
  })
})
