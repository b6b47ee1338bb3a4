/**
 * Decoder layers on our own kernels (`native/`): ten operations per layer where ggml needs thirty, rounded activations
 * shared by all products of one input, and rows that do not depend on each other by construction. Groups of matrices that
 * the kernels have no format for stay on ggml's products.
 */
import { defined } from '../util/assert.ts'
import type { Graph, KernelOps, Tensor } from '../tensor/index.ts'
import type { ForwardParts, LayerInputs, Layers } from './forward.ts'
import { MEMBERS, type GroupName } from './kernel-plan.ts'
import type { KernelWeights, LinearGroup } from './kernel-weights.ts'

export class KernelLayers implements Layers {
  readonly #graph: Graph
  readonly #ops: KernelOps
  readonly #parts: ForwardParts
  readonly #own: KernelWeights
  readonly #inputs: LayerInputs
  /** Angles of all rows, computed once per pass. */
  readonly #rope: Tensor

  constructor(graph: Graph, parts: ForwardParts, own: KernelWeights, inputs: LayerInputs) {
    this.#graph = graph
    this.#ops = defined(graph.kernels, 'kernels')
    this.#parts = parts
    this.#own = own
    this.#inputs = inputs
    const { weights, config } = parts
    const factors = weights.find('rope_freqs.weight')
    this.#rope = this.#ops.rope(inputs.positions, factors, config.rope.dims, own.settings.rope)
  }

  embed(tokens: Tensor): Tensor {
    const head = this.#own.group('head')
    if (head && this.#own.holdsEmbedding) return this.#ops.embed(tokens, head.settings, head.inputs)
    return this.#graph.ops.getRows(this.#parts.weights.get('token_embd.weight'), tokens)
  }

  decode(layer: number, stream: Tensor): Tensor {
    const attended = this.#linear('attn_output', layer, this.#attention(layer, stream), stream)
    const gateUp = this.#linear(
      'gate_up',
      layer,
      this.#norm('gate_up', layer, attended, `blk.${layer}.ffn_norm.weight`),
    )
    const gated = this.#ops.swiglu(gateUp, this.#own.settings.none, this.#form('ffn_down', layer))
    return this.#linear('ffn_down', layer, gated, attended)
  }

  head(stream: Tensor): Tensor {
    return this.#linear('head', 0, this.#norm('head', 0, stream, 'output_norm.weight'))
  }

  #attention(layer: number, stream: Tensor): Tensor {
    const { settings, sizes } = this.#own
    const { cache } = this.#parts
    const rows: [Tensor, Tensor] = [cache.keys(layer), cache.values(layer)]
    const qkv = this.#linear('qkv', layer, this.#norm('qkv', layer, stream, `blk.${layer}.attn_norm.weight`))
    const queries = this.#ops.store(qkv, this.#rope, this.#inputs.slots, rows, sizes, settings.attention)
    const form = this.#form('attn_output', layer)
    return this.#ops.attend(queries, rows, this.#inputs.mask, sizes, settings.attention, form)
  }

  #norm(group: GroupName, layer: number, stream: Tensor, weight: string): Tensor {
    const { settings } = this.#own
    return this.#ops.norm(stream, this.#parts.weights.get(weight), settings.norm, this.#form(group, layer))
  }

  /** What the group's products read. */
  #form(name: GroupName, layer: number): LinearGroup['as'] {
    return this.#own.group(name, layer)?.as ?? 'f32'
  }

  /** All products of a group side by side, biases included, plus `added`. */
  #linear(name: GroupName, layer: number, input: Tensor, added?: Tensor): Tensor {
    const group = this.#own.group(name, layer)
    if (group) return this.#ops.linear(input, group.settings, group.inputs, group.outputs, added)
    const product = this.#ggmlProducts(name, layer, input)
    return added ? this.#graph.ops.add(product, added) : product
  }

  #ggmlProducts(name: GroupName, layer: number, input: Tensor): Tensor {
    const { weights } = this.#parts
    const { ops } = this.#graph
    const head = weights.has('output.weight') ? 'output' : 'token_embd'
    const members = name === 'head' ? [head] : MEMBERS[name].map((member) => `blk.${layer}.${member}`)
    return members
      .map((member) => {
        const product = ops.mulMat(weights.get(`${member}.weight`), input)
        const bias = weights.find(name === 'head' ? 'output.bias' : `${member}.bias`)
        return bias ? ops.add(product, bias) : product
      })
      .reduce((left, right) => ops.concat(left, right))
  }
}
