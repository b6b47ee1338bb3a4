/**
 * The one decoder layer of an EAGLE-3 head, on our kernels or on ggml's operations. A row is a pair of a token's embedding
 * and a feature; attention reads both, the residual stream starts from the feature alone.
 */
import { defined } from '../util/assert.ts'
import type { Graph, KernelOps, Tensor } from '../tensor/index.ts'
import type { KvCache } from '../cache/index.ts'
import type { Eagle3Config } from './eagle3-config.ts'
import { GroupProducts } from './group-products.ts'
import type { KernelWeights } from './kernel-weights.ts'
import { targetLogits, type TargetLoan } from './target-loan.ts'
import type { Weights } from './weights.ts'

export interface HeadParts {
  readonly config: Eagle3Config
  readonly weights: Weights
  /** The head's matrices that our own kernels take over. */
  readonly kernelWeights: KernelWeights | undefined
  readonly cache: KvCache
  readonly target: TargetLoan
}

export interface HeadInputs {
  readonly positions: Tensor
  readonly slots: Tensor
}

/** What comes of storing rows. */
export interface StoredRows {
  /** F32 [heads * headDim, rows], rotated. */
  readonly queries: Tensor
  /** F32 [width, rows] where each row's residual stream starts. */
  readonly residual: Tensor
}

export interface HeadLayers {
  /** Features (F32 [taps * target width, rows]) to states: F32 [width, rows]. */
  fuse(features: Tensor): Tensor
  /** Writes keys and values of the rows into the cache. */
  store(embeddings: Tensor, states: Tensor): StoredRows
  /**
   * The layer's output (F32 [width, rows]), which is the state of the next draft position: not normed. `bases`: where each
   * row's window of the cache begins; undefined on ggml's operations, where all begin with the first slot.
   */
  attend(rows: StoredRows, mask: Tensor, bases: Tensor | undefined): Tensor
  /** F32 [draft vocabulary, rows] */
  logits(outputs: Tensor): Tensor
}

/** The layer for one graph. */
export function headLayers(graph: Graph, parts: HeadParts, inputs: HeadInputs): HeadLayers {
  const { kernelWeights } = parts
  return kernelWeights ? new KernelHead(graph, parts, kernelWeights, inputs) : new GgmlHead(graph, parts, inputs)
}

// ---------------------------------------------------------------------------------------------------------------

class KernelHead implements HeadLayers {
  readonly #graph: Graph
  readonly #ops: KernelOps
  readonly #parts: HeadParts
  readonly #own: KernelWeights
  readonly #inputs: HeadInputs
  readonly #products: GroupProducts

  constructor(graph: Graph, parts: HeadParts, own: KernelWeights, inputs: HeadInputs) {
    this.#graph = graph
    this.#ops = defined(graph.kernels, 'kernels')
    this.#parts = parts
    this.#own = own
    this.#inputs = inputs
    this.#products = new GroupProducts(graph, parts.weights, own)
  }

  fuse(features: Tensor): Tensor {
    if (this.#parts.config.normBeforeFusion) {
      return this.#products.linear('fusion', 0, this.#products.norm('fusion', 0, features, 'enc.output_norm.weight'))
    }
    return this.#products.linear('fusion', 0, this.#rounded(features, this.#products.form('fusion')))
  }

  store(embeddings: Tensor, states: Tensor): StoredRows {
    const { weights, config } = this.#parts
    const { settings, sizes } = this.#own
    const norm = (x: Tensor, name: string): Tensor => this.#ops.norm(x, weights.get(name), settings.norm, 'f32')
    const normed = norm(states, 'blk.0.attn_norm_2.weight')
    const input = this.#graph.ops.concat(norm(embeddings, 'blk.0.attn_norm.weight'), normed)
    const qkv = this.#products.linear('qkv', 0, this.#rounded(input, this.#products.form('qkv')))
    const factors = weights.find('rope_freqs.weight')
    const rope = this.#ops.rope(this.#inputs.positions, factors, config.rope.dims, settings.rope)
    const queries = this.#ops.store(qkv, rope, this.#inputs.slots, this.#cache(), sizes, settings.attention)
    return { queries, residual: config.normBeforeResidual ? normed : states }
  }

  attend({ queries, residual }: StoredRows, mask: Tensor, bases: Tensor | undefined): Tensor {
    const { settings, sizes } = this.#own
    const form = this.#products.form('attn_output')
    const windows = { mask, bases: defined(bases, 'windows') }
    const attended = this.#ops.attend(queries, this.#cache(), windows, sizes, settings.attention, form)
    const stream = this.#products.linear('attn_output', 0, attended, residual)
    const normed = this.#products.norm('gate_up', 0, stream, 'blk.0.ffn_norm.weight')
    const gateUp = this.#products.linear('gate_up', 0, normed)
    const gated = this.#ops.swiglu(gateUp, settings.none, this.#products.form('ffn_down'))
    return this.#products.linear('ffn_down', 0, gated, stream)
  }

