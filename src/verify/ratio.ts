/**
 * Rejection sampling of a chain (Leviathan et al., arXiv 2211.17192; Chen et al., arXiv 2302.01318): a token x that the
 * draft drew from q is accepted with probability min(1, p(x) / q(x)); the first rejected one is replaced by a draw from
 * the normalised excess of p over q. The text has the target's law and, for a sampled draft, more is accepted than by
 * the walk; but it is not the text that plain decoding gives with the same seed.
 *
 * Its random numbers are those of (seed, position, purpose), each used at most once per text. The draft's own draws must
 * be independent of them and fresh in every round, also for a position that was drafted before: whoever draws the draft
 * keeps a generator of its own. q must be the law that the token was really drawn from, temperature and cuts included.
 * Exact up to the rounding of p and q to float32.
 */
import { assert } from '../util/assert.ts'
import { drawIndex } from '../sample/index.ts'
import type { Sampler } from '../sample/index.ts'
import type { NodeId, Sampled, TokenId } from '../tree/index.ts'
import type { Verdict, Verifier } from './types.ts'

/** Judges chains only: trees need other rules, because siblings share one chance. */
export const chainRejection: Verifier<Sampled> = {
  name: 'chain-rejection',
  lossless: true,
  verify(proposal, scores, sampler, prefix): Verdict {
    const text = prefix.slice()
    const accepted: NodeId[] = []
    for (let node: NodeId = 0; ;) {
      const [child, sibling] = proposal.tree.children(node)
      assert(sibling === undefined, `chain rejection judges chains, and node ${node} has several children`)
      const logits = scores.logits(node)
      if (child === undefined) return { accepted, next: sampler.draw(logits, text, text.length), from: 'bonus' }
      const target = sampler.distribution(logits, text)
      const draft = proposal.draftProbs(node)
      const token = proposal.tree.tokens[child] as TokenId
      // Strict, and without division: a token that the target never takes is refused even when the random number is 0.
      if (sampler.uniform(text.length, 'accept') * at(draft, token) >= at(target, token))
        return { accepted, next: recover(target, draft, sampler, text.length), from: 'recovered' }
      accepted.push(child)
      text.push(token)
      node = child
    }
  },
}

/** A draw from max(0, p - q), normalised. */
function recover(target: Float32Array, draft: Float32Array, sampler: Sampler, position: number): TokenId {
  const excess = Float64Array.from(target, (p, token) => Math.max(0, p - at(draft, token)))
  // Without any excess p equals q but for rounding: then the excess is p itself.
  const weights = excess.some((value) => value > 0) ? excess : target
  return drawIndex(weights, sampler.uniform(position, 'recover'))
}

/** A draft vocabulary may be shorter than the target's: it gives the rest no probability. */
function at(probs: Float32Array, token: TokenId): number {
  return probs[token] ?? 0
}
