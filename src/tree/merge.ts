/**
 * Several drafts below the same root as one tree: equal paths become one node. Estimates of different drafters are
 * not independent evidence, so they are not added: the larger one wins, and with it its source.
 */
import { assert } from '../util/assert.ts'
import { createTree } from './tree.ts'
import type { NodeId, TokenId, TokenTree } from './types.ts'

/**
 * The union of `trees` (at least one, all with the same root token). Nodes keep the order of their first appearance.
 * `sourceOffsets[i]` is added to the sources of tree `i`, so that drafters with lists of their own can share one list; default 0.
 */
export function mergeTrees(trees: readonly TokenTree[], sourceOffsets: readonly number[] = []): TokenTree {
  const root = trees[0]?.tokens[0]
  assert(root !== undefined, 'a merge needs at least one tree')
  const nodes: MergedNode[] = [{ parent: -1, token: root, logProb: 0, source: 0, children: new Map() }]
  trees.forEach((tree, i) => {
    assert(tree.tokens[0] === root, `trees to merge share their root, got ${root} and ${String(tree.tokens[0])}`)
    addTree(nodes, tree, sourceOffsets[i] ?? 0)
  })
  const merged = createTree(root)
  for (const { parent, token, logProb, source } of nodes.slice(1)) merged.add(parent, token, logProb, source)
  return merged
}

interface MergedNode {
  readonly parent: NodeId
  readonly token: TokenId
  logProb: number
  source: number
  readonly children: Map<TokenId, NodeId>
}

function addTree(nodes: MergedNode[], tree: TokenTree, sourceOffset: number): void {
  const { size, tokens, parents, logProbs, sources } = tree
  const newIds = new Int32Array(size)
  for (let node = 1; node < size; node++) {
    const parent = newIds[parents[node] as NodeId] as NodeId
    const token = tokens[node] as TokenId
    const logProb = logProbs[node] as number
    const source = (sources[node] as number) + sourceOffset
    const siblings = (nodes[parent] as MergedNode).children
    const known = siblings.get(token)
    if (known === undefined) {
      siblings.set(token, nodes.length)
      newIds[node] = nodes.length
      nodes.push({ parent, token, logProb, source, children: new Map() })
      continue
    }
    newIds[node] = known
    const twin = nodes[known] as MergedNode
    if (logProb > twin.logProb) Object.assign(twin, { logProb, source })
  }
}
