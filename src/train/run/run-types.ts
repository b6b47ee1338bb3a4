/** Contracts of a training run: where it stands, what it has seen, what it tells. */
import type { DepthScore } from '../types.ts'

/** Scores at one moment of a run. */
export interface CurvePoint {
  readonly step: number
  /** Epochs done, fractions too. */
  readonly epoch: number
  /** Lessons so far, repeated ones too. */
  readonly tokens: number
  readonly elapsedMs: number
  /** Mean loss of the steps since the last point; null at the first one. */
  readonly trainingLoss: number | null
  /** Mean agreement at the first depth of these steps. */
  readonly trainingAgreement: number | null
  readonly heldOut: readonly DepthScore[]
  /** `chainLength` of the agreements on held-out texts. */
  readonly tau: number
}

/** Everything of a run that is not a tensor. */
export interface RunPosition {
  readonly epoch: number
  /** Batches of this epoch that are done. */
  readonly batch: number
  readonly step: number
  readonly tokens: number
  readonly elapsedMs: number
  /** Evaluations that were due so far. */
  readonly milestone: number
  /** Sums since the last point. */
  readonly since: { readonly steps: number; readonly loss: number; readonly agreement: number }
  readonly curve: readonly CurvePoint[]
  /** Index into the curve. */
  readonly best: number
  readonly finished: 'no' | 'done' | 'early'
}

/** What a run tells while it goes on. */
export type RunEvent =
  | {
      readonly kind: 'step'
      readonly position: RunPosition
      readonly loss: number
      /** At the first depth. */
      readonly agreement: number
      /** 0 to 1. */
      readonly progress: number
      readonly learningRate: number
      /** Lessons per second of this process. */
      readonly rowsPerSecond: number
      readonly leftMs: number
    }
  | { readonly kind: 'evaluated'; readonly point: CurvePoint; readonly isBest: boolean }
  | { readonly kind: 'resumed'; readonly position: RunPosition }

export interface RunResult {
  readonly position: RunPosition
  /** Weights of the best evaluation. */
  readonly best: ReadonlyMap<string, Float32Array>
}
