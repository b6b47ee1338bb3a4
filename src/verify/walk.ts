/**
 * The walk: exact for any tree, however it was drafted. Draw the target's own token at the root; while a child of the
 * current node carries the drawn token, step there and draw again; the first token without a child ends the round.
 *
 * Every emitted token is one draw of the real sampler after its real prefix, with the random number of its position:
 * what plain decoding would draw. So the text is the same token by token, not only in distribution.
 * It reads no draft probabilities; for drafts drawn by chance, ratio rules (`ratio.ts`) accept more.
 * (EAGLE's acceptance loop, arXiv 2401.15077, has the same law, but spends a random number on every child.)
 */
import type { Sampler } from '../sample/index.ts'
import { bestTokens, type NodeId, type Scores, type TokenId } from '../tree/index.ts'
import type { Verdict, Verifier } from './types.ts'

export const walk: Verifier = {
  name: 'walk',
  lossless: true,
  verify({ tree }, scores, sampler, prefix): Verdict {
    const text = prefix.slice()
    const accepted: NodeId[] = []
    for (let node: NodeId = 0; ;) {
      const next = bestOf(node, scores, sampler) ?? sampler.draw(scores.logits(node), text, text.length)
      const child = tree.child(node, next)
      if (child < 0) return { accepted, next, from: tree.children(node).length === 0 ? 'bonus' : 'recovered' }
      accepted.push(child)
      text.push(next)
      node = child
    }
  },
}

/** The target's best token, if the sampler wants no more; the row itself need not be fetched for it. */
function bestOf(node: NodeId, scores: Scores, sampler: Sampler): TokenId | undefined {
  if (!sampler.takesBest) return undefined
  const { ids, values } = bestTokens(scores, node, 1)
  // A row without a finite logit is the sampler's to complain about.
  return (values[0] ?? -Infinity) > -Infinity ? ids[0] : undefined
}
