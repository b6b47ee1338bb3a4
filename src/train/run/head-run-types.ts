/** Contracts of `trainHead`: what it is told, what it needs from outside, what it reports. */
import type { GgufModel } from '../../gguf/index.ts'
import type { Backend } from '../../model/index.ts'
import type { RunIdentity } from './checkpoint.ts'
import type { CurveFit } from './curve.ts'
import type { HeadType } from '../head-types.ts'
import type { RunEvent, RunPosition } from './run-types.ts'
import type { HeadStart } from './start.ts'
import type { RunOptions } from './train.ts'
import type { HeadShape, HeadTrainer, TeacherTables, TrainingText } from '../types.ts'

/** What decides the weights, besides target and texts. */
export interface LearningSettings extends Omit<RunOptions, 'checkpointMs'> {
  /** Positions of a window. */
  readonly length: number
  /** Windows in a batch. */
  readonly batch: number
  /** Depths that are unrolled. */
  readonly unroll: number
  /** Draft tokens that a step looks at; 0 for all. */
  readonly candidates: number
  readonly seed: number
}

export interface HeadRunSettings {
  /** GGUF file of the target. */
  readonly target: string
  /** What the texts come from, for sentences. */
  readonly data: string
  readonly out: string
  /** GGUF file of a head to train further. */
  readonly from?: string | undefined
  readonly taps?: readonly number[] | undefined
  readonly draftVocab: number
  readonly heldOut: number
  readonly mostHeldOut: number
  readonly learning: LearningSettings
  readonly type: HeadType
  readonly threads: number
  readonly cacheDir: string
  /** Most bytes of features on the disk. */
  readonly cacheBytes: number
  /** Most bytes of memory. */
  readonly memoryBytes: number
  readonly checkpointMs: number
  /** Forget an unfinished run, and replace a finished head. */
  readonly restart: boolean
}

/** What a trainer is made of. */
export interface TrainerParts {
  readonly target: GgufModel
  /** The target's: passes of both take turns. */
  readonly backend: Backend
  readonly shape: HeadShape
  readonly draftIds: Int32Array
  /** Undefined for a new head, which starts from the target's weights. */
  readonly weights: ReadonlyMap<string, Float32Array> | undefined
  readonly tables: TeacherTables
  /** Root mean square of the tapped streams, low to high. */
  readonly tapScales: readonly [number, number, number]
  readonly settings: HeadRunSettings
}

/** A run before its first step. */
export interface HeadRun {
  readonly targetName: string
  readonly dataHash: string
  readonly identity: RunIdentity
  readonly texts: number
  readonly heldOutTexts: number
  /** Positions of all texts. */
  readonly rows: number
  readonly answerTokens: number
  /** Share of held-out answer tokens that the head can propose. */
  readonly coverage: number
  readonly start: HeadStart
}

export interface HeadRunParts {
  readonly settings: HeadRunSettings
  /** The texts, read with the target's tokenizer. */
  readonly texts: (target: GgufModel) => AsyncIterable<TrainingText>
  /** Tokens of further texts that count when the draft vocabulary is chosen. */
  readonly vocabularyTokens?: Iterable<number> | undefined
  readonly createTrainer: (parts: TrainerParts) => Promise<HeadTrainer>
  readonly signal?: AbortSignal | undefined
  /** `begun`: where an interrupted run stopped. */
  readonly onStart?: ((run: HeadRun, begun: RunPosition | undefined) => void) | undefined
  readonly onFeatures?: ((done: number, total: number) => void) | undefined
  readonly onBatches?:
    | ((batches: { readonly windows: number; readonly lessons: number; readonly cachedShare: number }) => void)
    | undefined
  readonly onEvent?: ((event: RunEvent) => void) | undefined
}

export interface HeadRunSummary {
  readonly run: HeadRun
  readonly position: RunPosition
  readonly fit: CurveFit | undefined
  /** Share of rows whose features were kept on the disk. */
  readonly cachedShare: number
}
