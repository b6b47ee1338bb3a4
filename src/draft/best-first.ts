/**
 * Grows a tree best first: the candidate with the highest estimated chance of acceptance joins next. A child is never
 * likelier than its parent, so the nodes come in falling order and every prefix of them is the best tree of its size.
 * Knows nothing of where candidates come from; methods give an `expand` function over states of their own.
 */
import { createTree, type TokenId, type TokenTree } from '../tree/index.ts'
import type { Budget } from '../policy/index.ts'

export interface Candidate<State> {
  readonly token: TokenId
  /** Estimated chance of acceptance, given that its parent was accepted; above 0, at most 1. */
  readonly probability: number
  /** What `expand` needs to go on below this candidate. */
  readonly state: State
  /** The method's own mark, returned with the node (the bin to learn in). */
  readonly mark: number
  /** Index into the drafter's sources. */
  readonly source?: number
}

export interface Growth {
  readonly tree: TokenTree
  /** [size] the candidates' marks; -1 for the root. */
  readonly marks: readonly number[]
}

/** Children of a node, likeliest first; tokens must differ. `depth` is the node's, 0 for the root. */
export type Expand<State> = (state: State, depth: number) => readonly Candidate<State>[]

/** The best tree of at most `budget.nodes` nodes, `budget.depth` levels and `budget.width` children per node, none less likely than `budget.least`. */
export function growBestFirst<State>(root: TokenId, state: State, budget: Budget, expand: Expand<State>): Growth {
  const tree = createTree(root)
  const marks = [-1]
  const queue: Waiting<State>[] = []
  const enqueue = (parent: number, from: State, pathLogProb: number): void => {
    const depth = tree.depths[parent] as number
    if (depth >= budget.depth) return
    const children = expand(from, depth).slice(0, budget.width)
    // Siblings exclude one another: estimates that sum to more than certainty are scaled down together.
    const total = Math.max(
      1,
      children.reduce((sum, child) => sum + child.probability, 0),
    )
    for (const candidate of children) {
      const logProb = Math.log(candidate.probability / total)
      queue.push({ parent, candidate, logProb, pathLogProb: pathLogProb + logProb })
    }
  }
  const least = Math.log(budget.least ?? 0)
  enqueue(0, state, 0)
  while (tree.size <= budget.nodes) {
    const best = takeBest(queue)
    // All that waits is less likely still.
    if (best === undefined || best.pathLogProb < least) break
    const { candidate, logProb } = best
    const node = tree.add(best.parent, candidate.token, logProb, candidate.source ?? 0)
    marks.push(candidate.mark)
    if (tree.size <= budget.nodes) enqueue(node, candidate.state, best.pathLogProb)
  }
  return { tree, marks }
}

// ---------------------------------------------------------------------------------------------------------------

interface Waiting<State> {
  readonly parent: number
  readonly candidate: Candidate<State>
  readonly logProb: number
  readonly pathLogProb: number
}

/** Removes the likeliest; ties go to the one that waits longest. A scan: queues hold a few hundred entries at most. */
function takeBest<State>(queue: Waiting<State>[]): Waiting<State> | undefined {
  let best = 0
  for (let i = 1; i < queue.length; i++) {
    if ((queue[i] as Waiting<State>).pathLogProb > (queue[best] as Waiting<State>).pathLogProb) best = i
  }
  return queue.splice(best, 1)[0]
}
