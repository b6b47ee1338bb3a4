import { describe, expect, it } from 'vitest'
import { planBench } from './bench-flags.ts'

describe('planBench', () => {
  it('compares the drafters whose files are given, unless methods are named', () => {
    expect(planBench({}).flags.methods).toBe('auto')
    expect(planBench({ draftHead: 'head.gguf', draftModel: 'small.gguf' }).flags.methods).toBe('auto,eagle3,model')
    expect(planBench({ draftHead: 'head.gguf', methods: 'off,eagle3/fixed' }).flags.methods).toBe('off,eagle3/fixed')
  })

  it('refuses a file that no method reads, unless other programs may', () => {
    const wasted = { draftModel: 'small.gguf', methods: 'lookup' }
    expect(() => planBench(wasted)).toThrow('expected a drafter that uses --draft-model, got lookup; name model')
    expect(planBench({ ...wasted, peers: 'libllama' }).peers).toEqual(['libllama'])
  })
})
