/**
 * Is another level worth its price, and how many nodes of the frontier shall it expand? The level that is not there yet is imagined with
 * the children that such nodes turned out to have, in a better and in a worse case; it is bought if the round, at its best
 * number of nodes, is then expected to bring more tokens per millisecond. Widths are compared from the likeliest node of the frontier on.
 */
import type { NodeId } from '../../tree/index.ts'
import { Ranked, rateOf, type PassPrices } from './choice.ts'
import type { Prospects } from './outlook.ts'

/** A node that may be expanded. */
export interface Twig {
  readonly node: NodeId
  /** Of its path. */
  readonly chance: number
  readonly prospects: Prospects
}

/** Milliseconds of a level: of its pass, of each node in it, and of what must be done once before. */
export interface LevelPrice {
  readonly passMs: number
  readonly nodeMs: number
  readonly onceMs: number
  /** Levels that may still come. */
  readonly left: number
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
 * Levels that are looked ahead when the next one does not pay by itself: the better case, rows that come free, and a price of
 * verifying anything at all may make several levels pay where one does not.
 */
const AHEAD = 12
/** Nodes that these levels expand at most: far ahead, chains and pairs are what pays. */
const NARROW = 2

export class Growth {
  readonly #prices: PassPrices
  readonly #better: Ranked
  readonly #worse: Ranked

  constructor(prices: PassPrices) {
    this.#prices = prices
    this.#better = new Ranked(prices.limit)
    this.#worse = new Ranked(prices.limit)
  }

  /** `twigs` likeliest first; `spentMs` went into the draft so far. */
  next(ranked: Ranked, twigs: readonly Twig[], spentMs: number, level: LevelPrice): LevelPlan {
    const stopRate = this.#rate(ranked, spentMs)
    const [better, worse] = [this.#better.copyOf(ranked), this.#worse.copyOf(ranked)]
    const share = twigs[0]?.prospects.share ?? 0
    let [width, rate] = [0, 0]
    for (const [index, { chance, prospects }] of twigs.entries()) {
      if (!better.admits(chance * (prospects.better[0] ?? 0))) break
      for (const child of prospects.better) better.add(chance * child, -1)
      for (const child of prospects.worse) worse.add(chance * child, -1)
      const spent = spentMs + level.onceMs + level.passMs + (index + 1) * level.nodeMs
      const withLevel = share * this.#rate(better, spent) + (1 - share) * (share < 1 ? this.#rate(worse, spent) : 0)
      if (withLevel > rate) [width, rate] = [index + 1, withLevel]
    }
    if (rate > stopRate || width === 0) return { width, rate, stopRate }
    const narrow = Math.min(width, NARROW)
    const ahead = this.#ahead(ranked, twigs, narrow, spentMs, level)
    return ahead > stopRate ? { width: narrow, rate: ahead, stopRate } : { width: 0, rate, stopRate }
  }

  /** The best rate with two levels and more of this width: in the worse case it ends after the first one. */
  #ahead(ranked: Ranked, twigs: readonly Twig[], width: number, spentMs: number, level: LevelPrice): number {
    const imagined = this.#better.copyOf(ranked)
    const levelMs = level.passMs + width * level.nodeMs
    const share = twigs[0]?.prospects.share ?? 0
    const begunMs = spentMs + level.onceMs
    const ends = (1 - share) * this.#rate(ranked, begunMs + levelMs)
    let beam: readonly Omit<Twig, 'node'>[] = twigs.slice(0, width)
    let best = 0
    for (let levels = 1; levels <= Math.min(AHEAD, level.left) && beam.length > 0; levels++) {
      const grown = beam.flatMap(({ chance, prospects }) => {
        const children = levels === 1 ? prospects.better : mean(prospects)
        return children.map((own) => ({ chance: chance * own, prospects }))
      })
      for (const { chance } of grown) imagined.add(chance, -1)
      best = Math.max(best, share * this.#rate(imagined, begunMs + levels * levelMs) + ends)
      beam = grown.sort((a, b) => b.chance - a.chance).slice(0, width)
    }
    return best
  }

  #rate(ranked: Ranked, spentMs: number): number {
    return rateOf(this.#prices.best(ranked, spentMs), spentMs)
  }
}

function mean({ share, better, worse }: Prospects): number[] {
  return better.map((chance, i) => share * chance + (1 - share) * (worse[i] ?? 0))
}
