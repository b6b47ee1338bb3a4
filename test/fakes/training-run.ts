/** A whole run on fakes: texts and features of fixed seeds, a trainer of a few numbers, a real checkpoint. */
import { openCheckpoint } from '../../src/train/run/checkpoint.ts'
import { createRunBatches } from '../../src/train/run/run-batches.ts'
import { splitTexts } from '../../src/train/run/texts.ts'
import type { RunOptions, RunParts } from '../../src/train/run/train.ts'
import type { TextFeatures } from '../../src/train/run/features.ts'
import { FakeTrainer, type FakeTrainerOptions } from './trainer.ts'
import { fakeReader, someTexts } from './training-texts.ts'

const WIDTH = 4

export const runOptions: RunOptions = {
  ...{ epochs: 3, minutes: undefined, evaluations: 6, patience: 100, checkpointMs: 0 },
  ...{ learningRate: 0.05, decay: 'cosine', warmUp: 0.1, stateLoss: 1 },
}

/** Parts of a run with its checkpoint at `path`; `identity` as if options were others. */
export function fakeRun(
  path: string,
  options: Partial<RunOptions> = {},
  fake: Partial<FakeTrainerOptions> = {},
  identity = 'same',
): RunParts & { readonly trainer: FakeTrainer } {
  const texts = someTexts(80)
  const reader = fakeReader(WIDTH)
  const read = (indices: readonly number[]): Promise<TextFeatures[]> =>
    reader.read(indices.map((index) => texts[index]?.tokens ?? []))
  const batches = createRunBatches(
    texts,
    splitTexts(texts, 0.1, 400),
    { read },
    {
      ...{ width: WIDTH, taps: 3, length: 16, batchSize: 8, seed: 5 },
      draftIds: Int32Array.from({ length: 64 }, (_, id) => id),
    },
  )
  return {
    batches,
    trainer: new FakeTrainer({ width: WIDTH, ...fake }),
    options: { ...runOptions, ...options },
    checkpoint: openCheckpoint(path, { data: identity, epochs: 3 }),
    now: () => performance.now(),
    onBest: () => Promise.resolve(),
  }
}
