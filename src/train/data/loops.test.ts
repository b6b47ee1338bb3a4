/** What is a loop and what only looks like one. */
import { describe, expect, it } from 'vitest'
import { uniformAt } from '../../util/rng.ts'
import { LoopWatch } from './loops.ts'

/** Tokens until the first verdict: [tokens read, tokens before the repetition]. */
function verdictOf(tokens: readonly number[]): [read: number, before: number] | undefined {
  const watch = new LoopWatch()
  for (const [index, token] of tokens.entries()) {
    const before = watch.push(token)
    if (before !== undefined) return [index + 1, before]
  }
  return undefined
}

const random = (count: number, seed = 1): number[] =>
  Array.from({ length: count }, (_, at) => Math.floor(uniformAt(seed, at) * 5000))
const repeat = (tokens: readonly number[], times: number): number[] =>
  Array.from({ length: times }, () => tokens).flat()

describe('a repetition', () => {
  it.each([1, 2, 7, 12, 30, 64])(
    'of %i tokens is found after two more periods, and what stands before it is kept',
    (period) => {
      const [intro, phrase] = [random(40), random(period, 2)]
      const [read, before] = verdictOf([...intro, ...repeat(phrase, 60)]) ?? []
      expect(read).toBe(40 + period + Math.max(2 * period, 24))
      expect(before).toBe(40 + period)
    },
  )

  it('with a word changed each time is found too', () => {
    const phrase = random(10, 3)
    const text = Array.from({ length: 40 }, (_, at) => [...phrase, 6000 + at]).flat()
    const verdict = verdictOf([...random(60), ...text])
    expect(verdict?.[0]).toBeLessThan(60 + 160)
  })

  it('is not seen in prose, in a list with a common beginning, or in a short ruler', () => {
    expect(verdictOf(random(4000))).toBeUndefined()
    const list = Array.from({ length: 20 }, (_, at) => [13, 14, 15, ...random(9, 50 + at)]).flat()
    expect(verdictOf(list)).toBeUndefined()
    expect(verdictOf([...random(50), ...repeat([9], 20), ...random(50, 4)])).toBeUndefined()
  })
})
