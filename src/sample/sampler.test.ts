/** The sampler against a naive chain with full sorts, and its draws against its own distribution. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { uniformAt } from '../util/rng.ts'
import { createSampler, resolveSampleOptions } from './index.ts'
import type { SampleOptions } from './index.ts'

/** The documented chain, as plainly as it can be written. */
function naiveDistribution(logits: readonly number[], prefix: readonly number[], options: SampleOptions): number[] {
  const o = resolveSampleOptions(options)
  const recent = o.repeatLastN < 0 ? prefix : prefix.slice(Math.max(0, prefix.length - o.repeatLastN))
  const row = logits.map((raw, id) => {
    const bias = o.logitBias[id]
    let logit = Math.fround(raw + (bias === undefined ? 0 : (bias ?? -Infinity)))
    const count = recent.filter((token) => token === id).length
    if (count === 0) return logit
    logit = logit > 0 ? logit / o.repeatPenalty : logit * o.repeatPenalty
    return Math.fround(logit - count * o.frequencyPenalty - o.presencePenalty)
  })
  const max = Math.max(...row)
  const weight = (id: number): number => Math.exp(row[id]! - max)
  const total = (ids: readonly number[]): number => ids.reduce((sum, id) => sum + weight(id), 0)
  const takeUntil = (ids: readonly number[], enough: (mass: number) => boolean): number[] => {
    let mass = 0
    const count = ids.findIndex((id) => enough((mass += weight(id))))
    return ids.slice(0, count < 0 ? ids.length : count + 1)
  }
  let left = row.map((_, id) => id).sort((a, b) => row[b]! - row[a]! || a - b)
  if (o.temperature === 0) return row.map((_, id) => (id === left[0] ? 1 : 0))
  if (o.topK > 0) left = left.slice(0, o.topK)
  if (o.typicalP < 1) {
    const all = total(left)
    const surprise = (id: number): number => -Math.log(weight(id) / all)
    const entropy = left.reduce((sum, id) => (weight(id) > 0 ? sum + (weight(id) / all) * surprise(id) : sum), 0)
    const gap = (id: number): number => Math.abs(surprise(id) - entropy)
    const typical = [...left].sort((a, b) => gap(a) - gap(b) || a - b)
    const kept = new Set(takeUntil(typical, (mass) => mass > o.typicalP * all))
    left = left.filter((id) => kept.has(id))
  }
  if (o.topP < 1) {
    const all = total(left)
    left = takeUntil(left, (mass) => mass >= o.topP * all)
  }
  if (o.minP > 0) left = left.filter((id) => row[id]! >= row[left[0]!]! + Math.log(o.minP))
  const heat = (id: number): number => Math.exp((row[id]! - row[left[0]!]!) / o.temperature)
  const sum = left.reduce((mass, id) => mass + heat(id), 0)
  const kept = new Set(left)
  return row.map((_, id) => (kept.has(id) ? heat(id) / sum : 0))
}

const share = fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000)
/** Coarse values make ties, fine ones everything else. No denormals: next to ordinary logits they are ties for us, not for the naive sort. */
const logit = fc.oneof(
  fc.integer({ min: -6, max: 6 }),
  fc.integer({ min: -80_000, max: 80_000 }).map((n) => n / 4096),
)
const optionSets = fc.record({
  temperature: fc.constantFrom(0, 0.3, 0.8, 1, 2.5),
  topK: fc.constantFrom(0, 0, 1, 2, 5, 100),
  topP: fc.oneof(fc.constant(1), share),
  minP: fc.oneof(fc.constant(0), share),
  typicalP: fc.constantFrom(1, 1, 0.2, 0.501, 0.9),
  repeatPenalty: fc.constantFrom(1, 1.5, 0.5),
  repeatLastN: fc.constantFrom(64, 3, 0, -1),
  frequencyPenalty: fc.constantFrom(0, 0.25, -1),
  presencePenalty: fc.constantFrom(0, 0.5),
  logitBias: fc.dictionary(fc.constantFrom('1', '2', '3'), fc.constantFrom<number | null>(1.5, -2, null, -Infinity), {
    noNullPrototype: true,
  }),
})
const cases = fc.record({
  logits: fc.array(logit, { minLength: 4, maxLength: 24 }),
  prefix: fc.array(fc.nat(6), { maxLength: 80 }),
  options: optionSets,
})

