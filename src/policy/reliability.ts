/** What a memory foretells of single nodes, for checks: the chance of each node that the text judges, and whether it came true. */
import { createTree, type TokenId, type TokenTree } from '../tree/index.ts'
import { CalibratedAcceptance, isBestChild } from './heterospec-cost/acceptance.ts'
import { RoundBins, UNKNOWN_BIN } from './heterospec-cost/bins.ts'
import type { LevelReport, PolicyMemory } from './types.ts'

export interface JudgedNode {
  /** The drafter's own estimate, given the parent. */
  readonly own: number
  /** The calibrated chance, given the parent. */
  readonly predicted: number
  readonly accepted: boolean
}

/** The chances of one round's nodes by the curves of `heterospec-cost`, entropy bins among them, as they are in `memory`. */
export interface DraftJudge {
  /** What a level of the round brought, or the whole tree: entropies are told level by level. */
  see(level: LevelReport): void
  /** The nodes that `tokens`, the text behind the root, judges: children of the nodes that the text went through. */
  judge(tokens: Iterable<TokenId>): JudgedNode[]
}

/** A judge per round. Nothing is learned: `memory` stays as it is. */
export function draftJudges(memory: PolicyMemory): () => DraftJudge {
  const acceptance = new CalibratedAcceptance(memory.cost?.acceptance ?? [])
  return () => {
    const bins = new RoundBins()
    let tree: TokenTree = createTree(0)
    return {
      see(level) {
        tree = level.tree
        bins.of(level)
      },
      judge: (tokens) => judgeNodes(acceptance, tree, bins.latest, tokens),
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------

function judgeNodes(
  acceptance: CalibratedAcceptance,
  tree: TokenTree,
  bins: readonly number[],
  tokens: Iterable<TokenId>,
): JudgedNode[] {
  const judged: JudgedNode[] = []
  let node = 0
  for (const token of tokens) {
    for (const child of tree.children(node)) {
      const own = Math.exp(tree.logProbs[child] as number)
      const [source, depth] = [tree.sources[child] as number, tree.depths[child] as number]
      const kind = { source, depth, bin: bins[child] ?? UNKNOWN_BIN, best: isBestChild(tree, child) }
      const predicted = acceptance.calibrate(own, kind)
      judged.push({ own, predicted, accepted: tree.tokens[child] === token })
    }
    node = tree.child(node, token)
    if (node < 0) break
  }
  return judged
}
