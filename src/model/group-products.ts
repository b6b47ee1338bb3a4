/**
 * Products with groups of matrices (`kernel-plan.ts`) in one graph: by our own kernels where they have a format for the
 * group, else by ggml's, side by side.
 */
import { defined } from '../util/assert.ts'
import type { Graph, Tensor } from '../tensor/index.ts'
import { MEMBERS, type GroupName } from './kernel-plan.ts'
import type { KernelWeights, LinearGroup } from './kernel-weights.ts'
import type { Weights } from './weights.ts'

export class GroupProducts {
  readonly #graph: Graph
  readonly #weights: Weights
  readonly #own: KernelWeights

  constructor(graph: Graph, weights: Weights, own: KernelWeights) {
    this.#graph = graph
    this.#weights = weights
    this.#own = own
  }

  /** What the group's products read. */
  form(name: GroupName, layer = 0): LinearGroup['as'] {
    return this.#own.group(name, layer)?.as ?? 'f32'
  }

  /** RMS norm of `stream` times the vector `weight`, as the group reads it. */
  norm(name: GroupName, layer: number, stream: Tensor, weight: string): Tensor {
    const ops = defined(this.#graph.kernels, 'kernels')
    return ops.norm(stream, this.#weights.get(weight), this.#own.settings.norm, this.form(name, layer))
  }

  /** All products of a group side by side, biases included, plus `added`. */
  linear(name: GroupName, layer: number, input: Tensor, added?: Tensor): Tensor {
    const group = this.#own.group(name, layer)
    if (group) {
      const ops = defined(this.#graph.kernels, 'kernels')
      return ops.linear(input, group.settings, group.inputs, group.outputs, added)
    }
    const product = this.#ggmlProducts(name, layer, input)
    return added ? this.#graph.ops.add(product, added) : product
  }

  #ggmlProducts(name: GroupName, layer: number, input: Tensor): Tensor {
    const { ops } = this.#graph
    return this.#members(name, layer)
      .map((member) => {
        const product = ops.mulMat(this.#weights.get(`${member}.weight`), input)
        const bias = this.#weights.find(name === 'head' ? 'output.bias' : `${member}.bias`)
        return bias ? ops.add(product, bias) : product
      })
      .reduce((left, right) => ops.concat(left, right))
  }

  #members(name: GroupName, layer: number): readonly string[] {
    if (name === 'fusion') return ['fc']
    if (name === 'head') return [this.#weights.has('output.weight') ? 'output' : 'token_embd']
    return MEMBERS[name].map((member) => `blk.${layer}.${member}`)
  }
}
