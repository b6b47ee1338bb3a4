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

  it('give drafters with a model of their own the budget that prices levels', () => {
    const policyOf = (drafter: object): string => resolveSpeculation({ drafter } as never).budget.policy
    expect(policyOf({ method: 'model', path: 'small.gguf' })).toBe('heterospec-cost')
    expect(policyOf({ method: 'eagle3', path: 'head.gguf' })).toBe('heterospec-cost')
    const merged = { method: 'combined', eagle3: { path: 'head.gguf' } }
    expect(policyOf({ ...merged, sources: ['lookup', 'eagle3'] })).toBe('heterospec-cost')
    expect(policyOf({ ...merged, sources: ['lookup'] })).toBe('goodput')
  })

  it('refuse what they do not know with one sentence', () => {
    for (const wrong of ['fast', { drafter: { method: 'magic' } }, { drafter: { method: 'lookup', size: 3 } }, 7]) {
      expect(() => resolveSpeculation(wrong as never)).toThrow(/^expected speculation to be/)
    }
  })
})
