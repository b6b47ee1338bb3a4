/** Writes a batch into the inputs of a network. */
import { defined } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import type { TrainingBatch } from '../types.ts'
import type { Candidates } from './candidates.ts'
import { ownSlots, type Network } from './network.ts'
import type { Plan } from './plan.ts'
import { scaleTaps } from './tap-scales.ts'
import type { LossWeights } from './totals.ts'

export interface FillOptions extends LossWeights {
  readonly width: number
  readonly unroll: number
  /** [vocab, width] */
  readonly embedding: Float32Array
  /** [unroll]: rows of the whole batch that learn at each step; the loss is a mean over them. */
  readonly lessons: readonly number[]
  /** What the tapped streams are divided by, low to high. */
  readonly tapScales: readonly number[]
}

/** 0 and minus infinity as F16. */
const VISIBLE = 0
const HIDDEN = 0xfc00

/** Refuses a batch whose parts do not fit each other: `bad-option`. */
export function checkBatch(batch: TrainingBatch, width: number): void {
  const rows = batch.texts * batch.length
  const parts = { tokens: 1, answered: 1, features: 3 * width, states: width } as const
  for (const [name, each] of Object.entries(parts)) {
    const found = batch[name as keyof typeof parts].length
    if (found === rows * each) continue
    throw new UsageError('bad-option', `expected ${rows * each} numbers in ${name}, got ${found}; mend the batch`)
  }
  if (batch.best && batch.best.length !== rows)
    throw new UsageError('bad-option', `expected ${rows} numbers in best, got ${batch.best.length}; mend the batch`)
}

/** Writes every input: ggml recycles their memory during a computation. */
export function fillNetwork(
  network: Network,
  batch: TrainingBatch,
  plan: Plan,
  options: FillOptions,
  candidates: Candidates | undefined,
): void {
  const { graph } = network
  const { sizes } = plan
  const { width } = options
  const all = Int32Array.from({ length: sizes.texts * sizes.length }, (_, row) => row)
  const placeOf = (row: number): number => row % sizes.length
  const features = scaleTaps(
    batch.features,
    options.tapScales.map((scale) => 1 / scale),
    width,
  )
  graph.write(network.features, padded(features, 3 * width, batch, sizes.length))
  graph.write(network.places, all.map(placeOf))
  graph.write(network.rows, plan.rows)
  graph.write(network.states, lessonStates(batch, plan, width))
  if (network.candidates && candidates) {
    graph.write(network.candidates.ids, candidates.ids)
    graph.write(network.candidates.places, BigInt64Array.from(candidates.ids, BigInt))
    graph.write(network.candidates.raise, candidates.raise)
  }
  graph.write(network.count, Float32Array.of(sizes.lessons))
  network.steps.forEach((inputs, step) => {
    const learned = defined(plan.steps[step])
    graph.write(inputs.embeddings, embeddings(batch, step === 0 ? all : plan.rows, step, sizes.length, options))
    graph.write(
      inputs.places,
      plan.rows.map((row) => placeOf(row) + step),
    )
    graph.write(inputs.mask, maskOf(plan, step, options.unroll))
    graph.write(inputs.rows, learned.rows)
    const share = options.decay ** step / Math.max(1, defined(options.lessons[step]))
    if (inputs.weights)
      graph.write(
        inputs.weights,
        Float32Array.from(learned.counts, (count) => count * share),
      )
    if (!inputs.stateWeights) return
    const each = (share * options.stateLoss) / width
    graph.write(
      inputs.stateWeights,
      Float32Array.from(learned.counts, (count) => count * each),
    )
  })
}

/** The target's streams at the lessons: [lessons, width]. */
export function lessonStates(batch: TrainingBatch, { positions, sizes }: Plan, width: number): Float32Array {
  const states = new Float32Array(sizes.lessons * width)
  positions.forEach((row, index) => {
    const from = (Math.floor(row / sizes.length) * batch.length + (row % sizes.length)) * width
    states.set(batch.states.subarray(from, from + width), index * width)
  })
  return states
}

// ---------------------------------------------------------------------------------------------------------------

/** Rows of all texts, each text lengthened with zeros. */
function padded(values: Float32Array, width: number, batch: TrainingBatch, length: number): Float32Array {
  if (batch.length === length) return values
  const result = new Float32Array(batch.texts * length * width)
  const from = batch.length * width
  for (let text = 0; text < batch.texts; text++) {
    result.set(values.subarray(text * from, (text + 1) * from), text * length * width)
  }
  return result
}

/** Embeddings of the token after each row, `step` tokens further on; zeros behind the end of the text. */
function embeddings(
  batch: TrainingBatch,
  rows: Int32Array,
  step: number,
  length: number,
  { width, embedding }: FillOptions,
): Float32Array {
  const result = new Float32Array(rows.length * width)
  rows.forEach((row, index) => {
    const position = (row % length) + 1 + step
    if (position >= batch.length) return
    const token = defined(batch.tokens[Math.floor(row / length) * batch.length + position])
    if (token < 0 || (token + 1) * width > embedding.length)
      throw new UsageError(
        'bad-option',
        `expected tokens below ${embedding.length / width}, got ${token}; use data of the same target`,
      )
    result.set(embedding.subarray(token * width, (token + 1) * width), index * width)
  })
  return result
}

/** Row t sees rows 0 to t of its text, and its own keys of steps 1 to `step`. */
function maskOf({ sizes, rows }: Plan, step: number, unroll: number): Uint16Array {
  const slots = sizes.length + ownSlots(unroll)
  const mask = new Uint16Array(rows.length * slots).fill(HIDDEN)
  rows.forEach((row, index) => {
    mask.fill(VISIBLE, index * slots, index * slots + (row % sizes.length) + 1)
    mask.fill(VISIBLE, index * slots + sizes.length, index * slots + sizes.length + step)
  })
  return mask
}
