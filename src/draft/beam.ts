/**
 * EAGLE-2's expansion (arXiv 2406.16858) as its official code does it: every expanded node gets its likeliest children, all
 * of which stay in the pool; the `width` best of the newest by path probability are expanded next, the best first. So ids of
 * nodes are places in the official pool, and ties go to the smaller one.
 *
 * Departure: tokens without any probability are left out; the official code keeps them with a score of minus infinity.
 */
import type { NodeId, TokenTree } from '../tree/index.ts'
import type { HeadGuess } from '../model/index.ts'
import type { LevelReport } from '../policy/index.ts'

const noProbs = new Float32Array(0)

export class Beam {
  readonly #tree: TokenTree
  /** By node; summed in float32, as `bestNodes` does it. */
  readonly #scores: number[] = [0]
  readonly #topProbs = new Map<NodeId, Float32Array>()

  constructor(tree: TokenTree) {
    this.#tree = tree
  }

  /** One level: `guesses` say what may follow each node of `frontier`. */
  grow(frontier: readonly NodeId[], guesses: readonly HeadGuess[], width: number): LevelReport {
    const children = frontier.flatMap((node, i) => this.#addChildren(node, guesses[i] as HeadGuess, width))
    const score = (node: NodeId): number => this.#scores[node] as number
    const best = [...children].sort((a, b) => score(b) - score(a) || a - b).slice(0, width)
    return {
      tree: this.#tree,
      depth: (this.#tree.depths[frontier[0] as NodeId] as number) + 1,
      frontier: best,
      topProbs: (node) => this.#topProbs.get(node) ?? noProbs,
    }
  }

  #addChildren(parent: NodeId, { tokens, probs }: HeadGuess, width: number): NodeId[] {
    this.#topProbs.set(parent, probs)
    const added: NodeId[] = []
    for (let i = 0; i < Math.min(width, tokens.length); i++) {
      const logProb = Math.min(0, Math.fround(Math.log(probs[i] as number)))
      if (!(logProb > -Infinity)) break
      const node = this.#tree.add(parent, tokens[i] as number, logProb)
      this.#scores[node] = Math.fround((this.#scores[parent] as number) + logProb)
      added.push(node)
    }
    return added
  }
}
