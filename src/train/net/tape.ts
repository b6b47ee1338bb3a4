/**
 * Functions with gradients, on graphs of ggml's operations. Each call appends its forward operations at once and notes how
 * to go back; `backward` then appends the backward operations in reverse. What a gradient is summed from comes in a fixed
 * order, so that the same step gives the same bits.
 */
import type { Graph, RopeSettings, Tensor } from '../../tensor/index.ts'

/** What learns: a parameter, or rows of one. */
export interface Learner {
  readonly value: Tensor
  /** Of the whole parameter, in memory that outlives the graph. */
  readonly gradient: Tensor
  /** I64: rows of the parameter that `value` holds; the gradient of the others is left alone. */
  readonly places?: Tensor
}

/** A value whose gradient may be asked for. */
export interface Variable {
  readonly value: Tensor
  /** False for inputs: no gradient is computed. */
  readonly learns: boolean
}

export class Tape {
  readonly graph: Graph
  readonly #epsilon: number
  readonly #gradients = new Map<Variable, Tensor>()
  readonly #parameterGradients = new Map<Learner, Tensor>()
  readonly #transposed = new Map<Tensor['pointer'], Tensor>()
  #back: (() => void)[] = []

  constructor(graph: Graph, epsilon: number) {
    this.graph = graph
    this.#epsilon = epsilon
  }

  /** A result with its way back, which is called with the gradient of the result unless nothing depends on it. */
  result(value: Tensor, back: (gradient: Tensor) => void): Variable {
    const variable: Variable = { value, learns: true }
    this.graph.expand(value)
    this.#back.push(() => {
      const gradient = this.#gradients.get(variable)
      this.#gradients.delete(variable)
      if (gradient) back(gradient)
    })
    return variable
  }

  /** Adds to the gradient of a variable. */
  pass(to: Variable, gradient: Tensor): void {
    if (!to.learns) return
    const known = this.#gradients.get(to)
    const sum = known ? this.graph.ops.add(known, gradient) : gradient
    this.graph.expand(sum)
    this.#gradients.set(to, sum)
  }

  /** Adds to the gradient of a parameter. */
  learn(parameter: Learner, gradient: Tensor): void {
    const known = this.#parameterGradients.get(parameter)
    const sum = known ? this.graph.ops.add(known, gradient) : gradient
    this.graph.expand(sum)
    this.#parameterGradients.set(parameter, sum)
  }

  /** A transposed copy, made once. */
  transposed(a: Tensor): Tensor {
    let copy = this.#transposed.get(a.pointer)
    if (!copy) this.#transposed.set(a.pointer, (copy = this.graph.training.transposed(a)))
    return copy
  }

  /** Appends the way back, and writes the parameters' gradients to their store. */
  backward(): void {
    for (const step of this.#back.reverse()) step()
    this.#back = []
    const { ops, training } = this.graph
    for (const [{ gradient, places }, sum] of this.#parameterGradients) {
      this.graph.expand(places ? ops.setRows(gradient, sum, places) : training.store(sum, gradient))
    }
  }

  /** `x` [inputs, rows] by a matrix [inputs, outputs]: [outputs, rows]. */
  linear(matrix: Learner, x: Variable): Variable {
    const { training } = this.graph
    return this.result(training.product(matrix.value, x.value), (gradient) => {
      this.learn(matrix, training.product(this.transposed(x.value), this.transposed(gradient)))
      if (x.learns) this.pass(x, training.product(this.transposed(matrix.value), gradient))
    })
  }

  /** RMS norm of each row of `x` [width, rows], times a weight. */
  norm(weight: Learner, x: Variable): Variable {
    const { ops, training } = this.graph
    const normed = ops.rmsNorm(x.value, this.#epsilon)
    return this.result(ops.mul(normed, weight.value), (gradient) => {
      this.learn(weight, training.repeatBack(ops.mul(gradient, normed), weight.value))
      if (x.learns) this.pass(x, training.rmsNormBack(ops.mul(gradient, weight.value), x.value, this.#epsilon))
    })
  }

  add(a: Variable, b: Variable): Variable {
    return this.result(this.graph.ops.add(a.value, b.value), (gradient) => {
      this.pass(a, gradient)
      this.pass(b, gradient)
    })
  }

  /** `a` and `b` beside each other along axis 0. */
  concat(a: Variable, b: Variable): Variable {
    const { ops, training } = this.graph
    return this.result(ops.concat(a.value, b.value), (gradient) => {
      const [left, right] = [a.value.shape[0], b.value.shape[0]]
      this.pass(a, training.copied(training.slice(gradient, 0, left)))
      this.pass(b, training.copied(training.slice(gradient, left, right)))
    })
  }

  /** silu(gate) * up. */
  swiglu(gate: Variable, up: Variable): Variable {
    const { ops, training } = this.graph
    return this.result(ops.swiglu(gate.value, up.value), (gradient) => {
      this.pass(up, ops.mul(training.silu(gate.value), gradient))
      this.pass(gate, training.siluBack(ops.mul(gradient, up.value), gate.value))
    })
  }

  /** Rows `ids` (I32 [n]) of `x` [width, rows]. */
  rows(x: Variable, ids: Tensor): Variable {
    return this.result(this.graph.ops.getRows(x.value, ids), (gradient) => {
      this.pass(x, this.graph.training.getRowsBack(gradient, ids, x.value))
    })
  }

  /** Rotates the heads of `x` [headDim * heads, rows] by `positions` (I32 [rows]). */
  rope(x: Variable, positions: Tensor, rope: RopeSettings): Variable {
    const { ops, training } = this.graph
    const [width, rows] = x.value.shape
    const split = (tensor: Tensor): Tensor => training.reshape(tensor, rope.dims, width / rope.dims, rows)
    const turned = ops.rope(split(x.value), positions, undefined, rope)
    return this.result(training.reshape(turned, width, rows), (gradient) => {
      this.pass(x, training.reshape(training.ropeBack(split(gradient), positions, rope), width, rows))
    })
  }
}
