/**
 * The two passes of an EAGLE-3 head as graphs. Reading: rows of texts with true features of the target go into the head's
 * cache; only the last one of each text is computed to the end, because only from there is drafted. Drafting: one level of each
 * text's tree, each node with the state of its parent.
 */
import { Graph, TYPE, type Tensor } from '../tensor/index.ts'
import { headLayers, type HeadParts, type StoredRows } from './eagle3-layers.ts'
import { embedTokens } from './target-loan.ts'

export interface HeadShape {
  readonly rows: number
  /** Cache slots that masks cover: of the text's window, or from the first one on where there are no windows. */
  readonly slots: number
  /** Features of the target, or states of the head itself. */
  readonly reads: 'features' | 'states'
  /** Rows that are computed to the end; as many as rows means all in order. */
  readonly outputs: number
}

export interface HeadGraph extends Disposable {
  readonly graph: Graph
  /** F32 [taps * target width or width, rows] */
  readonly input: Tensor
  /** I32 [rows] */
  readonly tokens: Tensor
  /** I32 [rows] */
  readonly positions: Tensor
  /** I64 [rows] */
  readonly slots: Tensor
  /** Of the rows that are computed to the end. */
  readonly guess: HeadGuessTensors | undefined
}

export interface HeadGuessTensors {
  /** I32 [guesses]; undefined when all rows are wanted in order. */
  readonly outputs: Tensor | undefined
  /** F16 [slots, guesses] */
  readonly mask: Tensor
  /** I32 [guesses] the slot that the window begins with; undefined on ggml's operations. */
  readonly bases: Tensor | undefined
  /** F32 [width, guesses] */
  readonly states: Tensor
  /** F32 [draft vocabulary, guesses] */
  readonly logits: Tensor
  /** F32 [1, guesses] the logarithm of the sum of a row's exponentials; undefined where `logits` are probabilities already. */
  readonly sums: Tensor | undefined
}

const CAPACITY = 256

/** Builds and allocates the graph of one form. */
export function buildHead(parts: HeadParts, shape: HeadShape): HeadGraph {
  const { config, target, weights } = parts
  const { rows } = shape
  const graph = new Graph(target.backend, CAPACITY)
  try {
    graph.shared = runsOnKernels(parts)
    const width = shape.reads === 'features' ? config.targetLayers.length * config.targetWidth : config.width
    const input = graph.input({ name: shape.reads, type: TYPE.F32, shape: [width, rows] })
    const tokens = graph.input({ name: 'tokens', type: TYPE.I32, shape: [rows] })
    const positions = graph.input({ name: 'positions', type: TYPE.I32, shape: [rows] })
    const slots = graph.input({ name: 'slots', type: TYPE.I64, shape: [rows] })
    const layers = headLayers(graph, parts, { positions, slots })
    const owner = config.ownEmbedding ? { weights, kernelWeights: undefined } : target
    const stored = layers.store(
      embedTokens(graph, owner, tokens),
      shape.reads === 'features' ? layers.fuse(input) : input,
    )
    let guess: HeadGuessTensors | undefined
    if (shape.outputs === 0) graph.output(stored.queries)
    else {
      const input = { type: TYPE.I32, shape: [shape.outputs] }
      const outputs = shape.outputs < rows ? graph.input({ name: 'outputs', ...input }) : undefined
      const mask = graph.input({ name: 'mask', type: TYPE.F16, shape: [shape.slots, shape.outputs] })
      const bases = parts.kernelWeights && graph.input({ name: 'bases', ...input })
      const states = layers.attend(outputs ? pick(graph, stored, outputs) : stored, mask, bases)
      graph.output(states)
      guess = { outputs, mask, bases, states, ...rank(graph, parts, layers.logits(states)) }
    }
    graph.allocate()
    const dispose = (): void => graph[Symbol.dispose]()
    return { graph, input, tokens, positions, slots, guess, [Symbol.dispose]: dispose }
  } catch (error) {
    graph[Symbol.dispose]()
    throw error
  }
}

// ---------------------------------------------------------------------------------------------------------------

function pick(graph: Graph, { queries, residual }: StoredRows, rows: Tensor): StoredRows {
  return { queries: graph.ops.getRows(queries, rows), residual: graph.ops.getRows(residual, rows) }
}

/** What guesses are read from: logits and their sums by our kernels, which write no row, else probabilities. */
function rank(graph: Graph, parts: HeadParts, logits: Tensor): Pick<HeadGuessTensors, 'logits' | 'sums'> {
  const none = (parts.kernelWeights ?? parts.target.kernelWeights)?.settings.none
  const ranked = graph.kernels && none !== undefined ? logits : graph.ops.softMax(logits)
  graph.output(ranked)
  const sums = ranked === logits && none !== undefined ? graph.kernels?.sums(logits, none) : undefined
  if (sums) graph.output(sums)
  return { logits: ranked, sums }
}

/** True when no product is left to ggml: then no row depends on another. `embedTokens` is too small to be shared. */
export function runsOnKernels({ config, kernelWeights, target }: HeadParts): boolean {
  if (kernelWeights === undefined) return false
  const groups = ['fusion', 'qkv', 'attn_output', 'gate_up', 'ffn_down'] as const
  const head = config.ownOutput ? kernelWeights.group('head') : target.kernelWeights?.group('head')
  return head !== undefined && groups.every((name) => kernelWeights.group(name) !== undefined)
}
