/**
 * The forward pass as one graph: `rows` tokens at given positions, each seeing the cache slots that its mask row shows.
 * A tree, a chain, a chunk of a prompt and several sequences at once are all just masks, positions and slots.
 */
import type { KvCache } from '../cache/index.ts'
import { Graph, TYPE, type Backend, type Tensor } from '../tensor/index.ts'
import type { LinearName } from './architecture.ts'
import type { ModelConfig } from './config.ts'
import type { Weights } from './weights.ts'

/** What decides a graph's form; graphs are reused among passes of the same form. */
export interface PassShape {
  /** Token rows, padding included. */
  readonly rows: number
  /** Cache slots that masks cover. */
  readonly slots: number
  /** Rows whose logits are computed. */
  readonly outputs: number
}

export interface ForwardParts {
  readonly backend: Backend
  readonly config: ModelConfig
  readonly weights: Weights
  readonly cache: KvCache
  /** Layers whose incoming residual stream is read back; `layerCount` means the stream after the last layer. */
  readonly taps: readonly number[]
}

export interface ForwardGraph extends Disposable {
  readonly graph: Graph
  /** I32 [rows] */
  readonly tokens: Tensor
  /** I32 [rows] */
  readonly positions: Tensor
  /** I64 [rows] cache slot that each row's key and value go to */
  readonly slots: Tensor
  /** F16 [slots, rows] 0 = visible, -inf = hidden */
  readonly mask: Tensor
  /** I32 [outputs]; undefined when all rows are wanted in order */
  readonly outputRows: Tensor | undefined
  /** F32 [vocab, outputs] */
  readonly logits: Tensor
  /** F32 [width, rows] per tap */
  readonly taps: readonly Tensor[]
}

/** Tensors per layer (operations, views, leaves) with room to spare. */
const TENSORS_PER_LAYER = 64

/** Builds and allocates the graph of one form. */
export function buildForward(parts: ForwardParts, shape: PassShape): ForwardGraph {
  const { config, weights, backend } = parts
  const graph = new Graph(backend, config.layerCount * TENSORS_PER_LAYER + 256)
  try {
    const { ops } = graph
    const tokens = graph.input({ name: 'tokens', type: TYPE.I32, shape: [shape.rows] })
    const inputs: LayerInputs = {
      positions: graph.input({ name: 'positions', type: TYPE.I32, shape: [shape.rows] }),
      slots: graph.input({ name: 'slots', type: TYPE.I64, shape: [shape.rows] }),
      mask: graph.input({ name: 'mask', type: TYPE.F16, shape: [shape.slots, shape.rows] }),
    }
    const outputRows =
      shape.outputs < shape.rows ? graph.input({ name: 'outputs', type: TYPE.I32, shape: [shape.outputs] }) : undefined
    const taps = new Map<number, Tensor>()
    let stream = ops.getRows(weights.get('token_embd.weight'), tokens)
    for (let layer = 0; layer < config.layerCount; layer++) {
      if (parts.taps.includes(layer)) taps.set(layer, stream)
      stream = decoderLayer(graph, parts, layer, stream, inputs)
    }
    if (parts.taps.includes(config.layerCount)) taps.set(config.layerCount, stream)
    for (const tap of taps.values()) graph.output(tap)
    if (outputRows) stream = ops.getRows(stream, outputRows)
    const logits = outputHead(graph, parts, stream)
    graph.output(logits)
    graph.allocate()
    return {
      graph,
      tokens,
      ...inputs,
      outputRows,
      logits,
      taps: parts.taps.map((layer) => taps.get(layer) as Tensor),
      [Symbol.dispose]: () => graph[Symbol.dispose](),
    }
  } catch (error) {
    graph[Symbol.dispose]()
    throw error
  }
}

// ---------------------------------------------------------------------------------------------------------------

interface LayerInputs {
  readonly positions: Tensor
  readonly slots: Tensor
  readonly mask: Tensor
}

function decoderLayer(graph: Graph, parts: ForwardParts, layer: number, stream: Tensor, inputs: LayerInputs): Tensor {
  const { ops } = graph
  const { weights } = parts
  const normed = norm(graph, parts, stream, `blk.${layer}.attn_norm.weight`)
  const attended = attention(graph, parts, layer, normed, inputs)
  const afterAttention = ops.add(linear(graph, weights, layer, 'attn_output', attended), stream)
  const hidden = norm(graph, parts, afterAttention, `blk.${layer}.ffn_norm.weight`)
  const gate = linear(graph, weights, layer, 'ffn_gate', hidden)
  const gated = ops.swiglu(gate, linear(graph, weights, layer, 'ffn_up', hidden))
  return ops.add(linear(graph, weights, layer, 'ffn_down', gated), afterAttention)
}

function attention(
  graph: Graph,
  parts: ForwardParts,
  layer: number,
  input: Tensor,
  { positions, slots, mask }: LayerInputs,
): Tensor {
  const { ops } = graph
  const { config, weights, cache } = parts
  const { headDim, headCount, kvHeadCount, rope } = config
  const rows = input.shape[1]
  const factors = weights.find('rope_freqs.weight')
  const heads = (name: LinearName, count: number): Tensor =>
    ops.reshape(linear(graph, weights, layer, name, input), headDim, count, rows)
  const query = ops.rope(heads('attn_q', headCount), positions, factors, rope)
  const key = ops.rope(heads('attn_k', kvHeadCount), positions, factors, rope)
  const value = linear(graph, weights, layer, 'attn_v', input)
  // Attention reads the result of the write, so the order of the two is part of the graph.
  const keys = ops.setRows(cache.keys(layer), ops.reshape(key, headDim * kvHeadCount, rows), slots)
  const values = ops.setRows(cache.values(layer), value, slots)
  graph.expand(keys)
  graph.expand(values)
  const attended = ops.attention(
    ops.swapRowsAndHeads(query),
    ops.viewHeads(keys, headDim, kvHeadCount, mask.shape[0]),
    ops.viewHeads(values, headDim, kvHeadCount, mask.shape[0]),
    mask,
    config.attentionScale,
  )
  return ops.reshape(attended, headDim * headCount, rows)
}

function outputHead(graph: Graph, parts: ForwardParts, stream: Tensor): Tensor {
  const { ops } = graph
  const head = parts.weights.find('output.weight') ?? parts.weights.get('token_embd.weight')
  const logits = ops.mulMat(head, norm(graph, parts, stream, 'output_norm.weight'))
  const bias = parts.weights.find('output.bias')
  return bias ? ops.add(logits, bias) : logits
}

function norm(graph: Graph, { config, weights }: ForwardParts, input: Tensor, name: string): Tensor {
  return graph.ops.mul(graph.ops.rmsNorm(input, config.normEpsilon), weights.get(name))
}

function linear(graph: Graph, weights: Weights, layer: number, name: LinearName, input: Tensor): Tensor {
  const product = graph.ops.mulMat(weights.get(`blk.${layer}.${name}.weight`), input)
  const bias = weights.find(`blk.${layer}.${name}.bias`)
  return bias ? graph.ops.add(product, bias) : product
}
