/** Chain rejection sampling emits the target's law when the draft's tokens are really drawn from q: enumerated exactly. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSampler, drawIndex } from '../../src/sample/index.ts'
import type { Sampler } from '../../src/sample/index.ts'
import { chainTree, createTree } from '../../src/tree/index.ts'
import type { Sampled, Scores, TokenId } from '../../src/tree/index.ts'
import { chainRejection, walk } from '../../src/verify/index.ts'
import { cdfEdges, enumerate, MIDDLE } from './enumerate.ts'
import type { Chance, Weighted } from './enumerate.ts'
import { createLaw, deviation } from './toy.ts'

type Law = (text: readonly TokenId[]) => readonly number[]

interface Pair {
  readonly target: Law
  readonly draft: Law
}

const PREFIX: readonly TokenId[] = [1, 0]

function createPair(vocabSize: number, seed: number): Pair {
  return { target: createLaw(vocabSize, seed), draft: createLaw(vocabSize, seed + 5000) }
}

/** A chain drawn from the draft's law with enumerated chances. */
function drawChain({ draft }: Pair, depth: number, chance: Chance): { proposal: Sampled; tokens: TokenId[] } {
  const tokens: TokenId[] = []
  while (tokens.length < depth) {
    const probs = draft([...PREFIX, ...tokens])
    tokens.push(drawIndex(Float64Array.from(probs), chance(cdfEdges(probs), MIDDLE)))
  }
  const tree = chainTree([PREFIX.at(-1)!, ...tokens])
  const draftProbs = (node: number): Float32Array => Float32Array.from(draft([...PREFIX, ...tokens.slice(0, node)]))
  return { proposal: { kind: 'sampled', tree, draftProbs }, tokens }
}

/** A sampler of exact probabilities whose random numbers are enumerated with the edges that the paper's rules have. */
function exactSampler({ target, draft }: Pair, tokens: readonly TokenId[], chance: Chance): Sampler {
  const edges = (position: number, purpose: string): number[] => {
    const depth = position - PREFIX.length
    const text = [...PREFIX, ...tokens.slice(0, depth)]
    const p = target(text)
    const q = draft(text)
    if (purpose === 'draw') return cdfEdges(p)
    if (purpose === 'accept') return [Math.min(1, p[tokens[depth]!]! / q[tokens[depth]!]!)]
    const excess = p.map((value, token) => Math.max(0, value - q[token]!))
    const total = excess.reduce((sum, value) => sum + value, 0)
    return cdfEdges(excess.map((value) => value / total))
  }
  const uniform: Sampler['uniform'] = (position, purpose) => chance(edges(position, purpose))
  const distribution: Sampler['distribution'] = (_, text) => Float32Array.from(target(text))
  return {
    greedy: false,
    uniform,
    distribution,
    draw: (logits, text, position) => drawIndex(distribution(logits, text), uniform(position, 'draw')),
  }
}

/** `chainRejection` and the samplers here read no logits. */
const noScores: Scores = { logits: () => new Float32Array(0), features: () => new Float32Array(0) }

function outcomes(pair: Pair, depth: number): Weighted<TokenId[]>[] {
  return enumerate((chance) => {
    const { proposal, tokens } = drawChain(pair, depth, chance)
    const verdict = chainRejection.verify(proposal, noScores, exactSampler(pair, tokens, chance), PREFIX)
    return [...verdict.accepted.map((node) => proposal.tree.tokens[node]!), verdict.next]
  })
}

