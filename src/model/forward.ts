/**
 * The forward pass as one graph: `rows` tokens at given positions, each seeing the cache slots that its mask row shows.
 * A tree, a chain, a chunk of a prompt and several sequences at once are all just masks, positions and slots.
 */
import type { KvCache } from '../cache/index.ts'
import { Graph, TYPE, type Backend, type Tensor } from '../tensor/index.ts'
import type { ModelConfig } from './config.ts'
import { ggmlLayers } from './ggml-layers.ts'
import { KernelLayers } from './kernel-layers.ts'
import type { KernelWeights } from './kernel-weights.ts'
import type { Weights } from './weights.ts'

/** What decides a graph's form; graphs are reused among passes of the same form. */
export interface PassShape {
  /** Token rows, padding included. */
  readonly rows: number
  /** Cache slots that masks cover: of a row's window, or from the first one on where there are no windows. */
  readonly slots: number
  /** Rows whose logits are computed. */
  readonly outputs: number
  /** Layers whose incoming residual stream is read back; `layerCount` means the stream after the last layer. */
  readonly taps: readonly number[]
}

export interface ForwardParts {
  readonly backend: Backend
  readonly config: ModelConfig
  readonly weights: Weights
  /** The matrices that our own kernels take over; undefined where everything runs on ggml's operations. */
  readonly kernelWeights: KernelWeights | undefined
  readonly cache: KvCache
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
  /** I32 [rows] the slot that a row's window begins with; undefined where all begin with the first one */
  readonly bases: Tensor | undefined
  /** I32 [outputs]; undefined when all rows are wanted in order */
  readonly outputRows: Tensor | undefined
  /** F32 [vocab, outputs] */
  readonly logits: Tensor
  /** F32 [width, rows] per tap of the shape */
  readonly taps: readonly Tensor[]
}

/** The layers of one graph, on one kind of operations. */
export interface Layers {
  /** F32 [width, rows] */
  embed(tokens: Tensor): Tensor
  /** The residual stream (F32 [width, rows]) after layer `layer`. */
  decode(layer: number, stream: Tensor): Tensor
  /** F32 [vocab, rows] */
  head(stream: Tensor): Tensor
}

export interface LayerInputs {
  readonly positions: Tensor
  readonly slots: Tensor
  readonly mask: Tensor
  readonly bases: Tensor | undefined
}

/** Tensors per layer (operations, views, leaves) with room to spare. */
const TENSORS_PER_LAYER = 64

/** Builds and allocates the graph of one form. */
export function buildForward(parts: ForwardParts, shape: PassShape): ForwardGraph {
  const { config, backend } = parts
  const graph = new Graph(backend, config.layerCount * TENSORS_PER_LAYER + 256)
  try {
    const { ops } = graph
    const tokens = graph.input({ name: 'tokens', type: TYPE.I32, shape: [shape.rows] })
    const inputs: LayerInputs = {
      positions: graph.input({ name: 'positions', type: TYPE.I32, shape: [shape.rows] }),
      slots: graph.input({ name: 'slots', type: TYPE.I64, shape: [shape.rows] }),
      mask: graph.input({ name: 'mask', type: TYPE.F16, shape: [shape.slots, shape.rows] }),
      bases: parts.kernelWeights && graph.input({ name: 'bases', type: TYPE.I32, shape: [shape.rows] }),
    }
    const outputRows =
      shape.outputs < shape.rows ? graph.input({ name: 'outputs', type: TYPE.I32, shape: [shape.outputs] }) : undefined
    const taps = new Map<number, Tensor>()
    graph.shared = parts.kernelWeights?.complete ?? false
    const layers = parts.kernelWeights
      ? new KernelLayers(graph, parts, parts.kernelWeights, inputs)
      : ggmlLayers(graph, parts, inputs)
    let stream = layers.embed(tokens)
    for (let layer = 0; layer < config.layerCount; layer++) {
      if (shape.taps.includes(layer)) taps.set(layer, stream)
      stream = layers.decode(layer, stream)
    }
    if (shape.taps.includes(config.layerCount)) taps.set(config.layerCount, stream)
    for (const tap of taps.values()) graph.output(tap)
    if (outputRows) stream = ops.getRows(stream, outputRows)
    const logits = layers.head(stream)
    graph.output(logits)
    graph.allocate()
    return {
      graph,
      tokens,
      ...inputs,
      outputRows,
      logits,
      taps: shape.taps.map((layer) => taps.get(layer) as Tensor),
      [Symbol.dispose]: () => graph[Symbol.dispose](),
    }
  } catch (error) {
    graph[Symbol.dispose]()
    throw error
  }
}
