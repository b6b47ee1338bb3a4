/**
 * Decoder layers on our own kernels (`native/`): ten operations per layer where ggml needs thirty, rounded activations
 * shared by all products of one input, and rows that do not depend on each other by construction. Groups of matrices that
 * the kernels have no format for stay on ggml's products.
 */
import { defined } from '../util/assert.ts'
import type { CacheWindows, Graph, KernelOps, Tensor } from '../tensor/index.ts'
import type { ForwardParts, LayerInputs, Layers } from './forward.ts'
import { GroupProducts } from './group-products.ts'
import type { KernelWeights } from './kernel-weights.ts'
import { embedTokens } from './target-loan.ts'

export class KernelLayers implements Layers {
  readonly #graph: Graph
  readonly #ops: KernelOps
  readonly #parts: ForwardParts
  readonly #own: KernelWeights
  readonly #inputs: LayerInputs
  readonly #products: GroupProducts
  readonly #windows: CacheWindows
  /** Angles of all rows, computed once per pass. */
  readonly #rope: Tensor

  constructor(graph: Graph, parts: ForwardParts, own: KernelWeights, inputs: LayerInputs) {
    this.#graph = graph
    this.#ops = defined(graph.kernels, 'kernels')
    this.#parts = parts
    this.#own = own
    this.#inputs = inputs
    this.#windows = { mask: inputs.mask, bases: defined(inputs.bases, 'windows') }
    this.#products = new GroupProducts(graph, parts.weights, own)
    const { weights, config } = parts
    const factors = weights.find('rope_freqs.weight')
    this.#rope = this.#ops.rope(inputs.positions, factors, config.rope.dims, own.settings.rope)
  }

  embed(tokens: Tensor): Tensor {
    return embedTokens(this.#graph, { weights: this.#parts.weights, kernelWeights: this.#own }, tokens)
  }

  decode(layer: number, stream: Tensor): Tensor {
    const attended = this.#products.linear('attn_output', layer, this.#attention(layer, stream), stream)
    const gateUp = this.#products.linear(
      'gate_up',
      layer,
      this.#products.norm('gate_up', layer, attended, `blk.${layer}.ffn_norm.weight`),
    )
    const gated = this.#ops.swiglu(gateUp, this.#own.settings.none, this.#products.form('ffn_down', layer))
    return this.#products.linear('ffn_down', layer, gated, attended)
  }

  head(stream: Tensor): Tensor {
    return this.#products.linear('head', 0, this.#products.norm('head', 0, stream, 'output_norm.weight'))
  }

  #attention(layer: number, stream: Tensor): Tensor {
    const { settings, sizes } = this.#own
    const { cache } = this.#parts
    const rows: [Tensor, Tensor] = [cache.keys(layer), cache.values(layer)]
    const qkv = this.#products.linear(
      'qkv',
      layer,
      this.#products.norm('qkv', layer, stream, `blk.${layer}.attn_norm.weight`),
    )
    const queries = this.#ops.store(qkv, this.#rope, this.#inputs.slots, rows, sizes, settings.attention)
    const form = this.#products.form('attn_output', layer)
    return this.#ops.attend(queries, rows, this.#windows, sizes, settings.attention, form)
  }
}
