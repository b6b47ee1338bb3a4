/** What a trainer is made of, and what is refused. */
import { assert } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import type { Backend } from '../../tensor/index.ts'
import type { HeadShape, TeacherTables } from '../types.ts'

export interface HeadTrainerOptions {
  readonly shape: HeadShape
  /** The CPU; stays the caller's. */
  readonly backend: Backend
  readonly teacher: TeacherTables
  /** Target ids of the draft vocabulary, ascending; undefined when it is the target's. */
  readonly draftIds: Int32Array | undefined
  /** Steps of the training-time test, 1 to 16. */
  readonly unroll: number
  /** Weights to begin with, by tensor name. */
  readonly initial: ReadonlyMap<string, Float32Array>
  /** Weight of step s in the loss is this to the s. Default 0.8. */
  readonly layerDecay?: number
  /** Longest gradient. Default 0.5. */
  readonly clip?: number
  /** AdamW's memory of the gradient and of its square. Default 0.9 and 0.95. */
  readonly betas?: readonly [number, number]
  /** AdamW's pull towards zero, times the learning rate. Default 0. */
  readonly weightDecay?: number
  /**
   * Draft tokens that the output head is restricted to while it learns; 0 or undefined: all. Quicker where the draft
   * vocabulary is large; losses and agreement that `step` reports are estimates then, those of `evaluate` never.
   */
  readonly candidates?: number
  /**
   * Parts of a batch that are computed at the same time, each with its share of the threads: at most one per text. Quicker than
   * all threads on one operation where other programs want the cores, too. Sums come in another order than with one. Default 1.
   */
  readonly shares?: number
  /**
   * Typical sizes of the tapped streams, low to high. Training divides the streams by them, so that one learning rate suits
   * the fusion, too: AdamW's steps are as long for inputs of size 50 as for those of size 1. Weights that come and go are
   * for the streams as they are. Default 1.
   */
  readonly tapScales?: readonly [number, number, number]
}

const MAX_UNROLL = 16

/** Refuses settings and tables that do not fit the shape: `bad-option`. */
export function checkOptions({ backend, shape, teacher, unroll, draftIds }: HeadTrainerOptions): void {
  assert(backend.isCpu, 'training on a device without common memory')
  if (!Number.isInteger(unroll) || unroll < 1 || unroll > MAX_UNROLL)
    throw new UsageError('bad-option', `expected 1 to ${MAX_UNROLL} unrolled steps, got ${unroll}; use 3`)
  const sizes = [
    ['output rows of the target', teacher.output.length, shape.draftVocabSize * shape.width],
    ['the target’s output norm', teacher.outputNorm.length, shape.width],
    ['draft ids', draftIds?.length ?? shape.draftVocabSize, shape.draftVocabSize],
    ['whole rows of the embedding', teacher.embedding.length % shape.width, 0],
  ] as const
  for (const [what, found, wanted] of sizes) {
    if (found !== wanted)
      throw new UsageError(
        'bad-option',
        `expected ${wanted} numbers in ${what}, got ${found}; give this target’s tables`,
      )
  }
}

/** The draft id of a token; -1 where it cannot be drafted. */
export function draftIdsByToken({ draftIds }: HeadTrainerOptions): (token: number) => number {
  if (!draftIds) return (token) => token
  const places = new Map(Array.from(draftIds, (token, id) => [token, id]))
  return (token) => places.get(token) ?? -1
}
