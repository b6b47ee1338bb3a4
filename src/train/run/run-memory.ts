/** How much memory a run takes, told before it begins. */
import type { ModelSpec } from '../../model/index.ts'
import { UsageError } from '../../util/errors.ts'
import type { HeadRunSettings } from './head-run-types.ts'
import type { HeadShape } from '../types.ts'

/** Throws `out-of-memory` where a run would take more than it may. */
export function requireMemory(settings: HeadRunSettings, shape: HeadShape, target: ModelSpec): void {
  const needed = memoryBytes(settings, shape, target)
  if (needed <= settings.memoryBytes) return
  throw new UsageError(
    'out-of-memory',
    `expected training within ${gigabytes(settings.memoryBytes)} (--memory), got a need of about ${gigabytes(needed)}; lower --batch, --length or --draft-vocab, or raise --memory`,
  )
}

/** An estimate of the most bytes that are held at a time. */
export function memoryBytes({ learning, threads }: HeadRunSettings, shape: HeadShape, target: ModelSpec): number {
  const { width, feedForwardWidth, headCount, kvHeadCount, headDim, draftVocabSize } = shape
  const attention = (2 * headCount + 4 * kvHeadCount + headCount) * headDim * width
  const parameters = 3 * width * width + attention + 3 * width * feedForwardWidth + draftVocabSize * width
  const rows = learning.batch * learning.length
  // Weights, gradients, two moments, the best weights, and copies while a checkpoint is written; gradients of each further share.
  const weights = 4 * (7 + Math.min(threads, learning.batch)) * parameters
  const tables = 4 * width * (target.vocabSize + draftVocabSize)
  // Features of two batches; activations of all depths; logits of one depth with what the way back needs of them.
  const features = 2 * 4 * rows * 4 * width
  const activations = 4 * rows * learning.unroll * (12 * width + 4 * feedForwardWidth)
  const logits = 4 * rows * 4 * draftVocabSize
  return target.weightBytes + weights + tables + features + activations + logits
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toPrecision(2)} GB`
}
