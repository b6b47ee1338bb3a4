/**
 * The chain from logits to the tokens that may be drawn and their weights. Its order is that of llama.cpp's default,
 * where the two overlap:
 *
 *   logit bias, penalties (`penalties.ts`), top-k, typical-p, top-p, min-p, temperature, draw (`draw.ts`)
 *
 * Each cut works on the probabilities that the cuts before it left, at temperature 1; temperature comes last and
 * never changes which tokens are left. Candidates stay in ascending order of their ids, so that the draw needs no sort.
 * Ties go to the smaller id. Sums are float64, in id order.
 */
import { UsageError } from '../util/errors.ts'
import { topK } from '../util/topk.ts'
import type { TokenId } from '../tree/index.ts'
import type { ResolvedSampleOptions } from './options.ts'

/** Tokens that may still be drawn. */
export interface Candidates {
  /** [candidates] ascending. */
  readonly ids: Int32Array
  /** [candidates] */
  readonly logits: Float32Array
}

/** What all cuts leave of `all`: at least one token. */
export function cut(all: Candidates, options: ResolvedSampleOptions): Candidates {
  let left = all
  if (options.topK > 0 && options.topK < left.ids.length) left = cutTopK(left, options.topK)
  if (options.typicalP < 1) left = cutTypical(left, options.typicalP)
  if (options.topP < 1) left = cutTopP(left, options.topP)
  if (options.minP > 0) left = cutMinP(left, options.minP)
  return left
}

/**
 * [logits] exp(logit / temperature), scaled so that the largest is 1.
 * Throws `bad-option` when no token is left that may be chosen.
 */
export function weightsOf(logits: Float32Array, temperature: number): Float64Array {
  const max = maximum(logits)
  const weights = new Float64Array(logits.length)
  for (let i = 0; i < logits.length; i++) weights[i] = Math.exp(((logits[i] as number) - max) / temperature)
  return weights
}

/** Sum in index order. */
export function sum(values: Float64Array): number {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i] as number
  return total
}

// --- cuts ---

/** Up to here insertion into a sorted list beats the buckets of `takeBest`. */
const LARGEST_INSERTION = 256

/** The k most likely tokens. */
function cutTopK({ ids, logits }: Candidates, k: number): Candidates {
  if (k <= LARGEST_INSERTION) return gather({ ids, logits }, topK(logits, k).ids.sort())
  const ones = new Float64Array(ids.length).fill(1)
  return takeBest({ ids, logits }, gapsToBest(logits), ones, (reached) => reached >= k)
}

/** The smallest set of most typical tokens (surprise nearest to the entropy) whose probability exceeds `share`. */
function cutTypical(left: Candidates, share: number): Candidates {
  const weights = weightsOf(left.logits, 1)
  const total = sum(weights)
  let entropy = 0
  for (const weight of weights) if (weight > 0) entropy -= (weight / total) * Math.log(weight / total)
  const gaps = weights.map((weight) => Math.abs(-Math.log(weight / total) - entropy))
  return takeBest(left, gaps, weights, (reached) => reached > share * total)
}

/** The smallest set of most likely tokens whose probability reaches `share`. */
function cutTopP(left: Candidates, share: number): Candidates {
  const weights = weightsOf(left.logits, 1)
  const goal = share * sum(weights)
  return takeBest(left, gapsToBest(left.logits), weights, (reached) => reached >= goal)
}

/** Tokens at least `share` times as likely as the most likely one. */
function cutMinP(left: Candidates, share: number): Candidates {
  const { logits } = left
  const lowest = maximum(logits) + Math.log(share)
  const positions = new Int32Array(logits.length)
  let count = 0
  for (let i = 0; i < logits.length; i++) if ((logits[i] as number) >= lowest) positions[count++] = i
  return gather(left, positions.subarray(0, count))
}

// --- helpers ---

const BUCKETS = 4096
/** Buckets per nat: 4096 of them cover gaps up to 64 nats, the rest shares the last one. */
const RESOLUTION = 64

/**
 * The candidates with the smallest gaps, taken in that order until their weights are `enough`.
 * Linear: gaps (0 or more) fall into buckets, and only the bucket in which enough is reached is sorted.
 */
function takeBest(
  left: Candidates,
  gaps: Float64Array,
  weights: Float64Array,
  enough: (reached: number) => boolean,
): Candidates {
  const bucketOf = new Uint16Array(gaps.length)
  const held = new Float64Array(BUCKETS)
  for (let i = 0; i < gaps.length; i++) {
    const bucket = Math.min(BUCKETS - 1, Math.floor((gaps[i] as number) * RESOLUTION))
    bucketOf[i] = bucket
    held[bucket] = (held[bucket] as number) + (weights[i] as number)
  }
  let edge = 0
  let reached = 0
  while (edge < BUCKETS - 1 && !enough(reached + (held[edge] as number))) reached += held[edge++] as number

  const positions: number[] = []
  const atEdge: number[] = []
  for (let i = 0; i < gaps.length; i++) {
    if ((bucketOf[i] as number) < edge) positions.push(i)
    else if (bucketOf[i] === edge) atEdge.push(i)
  }
  // Equal gaps, two infinite ones among them (their difference is NaN), go by position.
  atEdge.sort((a, b) => (gaps[a] as number) - (gaps[b] as number) || a - b)
  for (const position of atEdge) {
    positions.push(position)
    reached += weights[position] as number
    if (enough(reached)) break
  }
  return gather(left, Int32Array.from(positions).sort())
}

/** [logits] how far each is below the largest. */
function gapsToBest(logits: Float32Array): Float64Array {
  const max = maximum(logits)
  const gaps = new Float64Array(logits.length)
  for (let i = 0; i < logits.length; i++) gaps[i] = max - (logits[i] as number)
  return gaps
}

function gather({ ids, logits }: Candidates, positions: Int32Array): Candidates {
  const left = { ids: new Int32Array(positions.length), logits: new Float32Array(positions.length) }
  for (let i = 0; i < positions.length; i++) {
    left.ids[i] = ids[positions[i] as number] as TokenId
    left.logits[i] = logits[positions[i] as number] as number
  }
  return left
}

function maximum(logits: Float32Array): number {
  let max = -Infinity
  for (let i = 0; i < logits.length; i++) if ((logits[i] as number) > max) max = logits[i] as number
  if (max > -Infinity) return max
  throw new UsageError(
    'bad-option',
    'expected a token that may be chosen, got none with a finite logit; check logitBias',
  )
}
