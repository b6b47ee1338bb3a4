/** Contracts of `heterospec study`: what was replayed or decoded, and the documents that say so. Plain JSON. */
import type { CostStudyDocument } from './cost-types.ts'
import type { Bins, BudgetOptions } from '../../policy/index.ts'
import type { BenchDocument, Interval, Provenance } from '../types.ts'

/** EAGLE's tree as EAGLE counts it: levels below the first, nodes with the root. */
export interface StudyTree {
  readonly topK: number
  readonly depth: number
  readonly totalTokens: number
}

/** Entropy bins, and where they come from. */
export interface StudyBins extends Pick<Bins, 'edges' | 'samples' | 'rounds'> {
  /**
   * `accepted` and `all`: fitted on EAGLE's round at every place of the calibration questions, as in `Bins`; `given`: by the caller; `none`: there was
   * too little to fit, so the policy goes by its prior and learns while it decodes.
   */
  readonly basis: Bins['basis'] | 'given'
  /** Of these rounds, those whose meta-path came true as a whole. */
  readonly fullyAccepted: number
}

/** A budget that takes part, under the name of the tables. */
export interface Variant {
  readonly name: string
  readonly options: BudgetOptions
}

/** One variant over one group, or over all (`overall`). Counts, but for `pricedSpeedup`. */
export interface CountRow {
  readonly variant: string
  readonly group: string
  readonly questions: number
  /** Tokens emitted after the first of each answer. */
  readonly tokens: number
  /** Passes of the target. */
  readonly calls: number
  /** Rows of these passes, roots included: the paper's tokens. */
  readonly verified: number
  /** Tokens per call. */
  readonly tau: number
  /** Over the first variant, per token; geometric mean over questions. */
  readonly callsRatio: Interval
  readonly verifiedRatio: Interval
  /** Times as fast as plain decoding by the price list of `machine`: no clock. */
  readonly pricedSpeedup: Interval
}

/** What every study tells. */
export interface CommonFacts {
  readonly kind: 'heterospec-study'
  readonly version: 1
  readonly tree: StudyTree
  /** As the command line names it. */
  readonly drafter: string
  /** Questions that figures are of, and others from which bins and policies learned before. */
  readonly questions: { readonly judged: number; readonly calibration: number }
  readonly groups: readonly string[]
  /** Levels of the deepest recorded tree: no variant can draft deeper. */
  readonly deepest: number
  /** Whose prices. */
  readonly machine: string
  /** What a reader has to know before believing it. */
  readonly remarks: readonly string[]
  readonly provenance: Provenance
  /** The same variants decoded by the clock; null when only counted. */
  readonly clock: BenchDocument | null
}

/** What studies of entropy bins tell besides. */
export interface StudyFacts extends CommonFacts {
  readonly bins: StudyBins
}

/** `study ablation`. */
export interface AblationDocument extends StudyFacts {
  readonly study: 'ablation'
  readonly variants: readonly Variant[]
  readonly rows: readonly CountRow[]
}

/** `study alpha`. */
export interface AlphaDocument extends StudyFacts {
  readonly study: 'alpha'
  /** Half of the depth, rounded up: the paper's choice. */
  readonly usual: number
  readonly variants: readonly (Variant & { readonly alpha: number | null })[]
  readonly rows: readonly CountRow[]
}

/** Rounds with something in common. Means are null for none. */
export interface RoundGroup {
  readonly name: string
  readonly rounds: number
  /** Tokens emitted per round. */
  readonly meanTokens: number | null
  /** Rounds whose meta-path came true as a whole. */
  readonly fullyAccepted: number
  /** Of rounds that accepted something. */
  readonly meanRank: number | null
}

/** `study rank`: where the text ends in the ranking of the drafted nodes, in rounds of EAGLE's tree. */
export interface RankDocument extends StudyFacts {
  readonly study: 'rank'
  readonly rounds: {
    /** With a whole tree. */
    readonly judged: number
    /** That accepted nothing, and have no rank. */
    readonly without: number
    readonly fullyAccepted: number
    /** Left out: the tree was cut by the end of the answer, or its text is not known to its end. */
    readonly leftOut: number
  }
  /** Ranks by share of the rounds that have one: 0.25 to the rank that a quarter does not exceed. */
  readonly quantiles: readonly { readonly share: number; readonly rank: number }[]
  /** Of these rounds, those whose rank is in the first quarter of the nodes. */
  readonly topQuarter: number
  readonly byRank: readonly RoundGroup[]
  /** Shares of a round's time by the price list. */
  readonly shares: { readonly draft: number; readonly target: number; readonly host: number }
}

/** `study bins`: entropies, the edges between the bins, and what each bin is worth. */
export interface BinsDocument extends StudyFacts {
  readonly study: 'bins'
  /** Bins of EAGLE's rounds on the judged questions. */
  readonly byBin: readonly (RoundGroup & { readonly low: boolean; readonly from: number; readonly to: number | null })[]
  /** Equal steps of entropy. */
  readonly histogram: readonly (RoundGroup & { readonly from: number; readonly to: number })[]
  /** Both losses, fitted on the calibration questions and judged on the others. */
  readonly losses: readonly {
    readonly loss: Bins['loss']
    readonly edges: readonly number[]
    readonly basis: Bins['basis']
    /** Share of the variance of ranks that the bins explain, in rounds that came true and in all; null where there is none. */
    readonly explained: { readonly accepted: number | null; readonly all: number | null }
    /** Share of the rounds in a low bin. */
    readonly low: number
  }[]
  /** Rounds of the judged questions, places of the others, and how many of both came true as a whole. */
  readonly rounds: { readonly judged: number; readonly calibration: number; readonly fullyAccepted: number }
}

export type StudyDocument = AblationDocument | AlphaDocument | RankDocument | BinsDocument | CostStudyDocument
