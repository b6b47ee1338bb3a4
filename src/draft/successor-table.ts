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
  /** Where a row is mixed: what the table holds, then what is new. */
  readonly #mixed: Mixed = { tokens: new Int32Array(2 * FOLLOWERS), probs: new Float64Array(2 * FOLLOWERS) }

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
    const probabilities = new Float64Array(values.length)
    values.forEach((value, i) => (probabilities[i] = (TOP_MASS * Math.exp(value - best)) / sum))
    this.#blend(token, { tokens: ids, probabilities }, this.has(token) ? ROW_WEIGHT : 1)
  }

  /** A text holds `token` and then `follower`. */
  follow(token: TokenId, follower: TokenId): void {
    this.#blend(token, { tokens: [follower], probabilities: [1] }, TEXT_WEIGHT)
  }

  /**
   * Mixes `said`, each token once, into the followers of `token` with this weight and keeps the best eight, ties by age. Every row that
   * the target scores comes through here: no objects, no sort of more than sixteen.
   */
  #blend(token: TokenId, said: Said, weight: number): void {
    const first = token * FOLLOWERS
    const { tokens, probs } = this.#mixed
    let held = 0
    for (; held < FOLLOWERS && this.#tokens[first + held] !== UNSET; held++) {
      tokens[held] = this.#tokens[first + held] as TokenId
      probs[held] = (1 - weight) * (this.#probs[first + held] as number)
    }
    let count = held
    for (let i = 0; i < said.tokens.length; i++) {
      const probability = said.probabilities[i] as number
      // A probability that float32 rounds to 0 would be no estimate at all.
      if (probability <= 1e-6) continue
      const known = tokens.subarray(0, held).indexOf(said.tokens[i] as TokenId)
      const at = known >= 0 ? known : count++
      tokens[at] = said.tokens[i] as TokenId
      probs[at] = (known >= 0 ? (probs[at] as number) : 0) + weight * probability
    }
    sortBestFirst(this.#mixed, count)
    for (let i = 0; i < FOLLOWERS; i++) {
      this.#tokens[first + i] = i < count ? (tokens[i] as TokenId) : UNSET
      this.#probs[first + i] = i < count ? (probs[i] as number) : 0
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** What a row or a text says of a token's followers. */
interface Said {
  readonly tokens: ArrayLike<TokenId>
  readonly probabilities: ArrayLike<number>
}

interface Mixed {
  readonly tokens: Int32Array
  readonly probs: Float64Array
}

/** The first `count` of them, in place; equals stay in order. */
function sortBestFirst({ tokens, probs }: Mixed, count: number): void {
  for (let i = 1; i < count; i++) {
    const token = tokens[i] as TokenId
    const probability = probs[i] as number
    let at = i
    for (; at > 0 && (probs[at - 1] as number) < probability; at--) {
      tokens[at] = tokens[at - 1] as TokenId
      probs[at] = probs[at - 1] as number
    }
    tokens[at] = token
    probs[at] = probability
  }
}
