/**
 * Where a new head begins: its decoder layer is the target's last one reading the highest tap, its output head the target's.
 * So the first loss is near what the target itself would get from that tap. Norms are multiplied into the matrices behind
 * them and the stream is scaled to length one per number, so that one learning rate suits every tensor.
 */
import { defined } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import type { HeadShape, TeacherTables } from '../types.ts'
import { checkWeights } from './parameters.ts'

export interface InitialOptions {
  readonly shape: HeadShape
  readonly teacher: TeacherTables
  /**
   * The target's last layer, row-major [outputs, inputs], by name without `blk.N.` and `.weight`: attn_norm, attn_q, attn_k,
   * attn_v, attn_output, ffn_norm, ffn_gate, ffn_up, ffn_down.
   */
  readonly layer: ReadonlyMap<string, Float32Array>
  /** How the target rotates: neighbours, or halves (then rows of query and key are put in the order of neighbours). */
  readonly rotation: 'normal' | 'neox'
  /** Root mean square of the three tapped streams, low to high, as measured on some text. */
  readonly tapScales: readonly [number, number, number]
  readonly seed: number
  /** Size of the random part (embedding half of query, key and value; all taps of the fusion). Default 1. */
  readonly noise?: number
}

/** Standard deviations of the random parts, times 1 / sqrt(inputs). */
const FUSION_NOISE = 0.05
const EMBEDDING_NOISE = 0.35

/** Weights of a head that begins as the target's last layer. Throws `bad-option` where the layer's sizes are not the head's. */
export function initialWeights(options: InitialOptions): Map<string, Float32Array> {
  const { shape, teacher, layer, rotation, tapScales } = options
  const { width, headDim } = shape
  checkLayer(options)
  const take = (name: string): Float32Array => defined(layer.get(name), name)
  const random = noiseSource(options.seed, options.noise ?? 1)
  const highest = tapScales[2]
  const ones = (): Float32Array => new Float32Array(width).fill(1)
  const attention = (name: string, turned: boolean): Float32Array => {
    const rows = turned && rotation === 'neox' ? pairNeighbours(take(name), width, headDim) : take(name)
    return besideEmbedding(timesColumns(rows, take('attn_norm')), width, random)
  }
  const weights = new Map<string, Float32Array>([
    ['fc.weight', fusion(width, tapScales, random)],
    ['blk.0.attn_norm.weight', ones()],
    ['blk.0.attn_norm_2.weight', ones()],
    ['blk.0.attn_q.weight', attention('attn_q', true)],
    ['blk.0.attn_k.weight', attention('attn_k', true)],
    ['blk.0.attn_v.weight', attention('attn_v', false)],
    ['blk.0.attn_output.weight', take('attn_output').map((x) => x / highest)],
    ['blk.0.ffn_norm.weight', ones()],
    ['blk.0.ffn_gate.weight', timesColumns(take('ffn_gate'), take('ffn_norm'))],
    ['blk.0.ffn_up.weight', timesColumns(take('ffn_up'), take('ffn_norm'))],
    ['blk.0.ffn_down.weight', take('ffn_down').map((x) => x / highest)],
    ['output_norm.weight', ones()],
    ['output.weight', timesColumns(teacher.output, teacher.outputNorm)],
  ])
  checkWeights(shape, weights)
  return weights
}

// ---------------------------------------------------------------------------------------------------------------

function checkLayer({ shape, layer, tapScales }: InitialOptions): void {
  const { width, feedForwardWidth, headCount, kvHeadCount, headDim } = shape
  const sizes = {
    attn_norm: width,
    attn_q: headCount * headDim * width,
    attn_k: kvHeadCount * headDim * width,
    attn_v: kvHeadCount * headDim * width,
    attn_output: headCount * headDim * width,
    ffn_norm: width,
    ffn_gate: feedForwardWidth * width,
    ffn_up: feedForwardWidth * width,
    ffn_down: feedForwardWidth * width,
  }
  for (const [name, wanted] of Object.entries(sizes)) {
    const found = layer.get(name)?.length
    if (found === wanted) continue
    throw new UsageError(
      'bad-option',
      `expected ${wanted} numbers in ${name} of the target, got ${found ?? 'none'}; give the head the target's sizes`,
    )
  }
  if (!tapScales.every((scale) => scale > 0 && Number.isFinite(scale)))
    throw new UsageError('bad-option', `expected positive sizes of streams, got ${tapScales.join(', ')}; measure them`)
}

/** The highest tap as it is, scaled to size one, and a little of everything. */
function fusion(width: number, scales: readonly number[], random: (inputs: number) => number): Float32Array {
  const matrix = new Float32Array(width * 3 * width)
  for (let row = 0; row < width; row++) {
    for (let column = 0; column < 3 * width; column++) {
      const scale = defined(scales[Math.floor(column / width)])
      const identity = column === 2 * width + row ? 1 : 0
      matrix[row * 3 * width + column] = (identity + FUSION_NOISE * random(3 * width)) / scale
    }
  }
  return matrix
}

/** Rows [width] to rows [2 * width]: noise for the embedding in front. */
function besideEmbedding(rows: Float32Array, width: number, random: (inputs: number) => number): Float32Array {
  const matrix = new Float32Array(2 * rows.length)
  for (let row = 0; row * width < rows.length; row++) {
    const from = 2 * row * width
    for (let i = 0; i < width; i++) matrix[from + i] = EMBEDDING_NOISE * random(2 * width)
    matrix.set(rows.subarray(row * width, (row + 1) * width), from + width)
  }
  return matrix
}

function timesColumns(rows: Float32Array, factors: Float32Array): Float32Array {
  return rows.map((x, i) => x * defined(factors[i % factors.length]))
}

/** Rows i and i + headDim / 2 of each head become neighbours. */
function pairNeighbours(rows: Float32Array, width: number, headDim: number): Float32Array {
  const result = new Float32Array(rows.length)
  const half = headDim / 2
  for (let row = 0; row * width < rows.length; row++) {
    const [head, place] = [Math.floor(row / headDim), row % headDim]
    const to = head * headDim + (place < half ? 2 * place : 2 * (place - half) + 1)
    result.set(rows.subarray(row * width, (row + 1) * width), to * width)
  }
  return result
}

/** Uniform numbers with standard deviation `size` / sqrt(inputs): xorshift32 (Marsaglia 2003), quick enough for millions. */
function noiseSource(seed: number, size: number): (inputs: number) => number {
  let state = Math.imul(Math.trunc(seed) + 1, 0x9e3779b1) | 1
  return (inputs) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (size * Math.sqrt(3) * (state / 2 ** 31)) / Math.sqrt(inputs)
  }
}
