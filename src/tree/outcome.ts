/** What a round's outcome says, in tokens. */
import type { RoundOutcome, TokenId } from './types.ts'

/** Tokens that the round added to the text, in order: the accepted path, then the target's own. */
export function emittedTokens(outcome: Pick<RoundOutcome, 'tree' | 'accepted' | 'next'>): TokenId[] {
  return [...outcome.accepted.map((node) => outcome.tree.tokens[node] as TokenId), outcome.next]
}
