/** The picture of one round's tree: what stands where. From left to right as text is read; what was emitted on the top line. */
import type { Origin, Pieces, Round } from '../types.ts'
import { depthsOf } from './figures.ts'
import { originOf, visiblePiece } from './tokens.ts'

/** What became of a node. `own`: the token that the target added. */
export type NodeState = 'root' | 'accepted' | 'rejected' | 'pruned' | 'own'

/** A node in its place. */
export interface TreeNode {
  readonly id: number
  /** -1 for the root. */
  readonly parent: number
  readonly depth: number
  readonly text: string
  readonly token: number
  readonly state: NodeState
  readonly origin: Origin
  /** The drafter's estimate after its parent; undefined where there is none. */
  readonly chance: number | undefined
  /** Line, from the top. */
  readonly row: number
  readonly children: readonly number[]
}

/** A laid-out tree; nodes by id. */
export interface TreeLayout {
  readonly nodes: readonly TreeNode[]
  readonly rows: number
  readonly columns: number
}

/** Lays out a round. Without `withPruned` only what was verified, and the target's own token. */
export function layoutTree(round: Round, pieces: Pieces, withPruned: boolean): TreeLayout {
  const drafts = draftsOf(round, withPruned)
  const depths = depthsOf(drafts.map(({ parent }) => parent))
  const children: number[][] = drafts.map(() => [])
  drafts.forEach(({ parent }, id) => children[parent]?.push(id))
  const rank = (id: number): number => order[drafts[id]?.state ?? 'pruned'] - (drafts[id]?.chance ?? 0)
  for (const list of children) list.sort((a, b) => rank(a) - rank(b))
  const rows = rowsOf(children)
  const nodes = drafts.map((draft, id) => ({
    ...draft,
    id,
    depth: depths[id] ?? 0,
    text: visiblePiece(pieces.get(draft.token), draft.token),
    row: rows[id] ?? 0,
    children: children[id] ?? [],
  }))
  return { nodes, rows: Math.max(0, ...rows) + 1, columns: Math.max(0, ...depths) + 1 }
}

// ---------------------------------------------------------------------------------------------------------------

type Draft = Pick<TreeNode, 'parent' | 'token' | 'state' | 'origin' | 'chance'>

/** Siblings: emitted ones first, then verified ones, each by confidence. */
const order: Readonly<Record<NodeState, number>> = { root: 0, accepted: 0, own: 2, rejected: 4, pruned: 6 }

function draftsOf(round: Round, withPruned: boolean): Draft[] {
  const { tree, pruned, emitted, sourceNames = [] } = round
  const accepted = new Set(tree.acceptedPath)
  const drafts: Draft[] = tree.tokens.map((token, id) => ({
    parent: tree.parents[id] ?? -1,
    token,
    state: id === 0 ? 'root' : accepted.has(id) ? 'accepted' : 'rejected',
    origin: originOf(round, id === 0 ? undefined : id),
    chance: id === 0 ? undefined : Math.exp(tree.logProbs[id] ?? 0),
  }))
  if (withPruned && pruned) {
    pruned.tokens.forEach((token, index) => {
      const origin = sourceNames[pruned.sources[index] ?? 0] ?? 'draft'
      const chance = Math.exp(pruned.logProbs[index] ?? 0)
      drafts.push({ parent: pruned.parents[index] ?? 0, token, state: 'pruned', origin, chance })
    })
  }
  // An answer that ended inside the accepted path has no token of the target's own.
  const own = emitted[tree.acceptedPath.length]
  if (own !== undefined) {
    drafts.push({
      parent: tree.acceptedPath.at(-1) ?? 0,
      token: own,
      state: 'own',
      origin: 'target',
      chance: undefined,
    })
  }
  return drafts
}

/**
 * Columns fill from the top down, in the order of their parents, so that no branch crosses another; a node stands on its parent's line
 * or below it. So the tree is as low as its longest column lets it be, and paths are straight where nothing is in their way.
 */
function rowsOf(children: readonly (readonly number[])[]): number[] {
  const rows = children.map(() => 0)
  for (let level: readonly number[] = children.length > 0 ? [0] : []; level.length > 0;) {
    let free = 0
    const next: number[] = []
    for (const parent of level) {
      for (const child of children[parent] ?? []) {
        rows[child] = Math.max(free, rows[parent] ?? 0)
        free = (rows[child] ?? 0) + 1
        next.push(child)
      }
    }
    level = next
  }
  return rows
}
