/** What the sections of the page share: loads in their order, sides with their looks, and figures by both. Derived once, read only. */
import { mean } from '../../../util/math.ts'
import { plural } from '../../report/format.ts'
import { fewestQuestions, type Verdict } from '../../report/view.ts'
import type { Interval } from '../../types.ts'
import { loadName } from '../run.ts'
import type { Block, Load, LoadDocument, LoadSummary, RoundCounts, Spread } from '../types.ts'

/** A load as the page shows it. */
export interface LoadView {
  readonly kind: Load['kind']
  /** As in the document. */
  readonly name: string
  /** In a sentence. */
  readonly words: string
  /** In a picture. */
  readonly short: string
  /** On an axis that says what it counts. */
  readonly tick: string
}

/** A side as the page shows it. */
export interface SideView {
  readonly name: string
  /** Number of its look in every picture; 0 is the baseline's. */
  readonly look: number
  /** The side whose texts it has to have. */
  readonly plain: string
  readonly isBaseline: boolean
  /** Some answer has another text than plain decoding of the same program, or none at all. */
  readonly failed: boolean
}

/** A figure over the rounds of a run, with the least and the greatest of them. */
export interface Ranged {
  readonly mean: number
  readonly low: number
  readonly high: number
}

export interface View {
  readonly document: LoadDocument
  readonly baseline: string
  /** Those that were measured. */
  readonly loads: readonly LoadView[]
  /** In the order of the document. */
  readonly sides: readonly SideView[]
  readonly summaryOf: (load: string, side: string) => LoadSummary | undefined
  /** Tokens of whole answers per second. */
  readonly speedOf: (load: string, side: string) => Ranged | undefined
  /** Mean over rounds of milliseconds per token; null where no answer was long enough. */
  readonly tokenMsOf: (load: string, side: string) => Spread
  /** Of all rounds of the server; undefined where it does not tell. */
  readonly roundsOf: (load: string, side: string) => RoundCounts | undefined
  /** What the interval of a ratio says; `more` is better where more is wanted. */
  readonly judge: (interval: Interval, wanted: 'more' | 'less') => Verdict
}

/** Reads a document once. */
export function createView(document: LoadDocument): View {
  const { baseline, options, summary } = document
  const loads = [
    ...options.clients.map((clients) => viewOf({ kind: 'closed', clients })),
    ...options.shares.map((share) => viewOf({ kind: 'open', share })),
  ].filter(({ name }) => summary.some(({ load }) => load === name))
  const others = document.sides.filter(({ name }) => name !== baseline)
  const sides = document.sides.map((side): SideView => {
    const isBaseline = side.name === baseline
    const failed = summary.some((row) => row.side === side.name && row.different + row.errors > 0)
    return { name: side.name, plain: side.plain, look: isBaseline ? 0 : 1 + others.indexOf(side), isBaseline, failed }
  })
  const blocksOf = (load: string, side: string): Block[] =>
    document.blocks.filter((block) => block.load === load && block.side === side)
  return {
    ...{ document, baseline, loads, sides },
    summaryOf: (load, side) => summary.find((row) => row.load === load && row.side === side),
    speedOf: (load, side) => ranged(blocksOf(load, side).map(({ goodput }) => goodput)),
    tokenMsOf: (load, side) => {
      const blocks = blocksOf(load, side)
      return { p50: meanOf(blocks.map((block) => block.tokenMs.p50)), p95: meanOf(blocks.map((block) => block.tokenMs.p95)) } // prettier-ignore
    },
    roundsOf: (load, side) => sumOf(blocksOf(load, side).flatMap(({ rounds }) => rounds ?? [])),
    judge: ({ low, high }, wanted) => {
      if (options.rounds < fewestQuestions) return 'few'
      if (low <= 1 && high >= 1) return 'same'
      return low > 1 === (wanted === 'more') ? 'faster' : 'slower'
    },
  }
}

// ---------------------------------------------------------------------------------------------------------------

function viewOf(load: Load): LoadView {
  const name = loadName(load)
  if (load.kind === 'closed') {
    const short = plural(load.clients, 'client')
    return { kind: 'closed', name, words: `${short} at a time`, short, tick: String(load.clients) }
  }
  return {
    kind: 'open',
    name,
    words: `arrivals at ${load.share} of the capacity`,
    short: name,
    tick: String(load.share),
  }
}

function ranged(values: readonly number[]): Ranged | undefined {
  if (values.length === 0) return undefined
  return { mean: mean(values), low: Math.min(...values), high: Math.max(...values) }
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : mean(known)
}

function sumOf(counts: readonly RoundCounts[]): RoundCounts | undefined {
  if (counts.length === 0) return undefined
  return counts.reduce((sum, { all, drafted }) => ({ all: sum.all + all, drafted: sum.drafted + drafted }))
}
