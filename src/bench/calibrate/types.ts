/** Contracts of `heterospec calibrate`: prompts in, one calibration out. */
import type { Engine } from '../../engine/index.ts'
import type { CalibrationTree, TokensCheck } from '../../policy/index.ts'
import type { ChatMessage } from '../../text/index.ts'
import type { PricedDrafter } from '../cost/draft.ts'

/** A prompt, and what it is counted with. */
export interface CalibrationPrompt {
  readonly group: string
  readonly messages: readonly ChatMessage[]
}

/** The prompts of one file. */
export interface PromptSet {
  readonly name: string
  readonly sha256: string
  readonly prompts: readonly CalibrationPrompt[]
}

export type CalibratePhase = 'prices' | 'learning' | 'checking'

export interface CalibrateSetup {
  readonly engine: Engine
  readonly drafter: PricedDrafter
  readonly prompts: PromptSet
  readonly maxTokens: number
  readonly tree: CalibrationTree
  /** Without prices, which belong to this machine. */
  readonly portable: boolean
  /** The file to write; unfinished work stands beside it. */
  readonly out: string
  /** Does not go on with what an interrupted run has left. */
  readonly fresh: boolean
  readonly signal: AbortSignal
  /** Answers that are done, those of an interrupted run included; `share` of the present one. */
  readonly onProgress: (phase: CalibratePhase, done: number, total: number) => void
  readonly onResume: (answers: number) => void
}

/** Sums over the nodes of one class of chances. */
export interface ClassSums {
  nodes: number
  foretold: number
  accepted: number
}

/** What one held-out answer says about the calibration. */
export interface HeldAnswer {
  readonly group: string
  readonly places: number
  /** By the classes of `reliability.ts`. */
  readonly calibrated: readonly ClassSums[]
  readonly own: readonly ClassSums[]
  readonly trees: TokensCheck
  /** Null without prices. */
  readonly rounds: (TokensCheck & { readonly speedup: number }) | null
}
