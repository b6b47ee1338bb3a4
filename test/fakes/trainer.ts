/** A trainer with one linear map from features to a state, and plain gradient steps with momentum: enough to be resumed. */
import type { HeadTrainer, StepOptions, StepReport, TrainingBatch } from '../../src/train/types.ts'

/** What a fake is made of. */
export interface FakeTrainerOptions {
  readonly width: number
  /** Agreement that evaluations report, by their number; default: grows while the loss falls. */
  readonly agreement?: ((evaluation: number) => number) | undefined
}

/** Learns to repeat the last stream from the first tap; every number depends on every step before. */
export class FakeTrainer implements HeadTrainer {
  readonly shape
  readonly #map: Float32Array
  readonly #momentum: Float32Array
  readonly #agreement: ((evaluation: number) => number) | undefined
  /** Calls so far. */
  readonly calls = { steps: 0, evaluations: 0 }

  constructor({ width, agreement }: FakeTrainerOptions) {
    const sizes = { headCount: 1, kvHeadCount: 1, headDim: width, feedForwardWidth: width, draftVocabSize: 16 }
    this.shape = { width, ...sizes, normEpsilon: 1e-5, ropeBase: 10000 }
    this.#map = new Float32Array(width)
    this.#momentum = new Float32Array(width)
    this.#agreement = agreement
  }

  step(batch: TrainingBatch, { learningRate }: StepOptions): Promise<StepReport> {
    this.calls.steps++
    const { report, gradient } = this.#look(batch)
    gradient.forEach((value, column) => {
      this.#momentum[column] = 0.9 * (this.#momentum[column] ?? 0) + value
      this.#map[column] = (this.#map[column] ?? 0) - learningRate * (this.#momentum[column] ?? 0)
    })
    return Promise.resolve(report)
  }

  evaluate(batch: TrainingBatch): Promise<StepReport> {
    return Promise.resolve(this.#look(batch, this.calls.evaluations++).report)
  }

  weights(): ReadonlyMap<string, Float32Array> {
    return new Map([['map', this.#map.slice()]])
  }

  state(): ReadonlyMap<string, Float32Array> {
    return new Map([...this.weights(), ['momentum', this.#momentum.slice()]])
  }

  restore(state: ReadonlyMap<string, Float32Array>): void {
    this.#map.set(state.get('map') ?? [])
    this.#momentum.set(state.get('momentum') ?? [])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }

  #look(batch: TrainingBatch, evaluation = 0): { report: StepReport; gradient: Float32Array } {
    const { width } = this.shape
    const gradient = new Float32Array(width)
    let [loss, rows] = [0, 0]
    for (let row = 0; row < batch.texts * batch.length; row++) {
      if (batch.answered[row] !== 1) continue
      rows++
      for (let column = 0; column < width; column++) {
        const input = batch.features[row * 3 * width + column] ?? 0
        const error = (this.#map[column] ?? 0) * input - (batch.states[row * width + column] ?? 0)
        loss += error ** 2
        gradient[column] = (gradient[column] ?? 0) + error * input
      }
    }
    const mean = loss / Math.max(1, rows)
    const agreement = this.#agreement?.(evaluation) ?? 1 / (1 + mean)
    return {
      report: { loss: mean, gradientNorm: 0, depths: [{ rows, loss: mean, agreement }] },
      gradient: gradient.map((value) => value / Math.max(1, rows)),
    }
  }
}
