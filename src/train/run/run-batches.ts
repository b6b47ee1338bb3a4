/** Batches of a run: windows of texts, and their features from cache or target. */
import { defined } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import { BatchBuilder, inBatches, planEpoch } from './batches.ts'
import type { TextFeatures } from './features.ts'
import { lessonsOf, windowsOf, type TextSplit, type TextWindow } from './texts.ts'
import type { BatchSource } from './train.ts'
import type { TrainingBatch, TrainingText } from '../types.ts'

export interface RunBatchOptions {
  readonly width: number
  readonly taps: number
  /** Positions of the longest window. */
  readonly length: number
  /** Windows in a batch. */
  readonly batchSize: number
  readonly seed: number
  readonly draftIds: Int32Array
}

/** What `FeatureCache` does for a run. */
export interface FeatureStore {
  read(indices: readonly number[], signal?: AbortSignal): Promise<TextFeatures[]>
}

/** A source of batches that knows its size. */
export interface RunBatches extends BatchSource {
  readonly windows: number
  /** Lessons of one epoch. */
  readonly lessons: number
  readonly heldOutLessons: number
}

/** Throws `bad-file` when nothing can be learned from the texts. */
export function createRunBatches(
  texts: readonly TrainingText[],
  split: TextSplit,
  features: FeatureStore,
  options: RunBatchOptions,
  signal?: AbortSignal,
): RunBatches {
  const { width, taps, length, batchSize, seed } = options
  const draftable = new Set(options.draftIds)
  const teaches = ({ best = new Int32Array(), answered, length: padded }: TrainingBatch): boolean =>
    best.some((token, at) => answered[at + 1] === 1 && at % padded > 0 && draftable.has(token))
  const training = windowsOf(texts, split.training, length)
  const heldOut = inBatches(windowsOf(texts, split.heldOut, length), batchSize)
  if (training.length === 0 || heldOut.length === 0) {
    throw new UsageError(
      'bad-file',
      'expected training data with answers on both sides of the split, got too little of it; make more with "heterospec head data"',
    )
  }
  const builder = new BatchBuilder(width, taps, length)
  const build = async (windows: readonly TextWindow[]): Promise<TrainingBatch> => {
    const indices = windows.map(({ text }) => text)
    const found = await features.read(indices, signal)
    return builder.build(
      windows,
      indices.map((index) => defined(texts[index])),
      found,
    )
  }
  // Only one epoch is planned at a time; steps ask for its batches in order.
  const plans = new Map<number, TextWindow[][]>()
  const planOf = (epoch: number): TextWindow[][] => {
    const known = plans.get(epoch)
    if (known) return known
    const plan = planEpoch(training, { batchSize, seed, epoch })
    plans.clear()
    plans.set(epoch, plan)
    return plan
  }
  const count = (windows: readonly TextWindow[]): number =>
    windows.reduce((sum, window) => sum + lessonsOf(window, defined(texts[window.text])), 0)
  return {
    windows: training.length,
    lessons: count(training),
    heldOutLessons: count(heldOut.flat()),
    // Pools are whole multiples of a batch, so every epoch has as many batches.
    count: () => Math.ceil(training.length / batchSize),
    batch: async (epoch, place) => {
      const batch = await build(defined(planOf(epoch)[place], `batch ${place} of epoch ${epoch}`))
      return teaches(batch) ? batch : undefined
    },
    heldOut: async function* () {
      for (const windows of heldOut) yield await build(windows)
    },
  }
}
