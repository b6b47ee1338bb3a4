/** Which tokens a head may propose: the most frequent ones of what the target writes. */
import type { TokenId } from '../../tree/index.ts'
import type { TrainingText } from '../types.ts'

/** How often every token stands in answers: [vocabSize]. Tokens outside the vocabulary are not counted. */
export function countAnswerTokens(texts: Iterable<TrainingText>, vocabSize: number): Float64Array {
  const counts = new Float64Array(vocabSize)
  for (const { tokens, answers } of texts) for (const [from, to] of answers) countTokens(tokens.slice(from, to), counts)
  return counts
}

/** Adds tokens of other texts. */
export function countTokens(tokens: Iterable<TokenId>, counts: Float64Array): void {
  for (const token of tokens) if (token < counts.length) counts[token] = (counts[token] as number) + 1
}

/**
 * The `size` most frequent tokens, ascending. Ties, and tokens that never occur, go to the smaller id: byte-pair
 * vocabularies begin with what is frequent.
 */
export function chooseDraftVocabulary(counts: Float64Array, size: number): Int32Array {
  const byCount = Array.from(counts.keys()).sort((a, b) => (counts[b] as number) - (counts[a] as number) || a - b)
  return Int32Array.from(byCount.slice(0, size)).sort()
}

/** Share of the counted tokens that `ids` has; 1 of nothing. */
export function coverageOf(ids: Int32Array, counts: Float64Array): number {
  const all = counts.reduce((sum, count) => sum + count, 0)
  const covered = ids.reduce((sum, id) => sum + (counts[id] ?? 0), 0)
  return all === 0 ? 1 : covered / all
}
