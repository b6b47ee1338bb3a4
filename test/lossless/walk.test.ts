/** The walk emits the target's law and the target's text, for any tree: by exact enumeration and by statistics. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSampler } from '../../src/sample/index.ts'
import type { Sampler, SampleOptions } from '../../src/sample/index.ts'
import { createTree } from '../../src/tree/index.ts'
import type { Ranked, TokenId, TokenTree } from '../../src/tree/index.ts'
import { walk } from '../../src/verify/index.ts'
import type { Verdict } from '../../src/verify/index.ts'
import { cdfEdges, enumerate } from './enumerate.ts'
import type { Chance } from './enumerate.ts'
import { createToy, deviation } from './toy.ts'
import type { Toy } from './toy.ts'

const ranked = (tree: TokenTree): Ranked => ({ kind: 'ranked', tree })

/** Random trees below `root`: the number modulo the size so far is the parent; duplicate children allowed. */
function grow(root: TokenId, vocabSize: number, entries: readonly (readonly [number, number])[]): TokenTree {
  const tree = createTree(root)
  for (const [at, token] of entries) tree.add(at % tree.size, token % vocabSize, -1)
  return tree
}

function emittedText(tree: TokenTree, { accepted, next }: Verdict): TokenId[] {
  return [...accepted.map((node) => tree.tokens[node]!), next]
}

/** The sampler's own law in float64, by the definition of the two settings that are used here. */
function law(toy: Toy, { temperature = 1, topK = 0 }: SampleOptions): (text: readonly TokenId[]) => number[] {
  return (text) => {
    const logits = [...toy.logits(text)]
    const best = logits.map((_, id) => id).sort((a, b) => logits[b]! - logits[a]! || a - b)
    const kept = new Set(topK > 0 ? best.slice(0, topK) : best)
    const weights = logits.map((logit, id) => (kept.has(id) ? Math.exp((logit - logits[best[0]!]!) / temperature) : 0))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    return weights.map((weight) => weight / total)
  }
}

/** The real sampler with enumerated random numbers. */
function enumerated(options: SampleOptions, next: (text: readonly TokenId[]) => number[], chance: Chance): Sampler {
  let edges: number[] = []
  const real = createSampler(options, () => chance(edges))
  return {
    greedy: real.greedy,
    uniform: real.uniform,
    distribution: (logits, text) => real.distribution(logits, text),
    draw(logits, text, position) {
      edges = cdfEdges(next(text))
      return real.draw(logits, text, position)
    },
  }
}

describe('the walk, enumerated exactly', () => {
  const shapes = fc.record({
    vocabSize: fc.integer({ min: 2, max: 5 }),
    seed: fc.nat(1000),
    entries: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 5 }),
    options: fc.constantFrom<SampleOptions>({ temperature: 1 }, { temperature: 0.6 }, { temperature: 1.3, topK: 2 }),
  })

  it('emits the law of the target for every tree of up to six nodes', () => {
    fc.assert(
      fc.property(shapes, ({ vocabSize, seed, entries, options }) => {
        const toy = createToy(vocabSize, seed)
        const prefix = [1, 0]
        const tree = grow(0, vocabSize, entries)
        const scores = toy.scores(tree, prefix)
        const next = law(toy, options)
        const outcomes = enumerate((chance) =>
          emittedText(tree, walk.verify(ranked(tree), scores, enumerated(options, next, chance), prefix)),
        )
        expect(outcomes.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12)
        const length = Math.min(4, Math.max(...tree.depths) + 1)
        expect(deviation(outcomes, prefix, length, next)).toBeLessThan(1e-12)
      }),
      { numRuns: 60 },
    )
  })

  it('would show a wrong law: accepting every drafted token does not pass', () => {
    const toy = createToy(3, 1)
    const outcomes = [0, 1, 2].map((token) => ({ value: [0, token], weight: law(toy, {})([0, 0])[token]! }))
    expect(deviation(outcomes, [0], 2, law(toy, {}))).toBeGreaterThan(0.1)
  })
})

