import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainText, runRounds } from '../../test/fakes/rounds.ts'
import { markov, TableModel } from '../../test/fakes/table-model.ts'
import { createPolicy, type BudgetOptions } from '../policy/index.ts'
import { UsageError } from '../util/errors.ts'
import { createSyntheticDrafter, expectedTau } from './synthetic.ts'

const VOCABULARY = 40
const prompt = [3, 1, 4, 1, 5]

/** Decodes `count` tokens with a synthetic drafter. */
async function decode(rates: readonly number[], seed: number, count: number, budget: BudgetOptions) {
  const target = new TableModel({ vocabSize: VOCABULARY, next: markov(seed, VOCABULARY), context: count + 100 })
  const plain = plainText({ target, prompt, count })
  const drafter = createSyntheticDrafter({ rates, seed, answer: plain })
  const result = await runRounds({ target, drafter, policy: createPolicy(budget), prompt, count })
  return { plain, ...result }
}

const chain = (depth: number): BudgetOptions => ({ policy: 'fixed', depth, width: 1, nodes: depth })

describe('a synthetic drafter', () => {
  it('is right at each depth as often as asked', async () => {
    const rates = [0.8, 0.5, 0.9]
    const { traces } = await decode(rates, 7, 6000, chain(3))
    for (const [index, rate] of rates.entries()) {
      const reached = traces.filter(({ drafted, accepted }) => drafted > index && accepted >= index)
      const right = reached.filter(({ accepted }) => accepted > index)
      const spread = Math.sqrt((rate * (1 - rate)) / reached.length)
      expect(Math.abs(right.length / reached.length - rate)).toBeLessThan(4 * spread)
    }
    const tau = traces.reduce((sum, { emitted }) => sum + emitted.length, 0) / traces.length
    expect(Math.abs(tau / expectedTau(rates).at(-1)! - 1)).toBeLessThan(0.04)
  })

  it('never changes the text, whatever its rates and the budget', async () => {
    const rate = fc.double({ min: 0, max: 1, noNaN: true })
    const budget = fc.oneof(
      fc.integer({ min: 1, max: 9 }).map(chain),
      fc.constant<BudgetOptions>({ policy: 'goodput' }),
    )
    const rates = fc.array(rate, { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(rates, fc.nat(1e6), budget, async (chances, seed, options) => {
        const { plain, tokens, traces } = await decode(chances, seed, 40, options)
        expect(tokens).toEqual(plain)
        for (const { drafted } of traces) expect(drafted).toBeLessThanOrEqual(chances.length)
      }),
      { numRuns: 40 },
    )
  })

  it('is always right with rate 1 and never with rate 0', async () => {
    const right = await decode([1, 1, 1], 3, 41, chain(3))
    expect(right.traces.every(({ drafted, accepted }) => accepted === drafted)).toBe(true)
    expect(right.traces.length).toBe(10)
    const wrong = await decode([0, 1], 3, 40, chain(2))
    expect(wrong.traces.every(({ accepted }) => accepted === 0)).toBe(true)
  })

  it('has the same luck under every budget, and another one for another seed or prompt', async () => {
    const guesses = async (seed: number, text: readonly number[], depth: number) => {
      const answer = Array.from({ length: 60 }, (_, i) => 10 + i)
      using session = createSyntheticDrafter({ rates: [0.5, 0.5, 0.5], seed, answer }).open([...text, 10])
      const policy = createPolicy(chain(depth))
      const tokens = [...text, ...answer.slice(0, 20)]
      const { tree } = await session.propose({ tokens, budget: { depth, width: 1, nodes: depth }, policy })
      return [...tree.tokens].slice(1)
    }
    const trials = Array.from({ length: 20 }, (_, seed) => seed)
    const all = await Promise.all(trials.map((seed) => guesses(seed, prompt, 3)))
    const short = await Promise.all(trials.map((seed) => guesses(seed, prompt, 1)))
    expect(short).toEqual(all.map((list) => list.slice(0, 1)))
    expect(new Set(all.map(String)).size).toBeGreaterThan(3)
    expect(await Promise.all(trials.map((seed) => guesses(seed, [...prompt, 9], 3)))).not.toEqual(all)
  })

  it('refuses rates that are none', () => {
    for (const rates of [[], [1.1], [-0.1], [NaN], Array.from({ length: 65 }, () => 0.5)])
      expect(() => createSyntheticDrafter({ rates, seed: 1, answer: [] })).toThrow(UsageError)
  })
})

describe('expectedTau', () => {
  it('adds what each deeper guess brings', () => {
    expect(expectedTau([0.8, 0.5])).toEqual([1, 1.8, 2.2])
    expect(expectedTau([])).toEqual([1])
  })
})
