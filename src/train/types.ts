/** Contracts of training: texts in, batches of target features, a network that learns, a head file out. */
import type { TokenId } from '../tree/index.ts'

/** One conversation as the target wrote it: a line of a data file. */
export interface TrainingText {
  /** The whole conversation as the chat template renders it. */
  readonly tokens: readonly TokenId[]
  /** Index ranges [from, to) into `tokens` that the target wrote, end-of-turn token included. */
  readonly answers: readonly (readonly [from: number, to: number])[]
  readonly temperature: number
}

/** Sizes of a head and of the target that it drafts for. */
export interface HeadShape {
  /** Of the head; equal to the target's, whose embedding it uses. */
  readonly width: number
  readonly feedForwardWidth: number
  readonly headCount: number
  readonly kvHeadCount: number
  readonly headDim: number
  readonly normEpsilon: number
  /** Base of the rotation, neighbouring pairs. */
  readonly ropeBase: number
  readonly draftVocabSize: number
}

/** The target's frozen tables that a head reads and is taught with. */
export interface TeacherTables {
  /** [vocab, width]: the row of a token. */
  readonly embedding: Float32Array
  /** [draftVocab, width]: rows of the target's output matrix. */
  readonly output: Float32Array
  /** [width]: the target's last norm. */
  readonly outputNorm: Float32Array
}

/**
 * Rows of several texts, all cut or padded to `length` positions. Row t of a text is position t: the target's features
 * there, the token at t + 1 (`tokens[t + 1]`), and the lesson, what the target says at t + 1 about the token at t + 2.
 */
export interface TrainingBatch {
  readonly texts: number
  readonly length: number
  /** [texts, length]: the token at each position; 0 where padded. */
  readonly tokens: Int32Array
  /** [texts, length, 3 * width]: streams entering the three tapped layers. */
  readonly features: Float32Array
  /** [texts, length, width]: the target's last stream, before its last norm. */
  readonly states: Float32Array
  /** [texts, length]: 1 where the token at the position was written by the target and may be a lesson; 0 elsewhere and in padding. */
  readonly answered: Uint8Array
  /**
   * [texts, length]: the target's likeliest token, of all its vocabulary, after each position (so `best[p]` is about token
   * p + 1). Without it the token that was written stands for it, which is the same only in texts of temperature 0.
   */
  readonly best?: Int32Array
}

export interface StepOptions {
  readonly learningRate: number
  /** Weight of the loss between the head's output and the target's stream; 0 for none. */
  readonly stateLoss: number
}

/** What one unrolled depth did in a batch. */
export interface DepthScore {
  /** Rows that counted. */
  readonly rows: number
  /** Mean cross-entropy in nats. */
  readonly loss: number
  /** Share of rows whose likeliest draft token is the target's likeliest token, teacher-forced; `rows` without coverage count as wrong. */
  readonly agreement: number
}

export interface StepReport {
  readonly loss: number
  /** Length of the gradient before clipping; 0 when only evaluated. */
  readonly gradientNorm: number
  readonly depths: readonly DepthScore[]
}

/** A head in training: its weights, AdamW's moments and the device. Everything in float32. */
export interface HeadTrainer extends AsyncDisposable {
  readonly shape: HeadShape
  /** Forward, backward, update. Throws when the loss is no number; then nothing was changed. */
  step(batch: TrainingBatch, options: StepOptions): Promise<StepReport>
  /** Forward only. */
  evaluate(batch: TrainingBatch): Promise<StepReport>
  /** Copies of the weights under the tensor names of a head file (`fc.weight`, `blk.0.attn_q.weight`, ...), row-major [outputs, inputs]. */
  weights(): ReadonlyMap<string, Float32Array>
  /** Weights, moments and number of steps, to go on bit for bit. */
  state(): ReadonlyMap<string, Float32Array>
  restore(state: ReadonlyMap<string, Float32Array>): void
}

/** All of a head but how its numbers are stored. */
export interface HeadContents {
  readonly name: string
  readonly shape: HeadShape
  readonly targetWidth: number
  /** Indices of layers of the target: the streams entering them. */
  readonly targetLayers: readonly number[]
  readonly normBeforeResidual: boolean
  readonly normBeforeFusion: boolean
  readonly trainedContext: number
  /** Absolute target ids, one per draft id, ascending; undefined when the head can propose every token. */
  readonly draftIds: Int32Array | undefined
  /** By tensor name of the GGUF file, row-major [outputs, inputs]; rows of query and key ordered for rotation of neighbours. */
  readonly tensors: ReadonlyMap<string, Float32Array>
  /** Where it came from, for `general.*` and `heterospec.*` keys. */
  readonly provenance: Readonly<Record<string, string | number>>
}