  logits(outputs: Tensor): Tensor {
    const { config, weights, target } = this.#parts
    if (config.ownOutput) {
      return this.#products.linear('head', 0, this.#products.norm('head', 0, outputs, 'output_norm.weight'))
    }
    const normed = this.#ops.norm(outputs, weights.get('output_norm.weight'), this.#own.settings.norm, 'f32')
    return targetLogits(this.#graph, target, normed)
  }

  #cache(): [Tensor, Tensor] {
    return [this.#parts.cache.keys(0), this.#parts.cache.values(0)]
  }

  #rounded(input: Tensor, form: 'activations' | 'f32'): Tensor {
    return form === 'f32' ? input : this.#ops.quantise(input, this.#own.settings.none)
  }
}

class GgmlHead implements HeadLayers {
  readonly #graph: Graph
  readonly #parts: HeadParts
  readonly #inputs: HeadInputs
  #keys: Tensor | undefined
  #values: Tensor | undefined

  constructor(graph: Graph, parts: HeadParts, inputs: HeadInputs) {
    this.#graph = graph
    this.#parts = parts
    this.#inputs = inputs
  }

  fuse(features: Tensor): Tensor {
    const input = this.#parts.config.normBeforeFusion ? this.#norm(features, 'enc.output_norm.weight') : features
    return this.#product('fc', input)
  }

  store(embeddings: Tensor, states: Tensor): StoredRows {
    const { ops } = this.#graph
    const { config, weights, cache } = this.#parts
    const { headDim, headCount, kvHeadCount } = config
    const { positions, slots } = this.#inputs
    const rows = states.shape[1]
    const normed = this.#norm(states, 'blk.0.attn_norm_2.weight')
    const input = ops.concat(this.#norm(embeddings, 'blk.0.attn_norm.weight'), normed)
    const factors = weights.find('rope_freqs.weight')
    const rotated = (name: string, heads: number): Tensor => {
      const split = ops.reshape(this.#product(name, input), headDim, heads, rows)
      return ops.reshape(ops.rope(split, positions, factors, config.rope), headDim * heads, rows)
    }
    // Attention reads the result of the write, so the order of the two is part of the graph.
    this.#keys = ops.setRows(cache.keys(0), rotated('blk.0.attn_k', kvHeadCount), slots)
    this.#values = ops.setRows(cache.values(0), this.#product('blk.0.attn_v', input), slots)
    this.#graph.expand(this.#keys)
    this.#graph.expand(this.#values)
    return { queries: rotated('blk.0.attn_q', headCount), residual: config.normBeforeResidual ? normed : states }
  }

  attend({ queries, residual }: StoredRows, mask: Tensor): Tensor {
    const { ops } = this.#graph
    const { headDim, headCount, kvHeadCount, attentionScale } = this.#parts.config
    const rows = queries.shape[1]
    const attended = ops.attention(
      ops.swapRowsAndHeads(ops.reshape(queries, headDim, headCount, rows)),
      ops.viewHeads(defined(this.#keys), headDim, kvHeadCount, mask.shape[0]),
      ops.viewHeads(defined(this.#values), headDim, kvHeadCount, mask.shape[0]),
      mask,
      attentionScale,
    )
    const mixed = this.#product('blk.0.attn_output', ops.reshape(attended, headDim * headCount, rows))
    const stream = ops.add(mixed, residual)
    const hidden = this.#norm(stream, 'blk.0.ffn_norm.weight')
    const gated = ops.swiglu(this.#product('blk.0.ffn_gate', hidden), this.#product('blk.0.ffn_up', hidden))
    return ops.add(this.#product('blk.0.ffn_down', gated), stream)
  }

  logits(outputs: Tensor): Tensor {
    const normed = this.#norm(outputs, 'output_norm.weight')
    return this.#parts.config.ownOutput
      ? this.#product('output', normed)
      : targetLogits(this.#graph, this.#parts.target, normed)
  }

  #norm(input: Tensor, name: string): Tensor {
    const { ops } = this.#graph
    return ops.mul(ops.rmsNorm(input, this.#parts.config.normEpsilon), this.#parts.weights.get(name))
  }

  #product(name: string, input: Tensor): Tensor {
    return this.#graph.ops.mulMat(this.#parts.weights.get(`${name}.weight`), input)
  }
}