describe('the distribution', () => {
  it('is that of the documented chain, for every mixture of settings', () => {
    fc.assert(
      fc.property(cases, ({ logits, prefix, options }) => {
        const probs = createSampler(options).distribution(Float32Array.from(logits), prefix)
        const expected = naiveDistribution(logits, prefix, options)
        const wrong = expected.filter(
          (p, id) => !(Math.abs(probs[id]! - p) < 1e-6) || probs[id]! > 0 !== Math.fround(p) > 0,
        )
        expect(wrong).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })

  it.each<SampleOptions>([{ topK: 40 }, { topK: 700 }, { topP: 0.9 }, { topP: 0.5, minP: 0.1 }, { typicalP: 0.7 }, {}])(
    'is that of the documented chain on a long row with %j',
    (cuts) => {
      const logits = Array.from({ length: 1500 }, (_, i) => Math.fround(3 * Math.log(uniformAt(5, i) + 1e-3) + 90))
      const options = { temperature: 0.7, ...cuts }
      const probs = createSampler(options).distribution(Float32Array.from(logits), [])
      const expected = naiveDistribution(logits, [], options)
      expect(Math.max(...expected.map((p, id) => Math.abs(p - probs[id]!)))).toBeLessThan(1e-7)
      expect([...probs].filter((p) => p > 0)).toHaveLength(expected.filter((p) => p > 0).length)
    },
  )

  it('reaches the share for top-p and exceeds it for typical-p; equal tokens go by id', () => {
    const equal = new Float32Array(4)
    const support = (options: SampleOptions): number[] =>
      [
        ...createSampler({ temperature: 1, ...options })
          .distribution(equal, [])
          .entries(),
      ]
        .filter(([, p]) => p > 0)
        .map(([id]) => id)
    expect(support({ topP: 0.5 })).toEqual([0, 1])
    expect(support({ typicalP: 0.5 })).toEqual([0, 1, 2])
    expect(support({ topP: 0 })).toEqual([0])
    expect(support({ typicalP: 0 })).toEqual([0])
    expect(support({ minP: 1 })).toEqual([0, 1, 2, 3])
  })

  it('leaves the logits as they are', () => {
    const logits = Float32Array.of(1, 2, 3)
    createSampler({ temperature: 1, logitBias: { 0: 4 }, repeatPenalty: 2, topK: 2 }).draw(logits, [2], 1)
    expect([...logits]).toEqual([1, 2, 3])
  })
})

describe('penalties', () => {
  it.each<[SampleOptions, number[], number[]]>([
    [{ repeatPenalty: 2 }, [0, 1], [1, -4, 0.5]],
    [{ frequencyPenalty: 0.25 }, [0, 0, 1], [1.5, -2.25, 0.5]],
    [{ presencePenalty: 0.25 }, [0, 0, 1], [1.75, -2.25, 0.5]],
    [{ repeatPenalty: 2, frequencyPenalty: 0.25, presencePenalty: 1 }, [0, 0], [-0.5, -2, 0.5]],
    [{ repeatPenalty: 2, repeatLastN: 1 }, [0, 2, 1], [2, -4, 0.5]],
    [{ repeatPenalty: 2, repeatLastN: 0 }, [0, 1, 2], [2, -2, 0.5]],
    [{ repeatPenalty: 2, repeatLastN: -1 }, [0, ...Array<number>(100).fill(2)], [1, -2, 0.25]],
    [{ repeatPenalty: 2 }, [0, ...Array<number>(64).fill(2)], [2, -2, 0.25]],
    [{ repeatPenalty: 2, logitBias: { 0: -4, 2: 0.5 } }, [0, 2], [-4, -2, 0.5]],
    [{ logitBias: { 0: null, 1: -Infinity } }, [], [-Infinity, -Infinity, 0.5]],
  ])('%j after %j turn 2, -2, 0.5 into %j', (options, prefix, expected) => {
    const probs = createSampler({ temperature: 1, ...options }).distribution(Float32Array.of(2, -2, 0.5), prefix)
    const total = expected.reduce((sum, value) => sum + Math.exp(value), 0)
    expected.forEach((value, id) => expect(probs[id]).toBeCloseTo(Math.exp(value) / total, 6))
  })
})

describe('the greedy sampler', () => {
  it('takes the largest logit, the smaller id where two are equal, whatever the seed', () => {
    for (const seed of [0, 1, 99]) {
      const sampler = createSampler({ seed })
      expect(sampler.greedy).toBe(true)
      expect(sampler.draw(Float32Array.of(1, 7, 3, 7), [], 0)).toBe(1)
      expect([...sampler.distribution(Float32Array.of(1, 7, 3, 7), [])]).toEqual([0, 1, 0, 0])
    }
  })

  it('heeds bias and penalties', () => {
    const logits = Float32Array.of(1, 7, 3, 7)
    expect(createSampler({ logitBias: { 1: null } }).draw(logits, [], 0)).toBe(3)
    expect(createSampler({ logitBias: { 0: 6.5 } }).draw(logits, [], 0)).toBe(0)
    expect(createSampler({ presencePenalty: 1 }).draw(logits, [1], 1)).toBe(3)
    expect(createSampler({ presencePenalty: 5 }).draw(logits, [3, 1], 2)).toBe(2)
  })
})

describe('a draw', () => {
  it('inverts the running sum of the distribution in token-id order', () => {
    fc.assert(
      fc.property(cases, share, ({ logits, prefix, options }, near) => {
        const uniform = Math.min(0.9999, near + 0.00001)
        const sampler = createSampler(options, () => uniform)
        const token = sampler.draw(Float32Array.from(logits), prefix, prefix.length)
        const probs = naiveDistribution(logits, prefix, options)
        const before = probs.slice(0, token).reduce((sum, p) => sum + p, 0)
        expect(probs[token]).toBeGreaterThan(0)
        if (options.temperature === 0) return
        expect(before).toBeLessThanOrEqual(uniform + 1e-9)
        expect(before + probs[token]!).toBeGreaterThan(uniform - 1e-9)
      }),
      { numRuns: 1000 },
    )
  })

  it('never takes a token without probability, at either end of the random numbers', () => {
    const logits = Float32Array.of(-Infinity, 1, -Infinity, 1, -Infinity)
    expect(createSampler({ temperature: 1 }, () => 0).draw(logits, [], 0)).toBe(1)
    expect(createSampler({ temperature: 1 }, () => 1 - 2 ** -53).draw(logits, [], 0)).toBe(3)
  })

  it('depends on seed and position alone, not on draws before', () => {
    const logits = Float32Array.from({ length: 50 }, (_, i) => Math.sin(i))
    const fresh = (seed: number, position: number): number =>
      createSampler({ temperature: 1, seed }).draw(logits, [], position)
    const used = createSampler({ temperature: 1, seed: 3 })
    const backwards = Array.from({ length: 40 }, (_, i) => used.draw(logits, [], 39 - i)).reverse()
    expect(backwards).toEqual(Array.from({ length: 40 }, (_, i) => fresh(3, i)))
    expect(backwards).not.toEqual(Array.from({ length: 40 }, (_, i) => fresh(4, i)))
    expect(new Set(backwards).size).toBeGreaterThan(10)
  })

  it('uses the documented random number: uniformAt(seed, position); other purposes have their own', () => {
    const sampler = createSampler({ temperature: 1, seed: 11 })
    expect(sampler.uniform(5, 'draw')).toBe(uniformAt(11, 5))
    const numbers = [0, 1, 2].flatMap((at) =>
      (['draw', 'accept', 'recover'] as const).map((use) => sampler.uniform(at, use)),
    )
    expect(new Set(numbers).size).toBe(9)
  })

  it('follows the distribution over positions (chi-square, fixed seed)', () => {
    const logits = Float32Array.of(0, 1, 2, 0.5, -1, 1.5)
    const sampler = createSampler({ temperature: 0.8, topK: 5, seed: 2024 })
    const probs = sampler.distribution(logits, [])
    const counts = new Float64Array(6)
    const draws = 20_000
    for (let position = 0; position < draws; position++) counts[sampler.draw(logits, [], position)]!++
    let chiSquare = 0
    probs.forEach((p, id) => {
      if (p > 0) chiSquare += (counts[id]! - draws * p) ** 2 / (draws * p)
      else expect(counts[id]).toBe(0)
    })
    // 4 degrees of freedom: 18.5 is the 0.1 % point.
    expect(chiSquare).toBeLessThan(18.5)
  })

  it('refuses rows from which nothing can be drawn', () => {
    const banned = { 0: null, 1: null }
    for (const temperature of [0, 1]) {
      const sampler = createSampler({ temperature, logitBias: banned })
      expect(() => sampler.draw(Float32Array.of(1, 2), [], 0)).toThrow('none with a finite logit; check logitBias')
    }
    expect(() => createSampler({ temperature: 1, topP: 0.5 }).draw(Float32Array.of(1, NaN), [], 0)).toThrow(
      'scores are broken',
    )
  })
})
