import { describe, expect, it } from 'vitest'
import { parseDrafter } from './drafter-names.ts'

const files = { draftHead: 'head.gguf' }

describe('files that no drafter uses', () => {
  it('are refused', () => {
    expect(() => parseDrafter('combined', files)).toThrow(
      'expected a drafter that uses --draft-head, got combined; name eagle3, or combined:sources=lookup+recycling+eagle3',
    )
    expect(() => parseDrafter('eagle3', { ...files, draftModel: 'small.gguf' })).toThrow(
      'uses --draft-model, got eagle3',
    )
  })

  it('are none where a source of a merged tree reads them', () => {
    const merged = parseDrafter('combined:sources=lookup+eagle3', files).drafter
    expect(merged).toMatchObject({ method: 'combined', sources: ['lookup', 'eagle3'], eagle3: { path: 'head.gguf' } })
    expect(parseDrafter('combined', {}).drafter).toEqual({ method: 'combined' })
  })
})
