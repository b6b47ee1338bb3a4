/**
 * Learning from what the target emitted. Along the emitted text every guess that a drafter made has a verdict, also the
 * guesses that the budget pruned before they were scored: a drafter learns from its whole tree, not from the scored part.
 */
import { emittedTokens, type NodeId, type RoundOutcome, type TokenId, type TokenTree } from '../tree/index.ts'
import type { Growth } from './best-first.ts'
import type { AcceptanceRates } from './rates.ts'

/** Counts what came true of a grown tree, by the mark of each node. */
export function judgeGrowth({ tree, marks }: Growth, outcome: RoundOutcome, rates: AcceptanceRates): void {
  judgeTree(tree, emittedTokens(outcome), (node, right) => rates.observe(marks[node] as number, right))
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
