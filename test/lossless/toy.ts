/** A toy target: a table of next-token logits for every text over a small vocabulary, and the law it defines. */
import type { Scores, TokenId, TokenTree } from '../../src/tree/index.ts'
import { uniformAt } from '../../src/util/rng.ts'
import type { Weighted } from './enumerate.ts'

export interface Toy {
  readonly vocabSize: number
  logits(text: readonly TokenId[]): Float32Array
  /** The scores of `tree` after `prefix`, which ends with the root. */
  scores(tree: TokenTree, prefix: readonly TokenId[]): Scores
}

/** A number for a text, different for different texts. */
function hash(text: readonly TokenId[]): number {
  return text.reduce((sum, token) => (sum * 31 + token + 1) % 1_000_003, 7)
}

/** Logits in [-2, 2), fixed by `seed`. */
export function createToy(vocabSize: number, seed: number): Toy {
  const logits = (text: readonly TokenId[]): Float32Array => {
    return Float32Array.from({ length: vocabSize }, (_, token) => 4 * uniformAt(seed, hash([...text, token])) - 2)
  }
  return {
    vocabSize,
    logits,
    scores: (tree, prefix) => ({
      logits: (node) => logits([...prefix, ...tree.path(node).map((at) => tree.tokens[at]!)]),
      features: () => {
        throw new Error('the toy has no features')
      },
    }),
  }
}

/**
 * A law of next tokens, fixed by `seed`, whose probabilities are multiples of 1 / `parts` (a power of two) and sum to 1:
 * float32 holds them, their sums and their differences exactly. Some are 0.
 */
export function createLaw(
  vocabSize: number,
  seed: number,
  parts = 16,
): (text: readonly TokenId[]) => readonly number[] {
  const known = new Map<number, readonly number[]>()
  return (text) => {
    const key = hash(text)
    const old = known.get(key)
    if (old !== undefined) return old
    const probs = Array<number>(vocabSize).fill(0)
    for (let i = 0; i < parts; i++) {
      // The smaller of two numbers: an uneven distribution.
      const at = Math.min(uniformAt(seed, key * 64 + 2 * i), uniformAt(seed, key * 64 + 2 * i + 1))
      probs[Math.floor(at * vocabSize)]! += 1 / parts
    }
    known.set(key, probs)
    return probs
  }
}

/**
 * The largest deviation between the law of the emitted texts and the target's, over all texts of `length`:
 * a shorter emitted text goes on by the target's own law.
 */
export function deviation(
  emitted: Texts,
  prefix: readonly TokenId[],
  length: number,
  next: (text: readonly TokenId[]) => readonly number[],
): number {
  const actual = lawOf(merge(emitted), prefix, length, next)
  const expected = lawOf([{ value: [], weight: 1 }], prefix, length, next)
  const texts = new Set([...actual.keys(), ...expected.keys()])
  return Math.max(...[...texts].map((text) => Math.abs((actual.get(text) ?? 0) - (expected.get(text) ?? 0))))
}

type Texts = readonly Weighted<readonly TokenId[]>[]

function lawOf(
  emitted: Texts,
  prefix: readonly TokenId[],
  length: number,
  next: (text: readonly TokenId[]) => readonly number[],
): Map<string, number> {
  const law = new Map<string, number>()
  const spread = (text: readonly TokenId[], weight: number): void => {
    if (text.length < length) next([...prefix, ...text]).forEach((p, token) => spread([...text, token], weight * p))
    else law.set(text.slice(0, length).join(), (law.get(text.slice(0, length).join()) ?? 0) + weight)
  }
  for (const { value, weight } of emitted) spread(value, weight)
  return law
}

/** Equal texts as one. */
function merge(emitted: Texts): Texts {
  const merged = new Map<string, { value: readonly TokenId[]; weight: number }>()
  for (const { value, weight } of emitted) {
    const twin = merged.get(value.join())
    if (twin) twin.weight += weight
    else merged.set(value.join(), { value, weight })
  }
  return [...merged.values()]
}
