/**
 * The loss of the training-time test in float64, written from the definition row by row: no batch, no matrices of scores, no
 * gradient. A row's path is unrolled for every lesson anew. Shares nothing with the trainer but the types of its inputs.
 */
import type { HeadShape, TeacherTables, TrainingBatch } from '../../src/train/types.ts'

export type Weights = ReadonlyMap<string, Float32Array | Float64Array>

export interface ReferenceOptions {
  readonly shape: HeadShape
  readonly teacher: TeacherTables
  readonly draftIds: Int32Array | undefined
  readonly unroll: number
  readonly stateLoss: number
}

export interface ReferenceLoss {
  readonly loss: number
  readonly depths: { rows: number; loss: number; agreement: number; entropy: number }[]
}

interface StepRow {
  readonly key: Float64Array
  readonly value: Float64Array
  readonly output: Float64Array
}

export function referenceLoss(weights: Weights, batch: TrainingBatch, options: ReferenceOptions): ReferenceLoss {
  const depths = Array.from({ length: options.unroll }, () => ({
    rows: 0,
    lessons: 0,
    loss: 0,
    right: 0,
    state: 0,
    entropy: 0,
  }))
  for (let text = 0; text < batch.texts; text++) scoreText(new Text(weights, batch, text, options), depths)
  const means = depths.map((depth) => ({
    ...depth,
    loss: depth.loss / depth.lessons,
    state: depth.state / depth.lessons,
  }))
  return {
    loss: means.reduce((sum, { loss, state }, step) => sum + 0.8 ** step * (loss + options.stateLoss * state), 0),
    depths: means.map(({ rows, loss, right, entropy, lessons }) => ({
      rows,
      loss,
      agreement: right / rows,
      entropy: entropy / lessons,
    })),
  }
}

function scoreText(
  text: Text,
  depths: { rows: number; lessons: number; loss: number; right: number; state: number; entropy: number }[],
): void {
  for (let row = 0; row < text.length; row++) {
    depths.forEach((depth, step) => {
      const position = row + 1 + step
      if (position + 1 >= text.length || !text.isAnswer(position + 1)) return
      depth.rows++
      const wanted = text.wanted(position)
      if (wanted < 0) return
      depth.lessons++
      const taught = text.taught(position)
      const output = text.row(row, step).output
      const logits = text.logits(output)
      const log = logSum(logits)
      taught.probabilities.forEach((p, id) => {
        depth.loss += p * (log - logits[id]!)
        if (p > 0) depth.entropy -= p * Math.log(p)
      })
      if (logits.indexOf(Math.max(...logits)) === wanted) depth.right++
      const normed = text.normed(output)
      depth.state += normed.reduce((sum, x, i) => sum + smooth(x - taught.state[i]!), 0) / normed.length
    })
  }
}

class Text {
  readonly length: number
  readonly #weights: Weights
  readonly #batch: TrainingBatch
  readonly #first: number
  readonly #options: ReferenceOptions
  readonly #rows = new Map<string, StepRow>()

  constructor(weights: Weights, batch: TrainingBatch, text: number, options: ReferenceOptions) {
    this.length = batch.length
    this.#weights = weights
    this.#batch = batch
    this.#first = text * batch.length
    this.#options = options
  }

  isAnswer(position: number): boolean {
    return this.#batch.answered[this.#first + position] === 1
  }