describe('chain rejection, enumerated exactly', () => {
  const pairs = fc.record({ vocabSize: fc.integer({ min: 2, max: 5 }), seed: fc.nat(1000) })

  it.each([0, 1, 2, 3])('emits the law of the target with %i drafted tokens, for every draft law', (depth) => {
    fc.assert(
      fc.property(pairs, ({ vocabSize, seed }) => {
        const pair = createPair(depth === 3 ? Math.min(3, vocabSize) : vocabSize, seed)
        expect(deviation(outcomes(pair, depth), PREFIX, depth + 1, pair.target)).toBeLessThan(1e-12)
      }),
      { numRuns: 12 },
    )
  })

  it('accepts a first token with probability sum of min(p, q)', () => {
    fc.assert(
      fc.property(pairs, ({ vocabSize, seed }) => {
        const pair = createPair(vocabSize, seed)
        const q = pair.draft(PREFIX)
        const overlap = pair.target(PREFIX).reduce((sum, p, token) => sum + Math.min(p, q[token]!), 0)
        const accepted = outcomes(pair, 1).filter(({ value }) => value.length === 2)
        expect(accepted.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(overlap, 12)
      }),
      { numRuns: 30 },
    )
  })

  it('is wrong for a token chosen by rank: that is why the types forbid it', () => {
    const pair = createPair(3, 4)
    const q = pair.draft(PREFIX)
    const best = q.indexOf(Math.max(...q))
    const tree = chainTree([0, best])
    const proposal: Sampled = { kind: 'sampled', tree, draftProbs: () => Float32Array.from(q) }
    const emitted = enumerate((chance) => {
      const verdict = chainRejection.verify(proposal, noScores, exactSampler(pair, [best], chance), PREFIX)
      return [...verdict.accepted.map((node) => tree.tokens[node]!), verdict.next]
    })
    expect(deviation(emitted, PREFIX, 1, pair.target)).toBeGreaterThan(0.01)
  })
})

describe('chain rejection', () => {
  const scores = (rows: readonly number[][]) => ({
    logits: (node: number) => Float32Array.from(rows[node]!),
    features: () => new Float32Array(0),
  })

  it('agrees with the walk for a greedy target', () => {
    const tree = chainTree([0, 2, 1])
    const rows = [
      [0, 1, 5],
      [0, 3, 1],
      [9, 0, 0],
    ]
    const sampled: Sampled = { kind: 'sampled', tree, draftProbs: () => Float32Array.of(0.25, 0.25, 0.5) }
    const sampler = createSampler()
    expect(chainRejection.verify(sampled, scores(rows), sampler, [0])).toEqual({
      accepted: [1, 2],
      next: 0,
      from: 'bonus',
    })
    expect(walk.verify(sampled, scores(rows), sampler, [0])).toEqual({ accepted: [1, 2], next: 0, from: 'bonus' })
    rows[1] = [4, 3, 1]
    expect(chainRejection.verify(sampled, scores(rows), sampler, [0])).toEqual({
      accepted: [1],
      next: 0,
      from: 'recovered',
    })
  })

  it('never accepts a token that the target never takes, even at random number 0', () => {
    const sampled: Sampled = { kind: 'sampled', tree: chainTree([0, 1]), draftProbs: () => Float32Array.of(0, 1) }
    const sampler = createSampler({ temperature: 1, logitBias: { 1: null } }, () => 0)
    expect(chainRejection.verify(sampled, scores([[1, 1], [1, 1]]), sampler, [0])).toEqual({ accepted: [], next: 0, from: 'recovered' }) // prettier-ignore
  })

  it('reads a draft with a shorter vocabulary as giving the rest no probability', () => {
    const sampled: Sampled = { kind: 'sampled', tree: chainTree([0, 0]), draftProbs: () => Float32Array.of(1) }
    const sampler = createSampler({ temperature: 1, logitBias: { 0: null } }, () => 0.9)
    expect(chainRejection.verify(sampled, scores([[1, 1, 1], [1, 1, 1]]), sampler, [0]).next).toBe(2) // prettier-ignore
  })

  it('refuses a tree', () => {
    const tree = createTree(0)
    tree.add(0, 1, -1)
    tree.add(0, 2, -1)
    const sampled: Sampled = { kind: 'sampled', tree, draftProbs: () => Float32Array.of(0, 0.5, 0.5) }
    expect(() => chainRejection.verify(sampled, scores([[1, 1, 1]]), createSampler(), [0])).toThrow(
      'judges chains, and node 0 has several children',
    )
  })
})
