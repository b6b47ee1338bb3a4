/** Sampling under a constraint: tokens that may not come have no chance, before anything else is done with the logits. */
import type { TokenId } from '../tree/index.ts'
import type { Constraint, Sampler, UniformSource } from './types.ts'

/** A sampler that draws from what `constraint` leaves. */
export class ConstrainedSampler implements Sampler {
  readonly greedy: boolean
  /** The row is needed where its best token may not come. */
  readonly takesBest = false
  readonly uniform: UniformSource
  readonly #sampler: Sampler
  readonly #constraint: Constraint
  /** [vocab] used again for every draw. */
  #row = new Float32Array(0)

  constructor(sampler: Sampler, constraint: Constraint) {
    this.#sampler = sampler
    this.#constraint = constraint
    this.greedy = sampler.greedy
    this.uniform = sampler.uniform
  }

  distribution(logits: Float32Array, prefix: readonly TokenId[]): Float32Array {
    return this.#sampler.distribution(this.#masked(logits, prefix), prefix)
  }

  draw(logits: Float32Array, prefix: readonly TokenId[], position: number): TokenId {
    if (this.greedy) {
      // The best of all tokens, if it may come, is the best of those that may: no mask is needed.
      const best = this.#sampler.draw(logits, prefix, position)
      if (this.#constraint.allows(prefix, best)) return best
    }
    return this.#sampler.draw(this.#masked(logits, prefix), prefix, position)
  }

  /** [vocab] `logits`, -Infinity where the token may not come. */
  #masked(logits: Float32Array, prefix: readonly TokenId[]): Float32Array {
    const mask = this.#constraint.allowed(prefix)
    if (this.#row.length !== logits.length) this.#row = new Float32Array(logits.length)
    const row = this.#row.fill(-Infinity)
    for (let word = 0; word < mask.length; word++) {
      const bits = mask[word] as number
      if (bits === 0) continue
      const first = 32 * word
      const last = Math.min(first + 32, logits.length)
      if (bits === -1) row.set(logits.subarray(first, last), first)
      else for (let id = first; id < last; id++) if ((bits >>> (id & 31)) & 1) row[id] = logits[id] as number
    }
    return row
  }
}
