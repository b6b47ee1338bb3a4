/**
 * What a level would bring before it is drafted: the chances of the children that a node of a kind turned out to have. The
 * kind is the drafter's estimate of the node itself and its entropy bin: sure stretches of text go on for a while. It learns from
 * every drafted level, verified or not.
 *
 * Two cases are kept apart, children better and worse than usual. A level is often worth its price for the better case alone, in
 * which drafting goes on, while the worse one costs no more than the level: their mean would hide that.
 */
import type { CostMemory } from '../types.ts'
import { BINS } from './bins.ts'

/** Children of a node that are foreseen; the others bring next to nothing. */
export const FORESEEN = 4

/** The children that a node may turn out to have: chances once it is accepted, best first. */
export interface Prospects {
  /** How likely the better case is. */
  readonly share: number
  readonly better: readonly number[]
  readonly worse: readonly number[]
}

/** Lower ends of the classes of a node's own estimate but the first. */
const CLASSES = [0.1, 0.3, 0.6, 0.85, 0.95]
const KINDS = (CLASSES.length + 1) * (BINS + 1)
/** What is expected of a drafter that nobody knows. */
const START: Prospects = { share: 0.5, better: [0.8, 0.08, 0.04, 0.02], worse: [0.3, 0.12, 0.06, 0.04] }
/** Nodes' worth of trust in the start, and of a kind in what is known of all. */
const PRIOR = 6
/** Each node lets the older ones of its kind fade by this factor. */
const FADE = 0.99

export class Outlook {
  /** Two cells per kind, the better case first; those of all kinds at the end. */
  readonly #cells: CostMemory['outlook']
  /** What a node leaves of the older ones of its kind. */
  readonly #fade: number
  /** By kind; they hold for a level. */
  readonly #known = new Map<number, Prospects>()

  /** `cells` may be shared with other requests. With `lasting` older nodes do not fade. */
  constructor(cells: CostMemory['outlook'], lasting = false) {
    this.#cells = cells
    this.#fade = lasting ? 1 : FADE
    while (cells.weights.length < 2 * (KINDS + 1)) {
      cells.weights.push(0)
      cells.chances.push(Array<number>(FORESEEN).fill(0))
    }
  }

  /**
   * Of a node that the drafter gave `prob`, in `bin`. Kinds that are hardly known lean on what is known of all, and on the chance of
   * the round's `first` child: without that, a drafter whose second level nobody ever bought would never be found out to have a
   * good one.
   */
  of(prob: number, bin: number, first: number): Prospects {
    const kind = kindOf(prob, bin)
    let prospects = this.#known.get(kind)
    if (prospects === undefined) {
      const all = this.#prospects(KINDS, START)
      const share = (all.share + (first >= usual(all) ? 1 : 0)) / 2
      prospects = this.#prospects(kind, { ...all, share })
      this.#known.set(kind, prospects)
    }
    return prospects
  }

  /** Of a node of which nothing is known: the root. */
  ofAny(): Prospects {
    return this.#prospects(KINDS, START)
  }

  /** A node with the estimate `prob` in `bin` was expanded: its children's chances, calibrated, best first. */
  observe(prob: number, bin: number, chances: readonly number[]): void {
    this.#count(kindOf(prob, bin), chances)
    this.observeFirst(chances)
  }

  /** The root was expanded. */
  observeFirst(chances: readonly number[]): void {
    this.#count(KINDS, chances)
    this.#known.clear()
  }

  #prospects(kind: number, prior: Prospects): Prospects {
    const [better, worse] = [this.#weight(2 * kind), this.#weight(2 * kind + 1)]
    return {
      share: (better + PRIOR * prior.share) / (better + worse + PRIOR),
      better: this.#mean(2 * kind, prior.better),
      worse: this.#mean(2 * kind + 1, prior.worse),
    }
  }

  #weight(cell: number): number {
    return this.#cells.weights[cell] as number
  }

  #mean(cell: number, prior: readonly number[]): number[] {
    const sums = this.#cells.chances[cell] as number[]
    return prior.map((chance, i) => ((sums[i] as number) + PRIOR * chance) / (this.#weight(cell) + PRIOR))
  }

  /** The best child's chance in the mean of both cases. */
  #usualOf(kind: number): number {
    const [better, worse] = this.#cells.chances.slice(2 * kind, 2 * kind + 2) as [number[], number[]]
    const weight = this.#weight(2 * kind) + this.#weight(2 * kind + 1)
    return ((better[0] as number) + (worse[0] as number) + PRIOR * usual(START)) / (weight + PRIOR)
  }

  #count(kind: number, chances: readonly number[]): void {
    const { weights, chances: cells } = this.#cells
    const worse = (chances[0] ?? 0) < this.#usualOf(kind) ? 1 : 0
    for (let side = 0; side < 2; side++) {
      const cell = 2 * kind + side
      const counts = side === worse ? 1 : 0
      weights[cell] = this.#weight(cell) * this.#fade + counts
      const sums = cells[cell] as number[]
      for (let i = 0; i < FORESEEN; i++) sums[i] = (sums[i] as number) * this.#fade + counts * (chances[i] ?? 0)
    }
  }
}

/** A copy in which a kind weighs at most so many nodes: cells hold sums, so that means and the share of cases stay. */
export function capOutlook({ weights, chances }: CostMemory['outlook'], heaviest: number): CostMemory['outlook'] {
  const ofKind = (cell: number): number => (weights[cell] as number) + (weights[cell ^ 1] as number)
  const factors = weights.map((_, cell) => Math.min(1, heaviest / ofKind(cell)))
  return {
    weights: weights.map((weight, cell) => weight * (factors[cell] as number)),
    chances: chances.map((sums, cell) => sums.map((sum) => sum * (factors[cell] as number))),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** The best child's chance in the mean of both cases. */
function usual({ share, better, worse }: Prospects): number {
  return share * (better[0] as number) + (1 - share) * (worse[0] as number)
}

function kindOf(prob: number, bin: number): number {
  let kind = 0
  while (kind < CLASSES.length && prob >= (CLASSES[kind] as number)) kind++
  return kind * (BINS + 1) + bin
}
