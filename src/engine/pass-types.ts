/** Contracts of passes that requests share. */
import type { GraphCounts, PromptPasses, ScoreItem } from '../model/index.ts'
import type { CostModel } from '../policy/index.ts'
import type { Scores, TokenTree } from '../tree/index.ts'

/** What a pass was that several requests shared. */
export interface SharedPass {
  readonly requests: number
  /** Rows of all requests, roots included. */
  readonly rows: number
  readonly ms: number
  /** This request's part of the time: an equal one of what plain decoding would have taken, and of the rest as much as it had nodes. */
  readonly ownMs: number
  /** Part of the time between drafting's begin and end that was this request's own: drafts of others ran in between. Above 0, at most 1. */
  readonly draftShare: number
}

/** A tree's scores, and of what pass. */
export interface SharedScores {
  /** The tree that was scored: what was asked for, or the part of it that got rows. */
  readonly tree: TokenTree
  readonly scores: Scores
  /** Undefined where the request was alone in the pass. */
  readonly shared?: SharedPass | undefined
}

/** What a round says about its tree. */
export interface ScoreWish {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds from the draft's begin to its end. */
  readonly draftMs?: number | undefined
  /** The budget asked for a draft, whether or not one was found. */
  readonly drafted?: boolean | undefined
  /** Chances of the tree's paths (`BudgetPolicy.chances`): rows go where they promise most. Without them all nodes are scored. */
  readonly chances?: Float64Array | undefined
}

/** Where the rounds of a request get their passes. */
export interface Passes {
  /** Counts of the device. */
  readonly graphs?: GraphCounts | undefined
  /** Scores a whole tree, or the best part of it. Throws `aborted` when the signal comes before the pass began. */
  score(item: ScoreItem, wish?: ScoreWish): Promise<SharedScores>
  /** So many draft tokens of the last pass came true. */
  accepted?(count: number): void
}

/** What a request says of itself when it joins. */
export interface SeatOptions {
  /** Lower ones have their prompts read first. Default 0. */
  readonly priority?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** What passes cost. It learns from shared ones here; of those that are a request's own it is told by the round. */
  readonly cost: CostModel
}

/** One request's place among those that share passes, from its prompt to its end. */
export interface Seat extends Passes, Disposable {
  /** How the `tokens` of a prompt are read that are not in the cache yet: in smaller chunks where there are others. */
  read(tokens: number): PromptPasses
  /** Requests that share the next pass with their trees, this one included. */
  readonly batch: number
  /** Drafts do not pay those who share the next pass: somebody reads a prompt, or the clock says so (`load-gate.ts`). */
  readonly resting: boolean
  /** The prompt has been read. */
  decode(): void
  /** Somebody else has the turn: the reader of events. Passes do not wait until `back`. */
  away(): void
  back(): void
}
