/**
 * Learning from what the target emitted. Along the emitted text every guess that a drafter made has a verdict, also the
 * guesses that the budget pruned before they were scored: a drafter learns from its whole tree, not from the scored part.
 */
import type { NodeId, RoundOutcome, TokenId, TokenTree } from '../tree/index.ts'

/** Tokens that the round added to the text, in order: the accepted path, then the target's own. */
export function emittedTokens(outcome: RoundOutcome): TokenId[] {
  return [...outcome.accepted.map((node) => outcome.tree.tokens[node] as TokenId), outcome.next]
}

/**
 * Follows `emitted` down `tree` and calls `visit` once for every child on the way: was it the token that came?
 * Ends where the tree has no such child.
 */
export function judgeTree(
  tree: TokenTree,
  emitted: readonly TokenId[],
  visit: (node: NodeId, right: boolean) => void,
): void {
  let at = 0
  for (const token of emitted) {
    let next = -1
    for (const child of tree.children(at)) {
      const right = tree.tokens[child] === token
      visit(child, right)
      if (right) next = child
    }
    if (next < 0) return
    at = next
  }
}
