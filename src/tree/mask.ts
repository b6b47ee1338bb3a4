/** Who sees whom in a tree: every node sees its ancestors and itself. The text before the root is the model's business. */
import { assert } from '../util/assert.ts'
import type { NodeId, TokenTree } from './types.ts'

/** True when `ancestor` lies on the path from the root to `node`, both ends included. */
export function isAncestor(tree: TokenTree, ancestor: NodeId, node: NodeId): boolean {
  const parents = tree.parents
  let at = node
  while (at > ancestor) at = parents[at] as NodeId
  return at === ancestor
}

/**
 * Writes the ancestor mask [size, stride] row by row: `mask[i * stride + j]` is 1 where node `i` sees node `j`, else 0.
 * Columns from `size` to `stride` stay as they are.
 */
export function writeMask(tree: TokenTree, mask: Uint8Array, stride: number): void {
  const { size, parents } = tree
  assert(stride >= size, `a mask of ${size} nodes needs rows of at least ${size}, got ${stride}`)
  assert(
    mask.length >= (size - 1) * stride + size,
    `a mask of ${size} rows of ${stride} does not fit ${mask.length} bytes`,
  )
  for (let node = 0; node < size; node++) {
    const row = node * stride
    const parent = parents[node] as NodeId
    mask.fill(0, row, row + size)
    if (parent >= 0) mask.copyWithin(row, parent * stride, parent * stride + parent + 1)
    mask[row + node] = 1
  }
}