describe('the walk with a seed', () => {
  /** Decodes `length` tokens in rounds with the trees that `draft` makes. */
  function decode(
    toy: Toy,
    options: SampleOptions,
    length: number,
    draft: (round: number, root: TokenId) => TokenTree,
  ): TokenId[] {
    const sampler = createSampler(options)
    const text: TokenId[] = [1]
    for (let round = 0; text.length <= length; round++) {
      const tree = draft(round, text.at(-1)!)
      const verdict = walk.verify(ranked(tree), toy.scores(tree, text), sampler, text)
      expect(verdict.from).toBe(tree.children(verdict.accepted.at(-1) ?? 0).length === 0 ? 'bonus' : 'recovered')
      text.push(...emittedText(tree, verdict))
    }
    return text.slice(0, length)
  }

  it.each<SampleOptions>([
    {},
    { repeatPenalty: 1.5, repeatLastN: 3 },
    { temperature: 0.8, seed: 5 },
    { temperature: 1, seed: 6, topP: 0.9, frequencyPenalty: 0.4, repeatLastN: -1 },
    { temperature: 1.2, seed: 7, minP: 0.1, presencePenalty: 0.3, logitBias: { 2: null } },
  ])('gives the text of plain decoding, whatever is drafted, with %j', (options) => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 12 }), { minLength: 1, maxLength: 40 }),
        (drafts) => {
          const toy = createToy(5, 77)
          const plain = decode(toy, options, 40, (_, root) => createTree(root))
          const drafted = decode(toy, options, 40, (round, root) => grow(root, 5, drafts[round % drafts.length]!))
          expect(drafted).toEqual(plain)
        },
      ),
      { numRuns: 25 },
    )
  })

  it('accepts the whole of a right chain and nothing of a wrong one', () => {
    const toy = createToy(5, 3)
    const sampler = createSampler({ temperature: 1, seed: 9 })
    const truth = decode(toy, { temperature: 1, seed: 9 }, 8, (_, root) => createTree(root))
    const right = grow(
      1,
      5,
      truth.slice(1, 6).map((token, i) => [i, token] as const),
    )
    expect(walk.verify(ranked(right), toy.scores(right, [1]), sampler, [1])).toEqual({
      accepted: [1, 2, 3, 4, 5],
      next: truth[6],
      from: 'bonus',
    })
    const wrong = grow(
      1,
      5,
      truth.slice(1, 6).map((token, i) => [i, token + 1] as const),
    )
    expect(walk.verify(ranked(wrong), toy.scores(wrong, [1]), sampler, [1])).toEqual({
      accepted: [],
      next: truth[1],
      from: 'recovered',
    })
  })

  it('follows the target over many seeds (chi-square over pairs of tokens, fixed seeds)', () => {
    const toy = createToy(4, 12)
    const options = { temperature: 0.8, topK: 3 }
    const tree = grow(0, 4, [[0, 1], [0, 2], [1, 0], [1, 3], [2, 2]]) // prettier-ignore
    const next = law(toy, options)
    const counts = new Map<string, number>()
    const runs = 12_000
    for (let seed = 0; seed < runs; seed++) {
      const sampler = createSampler({ ...options, seed })
      const text = emittedText(tree, walk.verify(ranked(tree), toy.scores(tree, [0]), sampler, [0]))
      if (text.length < 2) text.push(sampler.draw(toy.logits([0, ...text]), [0, ...text], 2))
      const key = text.slice(0, 2).join()
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    let chiSquare = 0
    next([0]).forEach((first, a) =>
      next([0, a]).forEach((second, b) => {
        const expected = runs * first * second
        const count = counts.get([a, b].join()) ?? 0
        if (expected === 0) expect(count).toBe(0)
        else chiSquare += (count - expected) ** 2 / expected
      }),
    )
    // Three first tokens with three second ones each: 8 degrees of freedom; 26.1 is the 0.1 % point.
    expect(chiSquare).toBeLessThan(26.1)
  })
})
