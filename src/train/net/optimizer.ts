/** AdamW (Loshchilov and Hutter 2019) over all parameters, as one graph. */
import { Graph, TYPE, type Backend, type Tensor } from '../../tensor/index.ts'
import type { Parameters } from './parameters.ts'

/** Keeps AdamW's steps finite where the gradient vanishes. */
export const ADAM_EPSILON = 1e-8

/** One graph that updates all parameters. */
export class Optimizer implements Disposable {
  readonly #graph: Graph
  readonly #settings: Tensor
  readonly #factor: Tensor

  constructor(backend: Backend, parameters: Parameters) {
    this.#graph = new Graph(backend, 16 + 8 * parameters.list.length)
    const { ops, training } = this.#graph
    const widest = Math.max(...parameters.list.map(({ value }) => value.shape[0]))
    this.#settings = this.#graph.input({ name: 'settings', type: TYPE.F32, shape: [7] })
    // As wide as a row: a factor that repeats within a row is slow.
    this.#factor = this.#graph.input({ name: 'factor', type: TYPE.F32, shape: [widest] })
    for (const { value, gradient, moments } of parameters.list) {
      const clipped = ops.mul(gradient, training.slice(this.#factor, 0, value.shape[0]))
      this.#graph.expand(training.adamStep(value, clipped, moments, this.#settings))
    }
    this.#graph.allocate()
  }

  /** One update: `settings` as in `TrainingOps.adamStep`, gradients times `factor`. Call inside `exclusive`. */
  async run(settings: readonly number[], factor: number): Promise<void> {
    this.#graph.write(this.#settings, Float32Array.from(settings))
    this.#graph.write(this.#factor, new Float32Array(this.#factor.shape[0]).fill(factor))
    await this.#graph.compute()
  }

  [Symbol.dispose](): void {
    this.#graph[Symbol.dispose]()
  }
}
