/**
 * Entropy bins that are learned while text is written: from a prior, refitted now and then on the newest rounds. What is
 * learned is plain data in the policy's memory, shared by sessions of one drafter and target.
 */
import type { BinMemory, PolicyMemory } from '../types.ts'
import { fitBins } from './bins.ts'
import type { SplitLoss } from './cart.ts'
import type { BinSample } from './samples.ts'

/** Newest rounds that are remembered: bins follow the kind of text. */
export const REMEMBERED = 512
/** Rounds between two fits. */
const REFIT_EVERY = 64

/**
 * The prior, in nats per step of the path: what distributions with a best token of 0.98, 0.95 and 0.9 have when the others
 * halve from one to the next. A drafter that is right as often as it believes then sees eight such steps through in 85, 66 and
 * 43 of 100 rounds.
 */
const PRIOR = [0.13, 0.27, 0.46]

/** The tree whose entropies are compared; those of another tree mean something else. */
export interface LearnedTree {
  readonly topK: number
  readonly depth: number
  readonly totalTokens: number
  readonly loss: SplitLoss
}

export class LearnedBins {
  readonly #memory: PolicyMemory
  readonly #tree: LearnedTree
  readonly #key: string

  constructor(memory: PolicyMemory, tree: LearnedTree) {
    this.#memory = memory
    this.#tree = tree
    this.#key = `${tree.topK}/${tree.depth}/${tree.totalTokens}/${tree.loss}`
  }

  /** Edges to go by now. */
  get edges(): readonly number[] {
    const { edges } = this.#own()
    // Levels below the first, and the first one.
    return edges.length > 0 ? edges : PRIOR.map((step) => step * (this.#tree.depth + 1))
  }

  /** Where the edges come from. */
  get basis(): string {
    const { edges, basis } = this.#own()
    return edges.length > 0 ? basis : 'prior'
  }

  learn(sample: BinSample): void {
    const own = this.#own()
    own.samples.push(sample)
    // Calibration fits once, at its end.
    if (this.#memory.lasting) return
    if (own.samples.length > REMEMBERED) own.samples.splice(0, own.samples.length - REMEMBERED)
    if (++own.sinceFit < REFIT_EVERY) return
    own.sinceFit = 0
    const bins = fitBins(own.samples, { loss: this.#tree.loss })
    // Rounds whose ranks are all alike split nowhere: what was known before is still the best guess.
    if (bins.edges.length === 0) return
    own.edges = [...bins.edges]
    own.basis = bins.basis
  }

  /** What this tree has learned; begins anew when sessions with another tree have used the memory meanwhile. */
  #own(): BinMemory {
    if (this.#memory.bins?.tree === this.#key) return this.#memory.bins
    return (this.#memory.bins = { tree: this.#key, samples: [], sinceFit: 0, edges: [], basis: 'none' })
  }
}
