/**
 * Is another level worth its price, and how many nodes of the frontier shall it expand? The level that is not there yet is imagined with
 * the children that such nodes turned out to have; it is bought if the round, at its best number of nodes, then brings more
 * tokens per millisecond. Widths are compared from the likeliest node of the frontier on.
 */
import type { NodeId } from '../../tree/index.ts'
import { PassPrices, Ranked, rateOf, type Choice } from './choice.ts'

/** A node that may be expanded. */
export interface Twig {
  readonly node: NodeId
  /** Of its path. */
  readonly chance: number
  /** Of its children once it is accepted, best first. */
  readonly children: readonly number[]
}

/** Milliseconds of a level: of its pass, and of each node in it. */
export interface LevelPrice {
  readonly passMs: number
  readonly nodeMs: number
}

/** What was found about one more level. */
export interface LevelPlan {
  /** Nodes to expand; 0: the level does not pay. */
  readonly width: number
  /** Expected tokens per millisecond with the level, and without it. */
  readonly rate: number
  readonly stopRate: number
}

/**
 * Levels that are looked ahead when the next one does not pay by itself: rows that come free, and a price of verifying anything
 * at all, may make two or three levels pay where one does not.
 */
const AHEAD = 3

export class Growth {
  readonly #prices: PassPrices
  readonly #imagined: Ranked

  constructor(prices: PassPrices) {
    this.#prices = prices
    this.#imagined = new Ranked(prices.limit)
  }

  /** `twigs` likeliest first; `spentMs` went into the draft so far. */
  next(ranked: Ranked, twigs: readonly Twig[], spentMs: number, level: LevelPrice): LevelPlan {
    const stopRate = this.#rate(ranked, spentMs)
    const imagined = this.#imagined.copyOf(ranked)
    let [width, rate] = [0, 0]
    for (const [index, { chance, children }] of twigs.entries()) {
      if (!imagined.admits(chance * (children[0] ?? 0))) break
      for (const child of children) imagined.add(chance * child, -1)
      const withLevel = this.#rate(imagined, spentMs + level.passMs + (index + 1) * level.nodeMs)
      if (withLevel > rate) [width, rate] = [index + 1, withLevel]
    }
    if (rate <= stopRate && width > 0) rate = Math.max(rate, this.#ahead(ranked, twigs, width, spentMs, level))
    return { width: rate > stopRate ? width : 0, rate, stopRate }
  }

  /** The best rate with two and more levels of this width, supposing that children are like the frontier's. */
  #ahead(ranked: Ranked, twigs: readonly Twig[], width: number, spentMs: number, level: LevelPrice): number {
    const imagined = this.#imagined.copyOf(ranked)
    const levelMs = level.passMs + width * level.nodeMs
    let beam: readonly Pick<Twig, 'chance' | 'children'>[] = twigs.slice(0, width)
    let best = 0
    for (let levels = 1; levels <= AHEAD && beam.length > 0; levels++) {
      const grown = beam.flatMap(({ chance, children }) => children.map((own) => ({ chance: chance * own, children })))
      for (const { chance } of grown) imagined.add(chance, -1)
      best = Math.max(best, this.#rate(imagined, spentMs + levels * levelMs))
      beam = grown.sort((a, b) => b.chance - a.chance).slice(0, width)
    }
    return best
  }

  #rate(ranked: Ranked, spentMs: number): number {
    const best: Choice = this.#prices.best(ranked, spentMs)
    return rateOf(best, spentMs)
  }
}
