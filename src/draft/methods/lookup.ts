/**
 * Drafts by copying: where the end of the text occurred before (prompt or answer), what followed there may follow again.
 * Several earlier places are merged into one tree that branches where they differ. No model, no weights.
 * After "Prompt Lookup Decoding" (A. Saxena 2023, no paper); see docs/methods/lookup.md for what differs.
 */
import { UsageError } from '../../util/errors.ts'
import { growBestFirst, type Candidate, type Growth } from '../best-first.ts'
import { bareRoot, finishTree } from '../grow.ts'
import { judgeGrowth } from '../judge.ts'
import { NgramIndex } from '../ngram-index.ts'
import { AcceptanceRates } from '../rates.ts'
import type { Ranked, RoundOutcome, TokenId } from '../../tree/index.ts'
import type { Drafter, DraftRound, DraftSession } from '../types.ts'
import { lookupOptions, type LookupOptions } from './lookup.options.ts'

export const summary = 'copies what followed the longest earlier occurrence of the last tokens'
export const paper = undefined
export const options = lookupOptions

/** Needs nothing of the target. Throws `bad-option` when the n-gram limits contradict each other. */
export function create(settings: LookupOptions): Promise<Drafter<Ranked>> {
  if (settings.minNgram > settings.maxNgram) {
    const { minNgram, maxNgram } = settings
    throw new UsageError(
      'bad-option',
      `expected min-ngram <= max-ngram, got ${minNgram} > ${maxNgram}; lower min-ngram`,
    )
  }
  const rates = new AcceptanceRates({
    bins: LENGTHS.length * SITUATIONS,
    prior: startRate,
    strength: 20,
    memory: 0.998,
  })
  return Promise.resolve({
    method: 'lookup',
    sources: ['lookup'],
    needs: { features: false },
    open: () => new LookupSession(settings, rates.forSession()),
    forget: () => rates.clear(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
}

// ---------------------------------------------------------------------------------------------------------------

/** Earlier places that agree with the path so far, and that path. */
interface Places {
  readonly positions: readonly number[]
  /** Matched tokens of each place before the round's root was passed. */
  readonly lengths: readonly number[]
  readonly path: readonly TokenId[]
}

class LookupSession implements DraftSession<Ranked> {
  readonly #settings: LookupOptions
  readonly #rates: AcceptanceRates
  readonly #index: NgramIndex
  #growth: Growth | undefined

  constructor(settings: LookupOptions, rates: AcceptanceRates) {
    this.#settings = settings
    this.#rates = rates
    this.#index = new NgramIndex(settings.maxNgram)
  }

  propose({ tokens, budget, policy }: DraftRound): Promise<Ranked> {
    this.#growth = undefined
    this.#index.append(tokens)
    const root = this.#index.token(this.#index.length - 1)
    if (budget.nodes <= 0) return Promise.resolve(bareRoot(root))
    const start = this.#find([])
    const depth = Math.min(budget.depth, this.#settings.maxDepth)
    this.#growth = growBestFirst<Places>(root, start, { ...budget, depth }, (places) => this.#continuations(places))
    return Promise.resolve(finishTree(this.#growth.tree, policy, budget))
  }

  after(path: readonly TokenId[]): Candidate<Places>[] {
    return this.#continuations(this.#find(path))
  }

  observe(outcome: RoundOutcome): void {
    if (this.#growth === undefined) return
    judgeGrowth(this.#growth, outcome, this.#rates)
    this.#growth = undefined
  }

  [Symbol.dispose](): void {
    this.#growth = undefined
  }

  /** Where the text and `path` occurred before. */
  #find(path: readonly TokenId[]): Places {
    const found = this.#index.occurrences(this.#settings.occurrences, this.#settings.minNgram, path)
    return { positions: found.map((place) => place.next), lengths: found.map((place) => place.length), path: [] }
  }

  /** The distinct next tokens of the places, longest match first, each with the chance its situation had so far. */
  #continuations(places: Places): Candidate<Places>[] {
    const groups = this.#groupByNext(places)
    const best = groups[0]
    if (best === undefined) return []
    const candidates = groups.map((group, rank): Candidate<Places> => {
      const matched = group.longest + places.path.length
      const mark = lengthClass(matched) * SITUATIONS + situation(group, best, rank, groups)
      const state = { positions: group.positions, lengths: group.lengths, path: [...places.path, group.token] }
      return { token: group.token, probability: this.#rates.estimate(mark), state, mark }
    })
    return candidates.sort((a, b) => b.probability - a.probability)
  }

  /** Places are ordered (longest match, then most recent), so groups and their members are too. */
  #groupByNext({ positions, lengths, path }: Places): Group[] {
    const groups = new Map<TokenId, Group>()
    positions.forEach((position, i) => {
      const token = this.#tokenAt(position, path)
      const group = groups.get(token) ?? { token, longest: lengths[i] as number, positions: [], lengths: [] }
      group.positions.push(position + 1)
      group.lengths.push(lengths[i] as number)
      groups.set(token, group)
    })
    const votes = ({ lengths: all, longest }: Group): number => all.filter((length) => length === longest).length
    return [...groups.values()].sort((a, b) => b.longest - a.longest || votes(b) - votes(a))
  }

  /** A copy that runs into the end of the text goes on in the drafted path itself, so that loops are copied whole. */
  #tokenAt(position: number, path: readonly TokenId[]): TokenId {
    return position < this.#index.length
      ? this.#index.token(position)
      : (path[position - this.#index.length] as TokenId)
  }
}

interface Group {
  readonly token: TokenId
  readonly longest: number
  readonly positions: number[]
  readonly lengths: number[]
}

/** Situations in which acceptance is counted: do other places disagree? */
const ALONE = 0
const UNANIMOUS = 1
const LONGEST_OF_RIVALS = 2
const FIRST_OF_EQUALS = 3
const OTHER_OF_EQUALS = 4
const SHORTER_THAN_BEST = 5
const SITUATIONS = 6

/** The other half of a situation: the least matched tokens of its row below. */
const LENGTHS = [1, 2, 3, 4, 5, 7, 10, 16]

/**
 * [LENGTHS][SITUATIONS] acceptance found over 48 answers of the default model (8 of each Spec-Bench group, greedy),
 * smoothed where few were seen. Where the rates start from; each session moves on from them.
 */
const START_RATES = [
  [0.31, 0.62, 0.3, 0.22, 0.066, 0.042],
  [0.53, 0.8, 0.34, 0.33, 0.11, 0.075],
  [0.68, 0.8, 0.42, 0.34, 0.2, 0.09],
  [0.73, 0.83, 0.5, 0.39, 0.15, 0.09],
  [0.76, 0.9, 0.5, 0.42, 0.18, 0.1],
  [0.84, 0.93, 0.55, 0.45, 0.2, 0.08],
  [0.86, 0.94, 0.7, 0.48, 0.15, 0.06],
  [0.94, 0.985, 0.85, 0.5, 0.15, 0.05],
]

function lengthClass(matched: number): number {
  let at = LENGTHS.length - 1
  while (at > 0 && matched < (LENGTHS[at] as number)) at--
  return at
}

function situation(group: Group, best: Group, rank: number, groups: readonly Group[]): number {
  if (groups.length === 1) return group.positions.length === 1 ? ALONE : UNANIMOUS
  if (group.longest < best.longest) return SHORTER_THAN_BEST
  if (groups.filter((other) => other.longest === best.longest).length === 1) return LONGEST_OF_RIVALS
  return rank === 0 ? FIRST_OF_EQUALS : OTHER_OF_EQUALS
}

function startRate(bin: number): number {
  return START_RATES[Math.floor(bin / SITUATIONS)]?.[bin % SITUATIONS] as number
}
