/** What a pass and a round say, in tokens. */
import { topK, type TopK } from '../util/topk.ts'
import type { NodeId, RoundOutcome, Scores, TokenId } from './types.ts'

/** Tokens that the round added to the text, in order: the accepted path, then the target's own. */
export function emittedTokens(outcome: Pick<RoundOutcome, 'tree' | 'accepted' | 'next'>): TokenId[] {
  return [...outcome.accepted.map((node) => outcome.tree.tokens[node] as TokenId), outcome.next]
}

/** The `count` best tokens after `node`, best first; the whole row is fetched only where the model cannot do without. */
export function bestTokens(scores: Scores, node: NodeId, count: number): TopK {
  return scores.top?.(node, count) ?? topK(scores.logits(node), count)
}
