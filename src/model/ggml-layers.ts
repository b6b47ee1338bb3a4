/** Decoder layers on ggml's operations: any device, any weight type. */
import type { Graph, Tensor } from '../tensor/index.ts'
import type { LinearName } from './architecture.ts'
import type { ForwardParts, LayerInputs, Layers } from './forward.ts'
import type { Weights } from './weights.ts'

export function ggmlLayers(graph: Graph, parts: ForwardParts, inputs: LayerInputs): Layers {
  return {
    embed: (tokens) => graph.ops.getRows(parts.weights.get('token_embd.weight'), tokens),
    decode: (layer, stream) => decoderLayer(graph, parts, layer, stream, inputs),
    head: (stream) => outputHead(graph, parts, stream),
  }
}

// ---------------------------------------------------------------------------------------------------------------

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