  wanted(position: number): number {
    const { best, tokens } = this.#batch
    const token = best ? best[this.#first + position]! : tokens[this.#first + position + 1]!
    return this.#options.draftIds ? this.#options.draftIds.indexOf(token) : token
  }

  taught(position: number): { probabilities: Float64Array; state: Float64Array } {
    const { teacher, shape } = this.#options
    const state = this.normed(slice(this.#batch.states, this.#first + position, shape.width))
    const logits = multiply(
      teacher.output,
      state.map((x, i) => x * teacher.outputNorm[i]!),
    )
    const log = logSum(logits)
    return { probabilities: logits.map((logit) => Math.exp(logit - log)), state }
  }

  logits(output: Float64Array): Float64Array {
    return multiply(this.#weight('output.weight'), this.#norm('output_norm.weight', output))
  }

  /** The row's key, value and output at one step. */
  row(row: number, step: number): StepRow {
    const name = `${row} ${step}`
    let known = this.#rows.get(name)
    if (!known) this.#rows.set(name, (known = this.#compute(row, step)))
    return known
  }

  #compute(row: number, step: number): StepRow {
    const { shape, teacher } = this.#options
    const { width } = shape
    const feature =
      step === 0
        ? multiply(this.#weight('fc.weight'), slice(this.#batch.features, this.#first + row, 3 * width))
        : this.row(row, step - 1).output
    const token = row + 1 + step < this.length ? this.#batch.tokens[this.#first + row + 1 + step]! : undefined
    const embedding = token === undefined ? new Float64Array(width) : slice(teacher.embedding, token, width)
    const u = Float64Array.of(
      ...this.#norm('blk.0.attn_norm.weight', embedding),
      ...this.#norm('blk.0.attn_norm_2.weight', feature),
    )
    const project = (what: string): Float64Array => multiply(this.#weight(`blk.0.${what}.weight`), u)
    const key = this.#rotate(project('attn_k'), row + step)
    const value = project('attn_v')
    const query = this.#rotate(project('attn_q'), row + step)
    const seen: { key: Float64Array; value: Float64Array }[] = []
    for (let other = 0; other <= row; other++) if (other < row || step > 0) seen.push(this.row(other, 0))
    for (let earlier = 1; earlier < step; earlier++) seen.push(this.row(row, earlier))
    seen.push({ key, value })
    const mixed = multiply(this.#weight('blk.0.attn_output.weight'), this.#attend(query, seen))
    const a = feature.map((x, i) => x + mixed[i]!)
    const hidden = this.#norm('blk.0.ffn_norm.weight', a)
    const up = multiply(this.#weight('blk.0.ffn_up.weight'), hidden)
    const gated = multiply(this.#weight('blk.0.ffn_gate.weight'), hidden).map(
      (x, i) => (x / (1 + Math.exp(-x))) * up[i]!,
    )
    const down = multiply(this.#weight('blk.0.ffn_down.weight'), gated)
    return { key, value, output: a.map((x, i) => x + down[i]!) }
  }

  #attend(query: Float64Array, seen: readonly { key: Float64Array; value: Float64Array }[]): Float64Array {
    const { headCount, kvHeadCount, headDim } = this.#options.shape
    const mixed = new Float64Array(query.length)
    for (let head = 0; head < headCount; head++) {
      const group = Math.floor((head * kvHeadCount) / headCount)
      const scores = seen.map(({ key }) => {
        let dot = 0
        for (let i = 0; i < headDim; i++) dot += query[head * headDim + i]! * key[group * headDim + i]!
        return dot / Math.sqrt(headDim)
      })
      const log = logSum(Float64Array.from(scores))
      seen.forEach(({ value }, index) => {
        const share = Math.exp(scores[index]! - log)
        for (let i = 0; i < headDim; i++) mixed[head * headDim + i]! += share * value[group * headDim + i]!
      })
    }
    return mixed
  }

  #rotate(x: Float64Array, position: number): Float64Array {
    const { headDim, ropeBase } = this.#options.shape
    const turned = new Float64Array(x.length)
    for (let i = 0; i < x.length; i += 2) {
      const angle = position * ropeBase ** (-(i % headDim) / headDim)
      turned[i] = x[i]! * Math.cos(angle) - x[i + 1]! * Math.sin(angle)
      turned[i + 1] = x[i]! * Math.sin(angle) + x[i + 1]! * Math.cos(angle)
    }
    return turned
  }

  normed(x: Float64Array): Float64Array {
    const square = x.reduce((sum, value) => sum + value * value, 0) / x.length
    return x.map((value) => value / Math.sqrt(square + this.#options.shape.normEpsilon))
  }

  #norm(name: string, x: Float64Array): Float64Array {
    const weight = this.#weight(name)
    return this.normed(x).map((value, i) => value * weight[i]!)
  }

  #weight(name: string): Float32Array | Float64Array {
    return this.#weights.get(name)!
  }
}

/** Rows of a matrix times a vector. */
function multiply(matrix: Float32Array | Float64Array, x: Float64Array): Float64Array {
  return Float64Array.from({ length: matrix.length / x.length }, (_, row) => {
    let sum = 0
    for (let i = 0; i < x.length; i++) sum += matrix[row * x.length + i]! * x[i]!
    return sum
  })
}

function slice(values: Float32Array, row: number, width: number): Float64Array {
  return Float64Array.from(values.subarray(row * width, (row + 1) * width))
}

function logSum(x: Float64Array): number {
  const top = Math.max(...x)
  return top + Math.log(x.reduce((sum, value) => sum + Math.exp(value - top), 0))
}

/** Smooth L1 that bends at 0.5. */
function smooth(x: number): number {
  return Math.abs(x) < 0.5 ? x * x : Math.abs(x) - 0.25
}
