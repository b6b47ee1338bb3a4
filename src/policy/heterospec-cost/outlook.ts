/**
 * What a level would bring before it is drafted: the chances of the children that a node of a kind turned out to have. The
 * kind is the drafter's estimate of the node itself and its entropy bin: sure stretches of text go on for a while. It learns from
 * every drafted level, verified or not.
 */
import type { CostMemory } from '../types.ts'
import { BINS } from './bins.ts'

/** Children of a node that are foreseen; the others bring next to nothing. */
export const FORESEEN = 4
/** Lower ends of the classes of a node's own estimate but the first. */
const CLASSES = [0.1, 0.3, 0.6, 0.85, 0.95]
const KINDS = (CLASSES.length + 1) * (BINS + 1)
/** The last cell holds the means of all kinds. */
const CELLS = KINDS + 1
/** What is expected of a drafter that nobody knows: one child in two, and little more. */
const START = [0.5, 0.12, 0.06, 0.03]
/** Nodes' worth of trust in the start, and of a kind in the mean of all. */
const PRIOR = 6
/** Each node lets the older ones of its kind fade by this factor. */
const FADE = 0.99

export class Outlook {
  readonly #cells: CostMemory['outlook']

  /** `cells` may be shared with other requests. */
  constructor(cells: CostMemory['outlook']) {
    this.#cells = cells
    while (cells.weights.length < CELLS) {
      cells.weights.push(0)
      cells.chances.push(Array<number>(FORESEEN).fill(0))
    }
  }

  /**
   * Chances of the best children of a node that the drafter gave `prob`, in `bin`; best first. Kinds that are hardly known lean on the
   * mean of all and on the round's own `first` level: without that, a drafter whose second level nobody ever bought would
   * never be found out to have a good one.
   */
  children(prob: number, bin: number, first: readonly number[]): readonly number[] {
    const all = this.#mean(CELLS - 1, START)
    const prior = all.map((chance, i) => (chance + (first[i] ?? 0)) / 2)
    return this.#mean(kindOf(prob, bin), prior)
  }

  /** A node with the estimate `prob` in `bin` was expanded: its children's chances, calibrated, best first. */
  observe(prob: number, bin: number, chances: readonly number[]): void {
    this.#count(CELLS - 1, chances)
    this.#count(kindOf(prob, bin), chances)
  }

  /** The root was expanded. */
  observeFirst(chances: readonly number[]): void {
    this.#count(CELLS - 1, chances)
  }

  #mean(cell: number, prior: readonly number[]): number[] {
    const weight = this.#cells.weights[cell] as number
    const sums = this.#cells.chances[cell] as number[]
    return prior.map((chance, i) => ((sums[i] as number) + PRIOR * chance) / (weight + PRIOR))
  }

  #count(cell: number, chances: readonly number[]): void {
    const { weights, chances: cells } = this.#cells
    weights[cell] = (weights[cell] as number) * FADE + 1
    const sums = cells[cell] as number[]
    for (let i = 0; i < FORESEEN; i++) sums[i] = (sums[i] as number) * FADE + (chances[i] ?? 0)
  }
}

function kindOf(prob: number, bin: number): number {
  let kind = 0
  while (kind < CLASSES.length && prob >= (CLASSES[kind] as number)) kind++
  return kind * (BINS + 1) + bin + 1
}
