/** A tree for people (indented text) and for files (plain JSON). No colours, no widths: that is the terminal's business. */
import type { NodeId, TokenId, TokenTree } from './types.ts'

/** A tree as plain arrays of `size` entries, for traces and replays. A log-probability of -Infinity becomes null in JSON. */
export interface TreeData {
  readonly tokens: readonly TokenId[]
  readonly parents: readonly NodeId[]
  readonly logProbs: readonly number[]
  readonly sources: readonly number[]
}

export interface RenderOptions {
  /** Nodes to mark with `*`: the accepted path. */
  readonly accepted?: readonly NodeId[] | undefined
  /** Names of sources; where given, each node tells its own. */
  readonly sources?: readonly string[] | undefined
}

/**
 * One line per node, depth first: branch, token text in quotes, the drafter's probability of the token, source, mark.
 *
 *     "The"
 *     ├─ " cat" 0.60 *
 *     │  └─ " sat" 0.25
 *     └─ " dog" 0.10
 */
export function renderTree(tree: TokenTree, text: (token: TokenId) => string, options: RenderOptions = {}): string {
  const { tokens, logProbs, sources } = tree
  const accepted = new Set(options.accepted)
  const label = (node: NodeId): string => {
    const quoted = JSON.stringify(text(tokens[node] as TokenId))
    if (node === 0) return quoted
    const source = options.sources?.[sources[node] as number]
    const parts = [quoted, Math.exp(logProbs[node] as number).toFixed(2), source, accepted.has(node) ? '*' : undefined]
    return parts.filter((part) => part !== undefined).join(' ')
  }
  const lines = [label(0)]
  // A stack instead of recursion: chains may be deep.
  const waiting = branches(tree, 0, '')
  for (let branch = waiting.pop(); branch !== undefined; branch = waiting.pop()) {
    lines.push(`${branch.indent}${branch.last ? '└─' : '├─'} ${label(branch.node)}`)
    waiting.push(...branches(tree, branch.node, branch.indent + (branch.last ? '   ' : '│  ')))
  }
  return lines.join('\n')
}

/** The tree's arrays as plain data. */
export function treeData(tree: TokenTree): TreeData {
  return {
    tokens: Array.from(tree.tokens),
    parents: Array.from(tree.parents),
    logProbs: Array.from(tree.logProbs),
    sources: Array.from(tree.sources),
  }
}

interface Branch {
  readonly node: NodeId
  readonly indent: string
  readonly last: boolean
}

/** The children of `node` in reverse, ready to be popped in order. */
function branches(tree: TokenTree, node: NodeId, indent: string): Branch[] {
  return tree
    .children(node)
    .reverse()
    .map((child, i) => ({ node: child, indent, last: i === 0 }))
}
