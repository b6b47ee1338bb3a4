/** The trainer of a run: a new head begins with what the target knows, another one with its own weights. */
import { createHeadTrainer } from './net/index.ts'
import { initialWeights } from './provisional.ts'
import type { TrainerParts } from './head-run-types.ts'
import type { HeadTrainer } from './types.ts'

/** For `HeadRunParts.createTrainer`. */
export function openTrainer({
  backend,
  shape,
  draftIds,
  weights,
  tables,
  settings,
}: TrainerParts): Promise<HeadTrainer> {
  const { unroll, seed } = settings.learning
  const initial = weights ?? initialWeights(shape, tables, seed)
  return Promise.resolve(createHeadTrainer({ shape, backend, teacher: tables, draftIds, unroll, initial }))
}
