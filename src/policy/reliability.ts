/** What a memory foretells of single nodes, for checks: the chance of each node that the text judges, and whether it came true. */
import type { TokenId, TokenTree } from '../tree/index.ts'
import { Acceptance } from './acceptance.ts'
import type { PolicyMemory } from './types.ts'

export interface JudgedNode {
  /** The drafter's own estimate, given the parent. */
  readonly own: number
  /** The calibrated chance, given the parent. */
  readonly predicted: number
  readonly accepted: boolean
}

/** The nodes of `tree` that `tokens`, the text behind its root, judges: children of the nodes that the text went through. */
export function judgeNodes(memory: PolicyMemory, tree: TokenTree, tokens: Iterable<TokenId>): JudgedNode[] {
  const acceptance = new Acceptance(memory.acceptance)
  const judged: JudgedNode[] = []
  let node = 0
  for (const token of tokens) {
    for (const child of tree.children(node)) {
      const own = Math.exp(tree.logProbs[child] as number)
      const predicted = acceptance.calibrate(own, tree.depths[child] as number, tree.sources[child])
      judged.push({ own, predicted, accepted: tree.tokens[child] === token })
    }
    node = tree.child(node, token)
    if (node < 0) break
  }
  return judged
}
