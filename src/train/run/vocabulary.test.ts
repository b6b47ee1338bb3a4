import { expect, it } from 'vitest'
import { chooseDraftVocabulary, countAnswerTokens, countTokens, coverageOf } from './vocabulary.ts'

const text = {
  tokens: [9, 9, 9, 5, 5, 2, 7, 5],
  answers: [
    [3, 6],
    [7, 8],
  ] as const,
  temperature: 0,
}

it('counts answers only', () => {
  expect([...countAnswerTokens([text], 8)]).toEqual([0, 0, 1, 0, 0, 3, 0, 0])
})

it('takes the most frequent tokens, ties to the smaller id, ascending', () => {
  const counts = countAnswerTokens([text], 10)
  countTokens([7, 7, 9, 100], counts)
  expect([...chooseDraftVocabulary(counts, 3)]).toEqual([2, 5, 7])
  expect([...chooseDraftVocabulary(counts, 6)]).toEqual([0, 1, 2, 5, 7, 9])
})

it('tells what part of other texts it covers', () => {
  expect(coverageOf(Int32Array.of(5), countAnswerTokens([text], 10))).toBeCloseTo(0.75)
  expect(coverageOf(Int32Array.of(5), new Float64Array(10))).toBe(1)
})
