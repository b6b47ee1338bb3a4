/**
 * The sampler of one request. It keeps nothing between draws but its settings, so any token may be drawn again, in any
 * order, with the same result: that is what makes speculation invisible.
 */
import { UsageError } from '../util/errors.ts'
import { argMax } from '../util/math.ts'
import { uniformAt } from '../util/rng.ts'
import type { TokenId } from '../tree/index.ts'
import { cut, sum, weightsOf } from './chain.ts'
import { drawIndex } from './draw.ts'
import { resolveSampleOptions } from './options.ts'
import type { ResolvedSampleOptions, SampleOptions } from './options.ts'
import { adjustLogits, adjusts } from './penalties.ts'
import type { RandomPurpose, Sampler, UniformSource } from './types.ts'

/**
 * A sampler with these settings; without a seed it takes 0, so that whoever wants variety chooses one per request.
 * `uniform` replaces the seeded random numbers, for tests that enumerate them. Throws `bad-option` for bad settings.
 */
export function createSampler(options: SampleOptions = {}, uniform?: UniformSource): Sampler {
  const settings = resolveSampleOptions(options)
  return new ChainSampler(settings, uniform ?? seededUniform(settings.seed ?? 0))
}

/** Random numbers of a seed: one stream of positions for each purpose. */
function seededUniform(seed: number): UniformSource {
  return (position, purpose) => uniformAt(seed, position + STREAMS[purpose])
}

// --- implementation ---

/** Where each purpose's positions begin; no text is longer than the distance between two. */
const STREAMS: Readonly<Record<RandomPurpose, number>> = { draw: 0, accept: 2 ** 40, recover: 2 ** 41 }

class ChainSampler implements Sampler {
  readonly greedy: boolean
  readonly takesBest: boolean
  readonly uniform: UniformSource
  readonly #settings: ResolvedSampleOptions
  /** 0 .. vocab - 1, made at the first draw. */
  #everyId = new Int32Array(0)

  constructor(settings: ResolvedSampleOptions, uniform: UniformSource) {
    this.greedy = settings.temperature === 0
    this.takesBest = this.greedy && !adjusts(settings)
    this.uniform = uniform
    this.#settings = settings
  }

  distribution(logits: Float32Array, prefix: readonly TokenId[]): Float32Array {
    const row = adjustLogits(logits, prefix, this.#settings)
    const probs = new Float32Array(row.length)
    if (this.greedy) {
      probs[likeliest(row)] = 1
      return probs
    }
    const { ids, weights } = this.#chances(row)
    const total = sum(weights)
    for (let i = 0; i < ids.length; i++) probs[ids[i] as TokenId] = (weights[i] as number) / total
    return probs
  }

  draw(logits: Float32Array, prefix: readonly TokenId[], position: number): TokenId {
    const row = adjustLogits(logits, prefix, this.#settings)
    if (this.greedy) return likeliest(row)
    const { ids, weights } = this.#chances(row)
    return ids[drawIndex(weights, this.uniform(position, 'draw'))] as TokenId
  }

  /** The tokens that may be drawn, ascending, and their weights. */
  #chances(row: Float32Array): { ids: Int32Array; weights: Float64Array } {
    if (this.#everyId.length !== row.length) this.#everyId = Int32Array.from(row.keys())
    const { ids, logits } = cut({ ids: this.#everyId, logits: row }, this.#settings)
    return { ids, weights: weightsOf(logits, this.#settings.temperature) }
  }
}

/** Arg-max of a row that has one. */
function likeliest(row: Float32Array): TokenId {
  const token = argMax(row)
  if ((row[token] ?? -Infinity) > -Infinity) return token
  throw new UsageError(
    'bad-option',
    'expected a token that may be chosen, got none with a finite logit; check logitBias',
  )
}
