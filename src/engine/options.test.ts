import { describe, expect, it } from 'vitest'
import { resolveSpeculation } from './drafting.ts'

describe('speculation options', () => {
  it('"auto" is combined drafting under goodput; "off" and false are plain decoding', () => {
    expect(resolveSpeculation('auto')).toMatchObject({ drafter: { method: 'combined' }, budget: { policy: 'goodput' } })
    expect(resolveSpeculation('off').budget).toEqual({ policy: 'off' })
    expect(resolveSpeculation(false).budget).toEqual({ policy: 'off' })
  })

  it('fill in what is left out', () => {
    expect(resolveSpeculation({ drafter: { method: 'lookup' } }).budget.policy).toBe('goodput')
    expect(resolveSpeculation({ budget: { policy: 'fixed', nodes: 4 } })).toMatchObject({
      drafter: { method: 'combined' },
      budget: { nodes: 4 },
    })
  })

  it('refuse what they do not know with one sentence', () => {
    for (const wrong of ['fast', { drafter: { method: 'magic' } }, { drafter: { method: 'lookup', size: 3 } }, 7]) {
      expect(() => resolveSpeculation(wrong as never)).toThrow(/^expected speculation to be/)
    }
  })
})
