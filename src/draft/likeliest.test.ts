import { describe, expect, it } from 'vitest'
import { likeliest } from './likeliest.ts'

describe('the likeliest tokens of a row', () => {
  it('are those of a softmax at temperature 1', () => {
    const logits = Float32Array.from([1, 3, 2, -40, 3])
    const total = [1, 3, 2, 3].reduce((sum, value) => sum + Math.exp(value), 0)
    const { tokens, probs } = likeliest(logits, 3, 5)
    expect(tokens).toEqual([1, 4, 2])
    expect(probs[0]).toBeCloseTo(Math.exp(3) / total, 5)
    expect(probs[2]).toBeCloseTo(Math.exp(2) / total, 5)
  })

  it('do not come from beyond the vocabulary of the target', () => {
    expect(likeliest(Float32Array.from([1, 2, 3, 9]), 2, 3).tokens).toEqual([2, 1])
  })

  it('may be fewer than asked for', () => {
    expect(likeliest(Float32Array.from([1, 2]), 5, 2).tokens).toEqual([1, 0])
  })
})
