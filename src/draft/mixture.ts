/**
 * One estimate from what several sources say about the same place: how likely each token is to come next. Sources judge
 * their own chances differently, so estimates are corrected by what became of such guesses, apart for every company in
 * which they were made: who proposed the token, and who else spoke about the place without proposing it. That makes guesses
 * of different sources comparable, which choosing the best nodes of a merged tree needs. It knows no trees.
 */
import { AcceptanceRates } from './rates.ts'
import type { TokenId } from '../tree/index.ts'

/** What the sources say may follow one place. Sources are numbers from 0; a source is silent where it says nothing. */
export class Said {
  /** [sources] chance by token; 0 where a source does not propose it. */
  readonly chances = new Map<TokenId, number[]>()
  /** Below the root, or deeper, where drafters go on from guesses of their own. */
  readonly deeper: boolean
  readonly #sources: number
  /** A bit for each source that speaks here. */
  speaking = 0

  constructor(sources: number, deeper = false) {
    this.#sources = sources
    this.deeper = deeper
  }

  /** `source` proposes `token`. */
  propose(source: number, token: TokenId, chance: number): void {
    this.speaking |= 1 << source
    let chances = this.chances.get(token)
    if (chances === undefined) this.chances.set(token, (chances = new Array<number>(this.#sources).fill(0)))
    chances[source] = chance
  }

  /** `source` would not propose `token`, but has an opinion about it, which counts if another one proposes it. */
  support(source: number, token: TokenId, chance: number): void {
    const chances = this.chances.get(token)
    if (chances !== undefined) chances[source] = chance
  }
}

/** A token that may come next. */
export interface Mixed {
  readonly token: TokenId
  /** Estimated chance, in (0, 1). Those of one place may sum to more than 1. */
  readonly probability: number
  /** The situation in which the estimate was made; `observe` learns by it. */
  readonly mark: number
  /** The source with the highest chance of its own. */
  readonly source: number
}

/** The rates that a mixture of `sources` sources learns, before anything was seen. */
export function mixtureRates(sources: number, weighed: boolean): AcceptanceRates {
  const prior = (mark: number): number => {
    const factor = weighed ? 1 : startFactor(Math.floor(mark / CLASSES), sources)
    return factor * classCentre(mark % CLASSES)
  }
  return new AcceptanceRates({ bins: 2 * 4 ** sources * CLASSES, prior, strength: 30, memory: 0.998 })
}

/** The estimates of one session. */
export class Mixture {
  readonly sources: number
  readonly #rates: AcceptanceRates
  readonly #weighed: boolean

  /**
   * `weighed`: how sure the others are counts where sources contradict each other, and estimates differ within a class as
   * the sources' own do. For sources of unknown strength with many guesses of different chance (a head, a draft model). Lookup and
   * recycling count situations themselves: for them whether they are contradicted tells as much.
   */
  constructor(sources: number, rates: AcceptanceRates, weighed: boolean) {
    this.sources = sources
    this.#rates = rates
    this.#weighed = weighed
  }

  /** The tokens that any source proposes, likeliest first; equally likely ones in the order of their proposal. */
  mix(said: Said): Mixed[] {
    const rivals = this.#weighed ? new Rivals(said, this.sources) : undefined
    const mixed: Mixed[] = []
    for (const [token, own] of said.chances) mixed.push(this.#mixOne(said, token, own, rivals))
    return mixed.sort((a, b) => b.probability - a.probability)
  }

  /** A token of situation `mark` was judged. */
  observe(mark: number, right: boolean): void {
    this.#rates.observe(mark, right)
  }

  #mixOne({ speaking, deeper }: Said, token: TokenId, chances: readonly number[], rivals?: Rivals): Mixed {
    let agreeing = 0
    let source = 0
    for (let i = 0; i < chances.length; i++) {
      if ((chances[i] as number) > 0) agreeing |= 1 << i
      if ((chances[i] as number) > (chances[source] as number)) source = i
    }
    const either = eitherChance(chances)
    const chance = rivals ? weigh(either, rivals.against(token, chances, source)) : either
    const level = chanceClass(chance)
    const company = (rivals && deeper ? 4 ** this.sources : 0) + speaking * 2 ** this.sources + agreeing
    const mark = company * CLASSES + level
    const rate = this.#rates.estimate(mark)
    const probability = rivals ? fromOdds(toOdds(rate) + toOdds(chance) - classOdds(level)) : rate
    return { token, probability, mark, source }
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** No source is believed to be surer than this: nothing could contradict it. */
const SUREST = 0.999

/**
 * The chance of a token that several sources propose. They look at the same text, so they are no independent witnesses:
 * what the others add to the best one counts half.
 */
function eitherChance(chances: readonly number[]): number {
  const best = Math.min(SUREST, Math.max(...chances))
  const missed = chances.reduce((product, chance) => product * (1 - Math.min(SUREST, chance)), 1) / (1 - best)
  return 1 - (1 - best) * ((1 + missed) / 2)
}

/** How sure each source is of another token than a given one. */
class Rivals {
  /** [sources] the token that a source believes most, and the two highest chances that it gives. */
  readonly #best: number[]
  readonly #chance: number[]
  readonly #second: number[]

  constructor({ chances }: Said, sources: number) {
    this.#best = new Array<number>(sources).fill(-1)
    this.#chance = new Array<number>(sources).fill(0)
    this.#second = new Array<number>(sources).fill(0)
    for (const [token, own] of chances) own.forEach((chance, source) => this.#add(token, source, chance))
  }

  /** The most that a source other than `winner` believes in another token more than in this one. */
  against(token: TokenId, chances: readonly number[], winner: number): number {
    let most = 0
    for (let i = 0; i < chances.length; i++) {
      if (i === winner) continue
      const other = (this.#best[i] === token ? this.#second[i] : this.#chance[i]) as number
      most = Math.max(most, other - (chances[i] as number))
    }
    return Math.min(SUREST, most)
  }

  #add(token: TokenId, source: number, chance: number): void {
    if (chance > (this.#chance[source] as number)) {
      this.#second[source] = this.#chance[source] as number
      this.#chance[source] = chance
      this.#best[source] = token
    } else if (chance > (this.#second[source] as number)) this.#second[source] = chance
  }
}

/**
 * What is left of `chance` when another source believes in another token with chance `rival`: two witnesses that cannot
 * both be right (Dempster's rule of combination). Who is surer wins; an unsure rival takes little away.
 */
function weigh(chance: number, rival: number): number {
  return (chance * (1 - rival)) / (1 - chance * rival)
}

/**
 * What is left of a source's own estimate, by whether other sources speak about the same place; found over 48 answers of
 * the default model. Where the rates start from, unless contradictions are weighed.
 */
const START_FACTORS = { alone: 1, contradicted: 0.55, agreed: 0.94 }

function startFactor(company: number, sources: number): number {
  const speaking = company >> sources
  const agreeing = company & (2 ** sources - 1)
  if ((agreeing & (agreeing - 1)) !== 0) return START_FACTORS.agreed
  return speaking === agreeing ? START_FACTORS.alone : START_FACTORS.contradicted
}

/** Classes of equal width in log-odds, from 1 in 150 to 150 in 151. */
const CLASSES = 16
const WIDEST = 5

function toOdds(chance: number): number {
  return Math.log(chance / (1 - chance))
}

function fromOdds(odds: number): number {
  return 1 / (1 + Math.exp(-odds))
}

function chanceClass(chance: number): number {
  const at = Math.floor(((toOdds(chance) + WIDEST) / (2 * WIDEST)) * CLASSES)
  return Math.min(CLASSES - 1, Math.max(0, at))
}

function classOdds(level: number): number {
  return ((level + 0.5) / CLASSES) * 2 * WIDEST - WIDEST
}

function classCentre(level: number): number {
  return fromOdds(classOdds(level))
}
