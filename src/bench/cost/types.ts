/** Contracts of `heterospec cost`: what passes, drafts and the work around them take on one machine. Plain JSON, times in milliseconds. */
import type { Provenance } from '../types.ts'

/** A pass of the target over `rows` rows with `context` tokens in the cache. */
export interface TargetPrice {
  readonly rows: number
  readonly context: number
  /** Median. */
  readonly ms: number
  /** Median deviation from it, as a share of it. */
  readonly spread: number
}

/** What one draft takes when `nodes` are asked for. */
export interface DraftCost {
  readonly drafter: string
  readonly depth: number
  readonly width: number
  readonly nodes: number
  readonly ms: number
  /** Of one level, where trees grow level by level. */
  readonly levelMs: number | null
  readonly spread: number
}

/** Work that is neither drafting nor a pass: verification, commit, learning. */
export interface HostCost {
  /** In a round without a draft. */
  readonly plainMs: number
  /** In a round that verifies `treeNodes` nodes. */
  readonly treeMs: number
  readonly treeNodes: number
  /** Between rounds: text, events, timers. */
  readonly betweenMs: number
}

/** The shape of t(n): where rows are nearly free and where the next one is dear. */
export interface Stairs {
  /** Tokens in the cache for which it was read off. */
  readonly context: number
  /** Row counts that budgets choose among. */
  readonly cheapRows: readonly number[]
  /** Places where the next row costs much more than rows usually do. */
  readonly jumps: readonly { readonly rows: number; readonly next: number; readonly more: number }[]
  /** What a pass over `rows` rows costs in passes over one, and how good guesses must be for it to pay. */
  readonly breakEven: readonly BreakEven[]
}

export interface BreakEven {
  readonly rows: number
  /** t(rows) / t(1): as many tokens the round must bring. */
  readonly ratio: number
  /** The chance of each guess at which a chain of rows - 1 guesses brings as many; null where none does. */
  readonly rate: number | null
}

/** A chain of invented guesses, or a budget's choice of one: what prices promise and what decoding gave. */
export interface ChainRow {
  /** `chain of 2` or the name of a budget. */
  readonly name: string
  /** Levels; 0 is plain decoding. */
  readonly depth: number
  readonly tau: Forecast
  readonly speedup: Forecast
  /** Predicted over measured speed-up, less 1. */
  readonly error: number
  /** The same when the measured tau is taken as given: what is left is the prices' fault, not that of luck. */
  readonly priceError: number
}

export interface Forecast {
  readonly predicted: number
  readonly measured: number
}

/** The result: the last line of standard output with `--json`. */
export interface CostDocument {
  readonly kind: 'heterospec-cost'
  readonly version: 1
  readonly target: readonly TargetPrice[]
  readonly draft: readonly DraftCost[]
  readonly host: HostCost
  readonly stairs: Stairs
  /** The greatest difference between a measured price and what budgets make of the list, as a share. */
  readonly misfit: number
  /** Whether the machine was quiet enough for the list to be remembered. */
  readonly stored: boolean
  /** With `--synthetic`. */
  readonly chains: readonly ChainRow[] | null
  readonly machine: Provenance['machine']
  readonly model: Provenance['model']
  readonly provenance: Provenance
}

/** How far a measurement is: the share that is done. */
export type OnShare = (share: number) => void
