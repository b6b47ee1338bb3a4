/** What a recording keeps of a drafter's tree: all levels of it, and what was believed of its nodes when. */
import { defined } from '../../util/assert.ts'
import type { Budget, BudgetPolicy, LevelReport } from '../../policy/index.ts'
import type { NodeId, TokenTree } from '../../tree/index.ts'
import type { RecordedLevel, RecordedPlace } from './types.ts'

/** A policy that wants everything and writes down what it was shown. */
export class Witness implements BudgetPolicy {
  readonly name = 'witness'
  readonly levels: RecordedLevel[] = []
  /** Nodes as they were when they were added. */
  readonly tree: { tokens: number[]; parents: number[]; logProbs: number[]; sources: number[] } = {
    tokens: [],
    parents: [],
    logProbs: [],
    sources: [],
  }
  /** What was believed of each node when it was seen last. */
  readonly #logProbs: number[] = []
  readonly #sources: number[] = []

  plan(): never {
    throw new Error('internal: a witness plans nothing')
  }

  revise(level: LevelReport, budget: Budget): Budget {
    const { depth, frontier, tree } = level
    const expanded = this.levels.at(-1)?.frontier ?? [0]
    const restated = this.#see(tree)
    if (frontier.length === 0 && depth <= (this.levels.at(-1)?.depth ?? depth)) return budget
    const told = depth > 0 ? expanded.flatMap((node) => toldApart(level, node)) : []
    this.levels.push({
      depth,
      frontier: [...frontier],
      topProbs: frontier.map((node) => Array.from(level.topProbs(node).subarray(0, 4), sixDigits)),
      ...(depth === 0 ? { nodes: tree.size } : {}),
      ...(restated.length > 0 ? { restated } : {}),
      ...(told.length > 0 ? { told } : {}),
    })
    return budget
  }

  observe(): void {
    return
  }

  /** Takes in new nodes; returns those of which something else is believed now. */
  #see(tree: TokenTree): [NodeId, number, number][] {
    const restated: [NodeId, number, number][] = []
    const { logProbs, sources } = tree
    const known = this.#logProbs.length
    for (let node = 0; node < tree.size; node++) {
      const [logProb, source] = [sixDigits(defined(logProbs[node])), defined(sources[node])]
      if (node >= known) {
        this.tree.tokens.push(defined(tree.tokens[node]))
        this.tree.parents.push(defined(tree.parents[node]))
        this.tree.logProbs.push(logProb)
        this.tree.sources.push(source)
      } else if (logProb !== this.#logProbs[node] || source !== this.#sources[node]) {
        restated.push([node, logProb, source])
      }
      this.#logProbs[node] = logProb
      this.#sources[node] = source
    }
    return restated
  }
}

/** A tree as a recording holds it. */
export function plainTree(tree: TokenTree): RecordedPlace['tree'] {
  return {
    tokens: [...tree.tokens],
    parents: [...tree.parents],
    logProbs: Array.from(tree.logProbs, sixDigits),
    sources: [...tree.sources],
  }
}

/** Enough to keep the order of nodes that are not as good as equal. */
export function sixDigits(value: number): number {
  return Number(value.toPrecision(6))
}

// ---------------------------------------------------------------------------------------------------------------

/** Probabilities kept of one node. */
const TOLD = 10
/** Of its best child, relatively: rounding to float logarithms and back is less. */
const SAME = 1e-4

/** The draft's probabilities after a node, unless those of the children tell them. */
function toldApart(level: LevelReport, node: NodeId): [NodeId, number[]][] {
  const { tree } = level
  const probs = Array.from(level.topProbs(node).subarray(0, TOLD), sixDigits)
  const children = tree.children(node).map((child) => Math.exp(defined(tree.logProbs[child])))
  const same = children.every((chance, i) => Math.abs(chance - (probs[i] ?? 0)) <= SAME * chance)
  return probs.length === 0 || same ? [] : [[node, probs]]
}
