/**
 * For each token the tokens most likely to follow it, as the target last said: the memory of Token Recycling
 * (arXiv 2408.08696), with a probability beside each entry. Two flat arrays of [vocab][8]: 3 MiB for 49,152 tokens.
 * Knows nothing of trees and rounds.
 */
import type { TokenId } from '../tree/index.ts'
import { topK, type TopK } from '../util/topk.ts'

/** Followers kept for each token. */
export const FOLLOWERS = 8

/** Marks an entry that nobody has set: never drafted. */
const UNSET = -1

/**
 * The whole row's mass is unknown without a pass of exponentials over the vocabulary; its eight best tokens hold about
 * this share of it (mean 0.78 over 48 answers of the default model, deviation 0.22; using the exact mass changed nothing).
 */
const TOP_MASS = 0.78

/** How much a new row counts against what the table held. The paper's 1 (overwrite) costs 3 % of tau. */
const ROW_WEIGHT = 0.6

/** How much a token that really followed counts against what the table held. */
const TEXT_WEIGHT = 0.35

export interface Follower {
  readonly token: TokenId
  /** The target's word on it, averaged over the contexts in which it read the token; recent ones count most. */
  readonly probability: number
}

export class SuccessorTable {
  readonly #tokens: Int32Array
  readonly #probs: Float32Array

  constructor(vocabSize: number) {
    this.#tokens = new Int32Array(vocabSize * FOLLOWERS).fill(UNSET)
    this.#probs = new Float32Array(vocabSize * FOLLOWERS)
  }

  /** Forgets everything. */
  clear(): void {
    this.#tokens.fill(UNSET)
    this.#probs.fill(0)
  }

  has(token: TokenId): boolean {
    return this.#tokens[token * FOLLOWERS] !== UNSET
  }

  /** Followers of `token`, best first; only those that were set. */
  followers(token: TokenId): Follower[] {
    const found: Follower[] = []
    const first = token * FOLLOWERS
    for (let i = first; i < first + FOLLOWERS && this.#tokens[i] !== UNSET; i++) {
      found.push({ token: this.#tokens[i] as TokenId, probability: this.#probs[i] as number })
    }
    return found
  }

  /** The target read `token` and said `logits` [vocab]: blends their eight best into the followers. */
  update(token: TokenId, logits: Float32Array): void {
    this.updateBest(token, topK(logits, FOLLOWERS))
  }

  /** The same when the eight best logits (`FOLLOWERS`) are known already. */
  updateBest(token: TokenId, { ids, values }: TopK): void {
    const best = values[0] as number
    let sum = 0
    for (const value of values) sum += Math.exp(value - best)
    const entries: Follower[] = []
    values.forEach((value, i) => {
      entries.push({ token: ids[i] as TokenId, probability: (TOP_MASS * Math.exp(value - best)) / sum })
    })
    this.#blend(token, entries, this.has(token) ? ROW_WEIGHT : 1)
  }

  /** A text holds `token` and then `follower`. */
  follow(token: TokenId, follower: TokenId): void {
    this.#blend(token, [{ token: follower, probability: 1 }], TEXT_WEIGHT)
  }

  /** Mixes `entries` into the followers of `token` with this weight and keeps the best eight, ties by age. */
  #blend(token: TokenId, entries: readonly Follower[], weight: number): void {
    const mixed = new Map<TokenId, number>()
    for (const { token: follower, probability } of this.followers(token))
      mixed.set(follower, (1 - weight) * probability)
    for (const { token: follower, probability } of entries) {
      // A probability that float32 rounds to 0 would be no estimate at all.
      if (probability > 1e-6) mixed.set(follower, (mixed.get(follower) ?? 0) + weight * probability)
    }
    const best = [...mixed].sort((a, b) => b[1] - a[1])
    for (let i = 0; i < FOLLOWERS; i++) {
      const [follower, probability] = best[i] ?? [UNSET, 0]
      this.#tokens[token * FOLLOWERS + i] = follower
      this.#probs[token * FOLLOWERS + i] = probability
    }
  }
}
