/** Contracts of `heterospec simulate`: what was recorded, the machine that is pretended, and what came of it. Plain JSON. */
import type { CostIdentity } from '../../engine/index.ts'
import type { BudgetOptions, CostSample, DraftFile } from '../../policy/index.ts'
import type { NodeId, TokenId } from '../../tree/index.ts'
import type { CostDocument } from '../cost/types.ts'
import type { Interval, Provenance } from '../types.ts'

/** Prices that belong together. */
export interface PriceList extends Pick<CostDocument, 'draft' | 'host'> {
  readonly target: readonly CostSample[]
}

/** The first line of a recording. */
export interface RecordingHeader {
  readonly kind: 'heterospec-recording'
  readonly version: 1
  /** Its name and its options as the library takes them. */
  readonly drafter: { readonly name: string; readonly options: Readonly<Record<string, unknown>> }
  /** The files that it read, by contents; undefined in recordings of earlier versions. */
  readonly files?: readonly DraftFile[] | undefined
  /** The largest tree that was asked for at every place. */
  readonly tree: TreeLimits
  /** Nodes that were scored at every place, for drafters that learn from them. */
  readonly scored: number
  readonly maxTokens: number
  /** Of the machine that recorded. */
  readonly prices: PriceList
  readonly identity: CostIdentity
  readonly provenance: Provenance
}

export interface TreeLimits {
  readonly nodes: number
  readonly depth: number
  readonly width: number
}

/** A line that begins a question. Its places follow, one a line. */
export interface RecordedQuestion {
  readonly question: number | string
  readonly category: string
  readonly group: string
  readonly prompt: readonly TokenId[]
  /** The token after the prompt: it comes from the prompt's own pass. */
  readonly first: TokenId
  /** Most tokens that could still come after `first`, by limit and context. */
  readonly room: number
  /** Studies learn from such questions and judge by the others. */
  readonly calibration?: boolean | undefined
}

/** One place of the text: what the drafter would have proposed there, and what came. */
export interface RecordedPlace {
  /** Tokens in the cache. */
  readonly context: number
  readonly tree: {
    readonly tokens: readonly TokenId[]
    readonly parents: readonly NodeId[]
    readonly logProbs: readonly number[]
    readonly sources: readonly number[]
  }
  /**
   * For trees that grew level by level: what the policy saw after each, at depth 0 before the first one where other sources
   * had begun the tree. `tree` holds what was believed of each node when it was added.
   */
  readonly levels?: readonly RecordedLevel[] | undefined
  readonly next: TokenId
  readonly draftMs: number
}

export interface RecordedLevel {
  readonly depth: number
  readonly frontier: readonly NodeId[]
  /** Per frontier node: the draft's top probabilities after it, best first. */
  readonly topProbs: readonly (readonly number[])[]
  /** Of a merged tree, at depth 0: how many nodes stood there before the first level. */
  readonly nodes?: number | undefined
  /** Nodes of which something else was believed from this level on: node, log-probability, source. */
  readonly restated?: readonly (readonly [NodeId, number, number])[] | undefined
  /** Per node that this level expanded: its top probabilities, where they are not those of its children. */
  readonly told?: readonly (readonly [NodeId, readonly number[]])[] | undefined
}

/** A question with its places. */
export interface RecordedAnswer extends RecordedQuestion {
  readonly places: readonly RecordedPlace[]
}

export interface Recording extends RecordingHeader {
  readonly answers: readonly RecordedAnswer[]
}

/** What a budget remembers: nothing of other questions, or all of the questions before, as in one process. */
export type SimulationMemory = 'question' | 'run'

/** A budget under its name. */
export interface NamedBudget {
  readonly name: string
  readonly options: BudgetOptions
}

/** One budget on one question. */
export interface SimulatedAnswer {
  readonly budget: string
  readonly question: number | string
  readonly category: string
  readonly group: string
  /** Tokens after the first. */
  readonly tokens: number
  readonly calls: number
  /** Rows of the target's passes, roots included. */
  readonly verified: number
  readonly draftMs: number
  readonly targetMs: number
  readonly hostMs: number
}

/** One budget over one group, or over all (`overall`). */
export interface SimulatedSummary {
  readonly budget: string
  readonly group: string
  readonly questions: number
  /** Over plain decoding on the same machine, per token; geometric mean over questions. */
  readonly speedup: Interval
  readonly tau: number
  readonly calls: number
  readonly verified: number
  readonly tokensPerMs: number
}

/** What was decoded for real, beside what was predicted. */
export interface Validation {
  readonly budget: string
  readonly questions: number
  readonly tau: { readonly predicted: number; readonly measured: number; readonly error: number }
  readonly speedup: {
    readonly predicted: number
    /** Of the real rounds, had they taken what the prices say: whether the simulation makes the right rounds. */
    readonly priced: Interval
    readonly pricedError: number
    /** By the clock: whether the prices were right as well. */
    readonly measured: Interval
    readonly error: number
  }
}

/** The result: the last line of standard output with `--json`. */
export interface SimulationDocument {
  readonly kind: 'heterospec-simulation'
  readonly version: 1
  /** `recording`: budgets decided anew; `trace`: rounds as they were, at other prices. */
  readonly source: 'recording' | 'trace'
  readonly file: string
  /** Whose prices, in words. */
  readonly machine: string
  readonly batch: number
  /** Null for a trace. */
  readonly memory: SimulationMemory | null
  readonly summary: readonly SimulatedSummary[]
  readonly answers: readonly SimulatedAnswer[]
  readonly validation: readonly Validation[] | null
  /** What a reader has to know before believing it. */
  readonly remarks: readonly string[]
  /** Of the recording. */
  readonly provenance: Provenance | null
}
