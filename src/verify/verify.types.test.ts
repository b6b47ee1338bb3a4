/** Mistakes that must not compile. Each `@ts-expect-error` is an error of the type check when the mistake would pass. */
import { expect, it } from 'vitest'
import { createSampler } from '../sample/index.ts'
import { chainTree } from '../tree/index.ts'
import type { Ranked, Sampled, Scores } from '../tree/index.ts'
import { chainRejection, walk } from './index.ts'
import type { Verifier } from './index.ts'

const tree = chainTree([0, 1])
const ranked: Ranked = { kind: 'ranked', tree }
const sampled: Sampled = { kind: 'sampled', tree, draftProbs: () => Float32Array.of(0, 1) }
const scores: Scores = { logits: () => Float32Array.of(0, 1), features: () => new Float32Array(0) }

it('a ratio rule cannot judge a ranked tree', () => {
  // @ts-expect-error a ranked tree has no draft probabilities
  expect(() => chainRejection.verify(ranked, scores, createSampler(), [0])).toThrow()
  expect(chainRejection.verify(sampled, scores, createSampler(), [0]).accepted).toEqual([1])
})

it('a ratio rule is no general verifier, but the walk is one for sampled trees too', () => {
  // @ts-expect-error what judges sampled trees only cannot stand where any proposal may come
  const general: Verifier = chainRejection
  const forSampled: Verifier<Sampled> = walk
  expect(general.name).toBe('chain-rejection')
  expect(forSampled.verify(sampled, scores, createSampler(), [0])).toEqual(
    walk.verify(ranked, scores, createSampler(), [0]),
  )
})
