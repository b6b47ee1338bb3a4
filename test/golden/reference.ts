/**
 * A plain forward pass of `llama` and `qwen2` in float64, written from the papers' formulas and for nothing but clarity:
 * no cache, no batch, no graph. Our own graph must agree with it on every tiny model. Beyond reading the file it shares no
 * code with the engine.
 */
import type { GgufModel } from '../../src/gguf/index.ts'
import { readWeights, type Matrix } from './weights.ts'

interface Rotation {
  /** Neighbouring pairs (2i, 2i + 1), or halves (i, i + n/2). */
  readonly pairs: 'neighbours' | 'halves'
  /** [dimensions / 2] angle per position. */
  readonly frequencies: Float64Array
  /** Factor on rotated values (YaRN's attention temperature). */
  readonly magnitude: number
}

/** A model whose weights were read into memory. */
export class ReferenceModel {
  readonly #tensors: ReadonlyMap<string, Matrix>
  readonly #layers: number
  readonly #heads: number
  readonly #kvHeads: number
  readonly #epsilon: number
  readonly #rotation: Rotation

  private constructor(gguf: GgufModel, tensors: ReadonlyMap<string, Matrix>) {
    this.#tensors = tensors
    const architecture = gguf.metadata.string('general.architecture') ?? ''
    const number = (key: string): number | undefined => gguf.metadata.number(`${architecture}.${key}`)
    this.#layers = number('block_count') ?? 0
    this.#heads = number('attention.head_count') ?? 0
    this.#kvHeads = number('attention.head_count_kv') ?? this.#heads
    this.#epsilon = number('attention.layer_norm_rms_epsilon') ?? 0
    const headSize = this.#matrix('blk.0.attn_q.weight').outputs / this.#heads
    this.#rotation = rotationOf(gguf, architecture, headSize, this.#tensors.get('rope_freqs.weight')?.values)
  }

  static async open(gguf: GgufModel): Promise<ReferenceModel> {
    return new ReferenceModel(gguf, await readWeights(gguf))
  }

  /** Logits after every token of one text: `[tokens][vocab]`. */
  logits(tokens: readonly number[]): Float64Array[] {
    const head = this.#tensors.get('output.weight') ?? this.#matrix('token_embd.weight')
    return this.streams(tokens)[this.#layers]!.map((x) => multiply(head, this.#normalise(x, 'output_norm.weight')))
  }

  /** The residual stream that enters each layer, and the one after the last: `[layers + 1][tokens][width]`. */
  streams(tokens: readonly number[]): Float64Array[][] {
    const embeddings = this.#matrix('token_embd.weight')
    const streams: Float64Array[][] = [tokens.map((token) => Float64Array.from(row(embeddings, token)))]
    for (let layer = 0; layer < this.#layers; layer++) {
      const attended = this.#attend(streams[layer]!, `blk.${layer}.`)
      streams.push(attended.map((x) => this.#feedForward(x, `blk.${layer}.`)))
    }
    return streams
  }

  #attend(rows: readonly Float64Array[], block: string): Float64Array[] {
    const normed = rows.map((x) => this.#normalise(x, `${block}attn_norm.weight`))
    const project = (name: string): Float64Array[] =>
      normed.map((x) =>
        addBias(multiply(this.#matrix(`${block}${name}.weight`), x), this.#tensors.get(`${block}${name}.bias`)),
      )
    const queries = project('attn_q').map((x, position) => rotateHeads(x, this.#heads, position, this.#rotation))
    const keys = project('attn_k').map((x, position) => rotateHeads(x, this.#kvHeads, position, this.#rotation))
    const values = project('attn_v')
    const output = this.#matrix(`${block}attn_output.weight`)
    return rows.map((x, position) => add(x, multiply(output, this.#mix(queries[position]!, keys, values, position))))
  }

  /** Attention of one row over itself and everything before it. */
  #mix(
    query: Float64Array,
    keys: readonly Float64Array[],
    values: readonly Float64Array[],
    position: number,
  ): Float64Array {
    const size = query.length / this.#heads
    const mixed = new Float64Array(query.length)
    for (let head = 0; head < this.#heads; head++) {
      const shared = Math.floor((head * this.#kvHeads) / this.#heads) // heads that share one key head stand together
      const scores: number[] = []
      for (let other = 0; other <= position; other++) {
        let dot = 0
        for (let i = 0; i < size; i++) dot += query[head * size + i]! * keys[other]![shared * size + i]!
        scores.push(dot / Math.sqrt(size))
      }
      const top = Math.max(...scores)
      const weights = scores.map((score) => Math.exp(score - top))
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      for (let i = 0; i < size; i++) {
        let sum = 0
        for (let other = 0; other <= position; other++)
          sum += (weights[other]! / total) * values[other]![shared * size + i]!
        mixed[head * size + i] = sum
      }
    }
    return mixed
  }

  #feedForward(x: Float64Array, block: string): Float64Array {
    const normed = this.#normalise(x, `${block}ffn_norm.weight`)
    const gate = multiply(this.#matrix(`${block}ffn_gate.weight`), normed)
    const up = multiply(this.#matrix(`${block}ffn_up.weight`), normed)
    const hidden = gate.map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!)
    return add(x, multiply(this.#matrix(`${block}ffn_down.weight`), hidden))
  }

  #normalise(x: Float64Array, name: string): Float64Array {
    const weights = this.#matrix(name).values
    let squares = 0
    for (const value of x) squares += value * value
    const scale = 1 / Math.sqrt(squares / x.length + this.#epsilon)
    return x.map((value, i) => value * scale * weights[i]!)
  }

  #matrix(name: string): Matrix {
    const matrix = this.#tensors.get(name)
    if (!matrix) throw new Error(`expected a tensor ${name}, the file has none`)
    return matrix
  }
}

// ---------------------------------------------------------------------------------------------------------------

function rotationOf(
  gguf: GgufModel,
  architecture: string,
  headSize: number,
  factors: Float32Array | undefined,
): Rotation {
  const { metadata } = gguf
  const base = metadata.number(`${architecture}.rope.freq_base`) ?? 10000
  const scaling = metadata.string(`${architecture}.rope.scaling.type`) ?? 'none'
  const factor = metadata.number(`${architecture}.rope.scaling.factor`) ?? 1
  const plain = Float64Array.from(
    { length: headSize / 2 },
    (_, i) => base ** ((-2 * i) / headSize) / (factors?.[i] ?? 1),
  )
  const pairs = architecture === 'qwen2' ? 'halves' : 'neighbours'
  if (scaling === 'none') return { pairs, frequencies: plain, magnitude: 1 }
  if (scaling === 'linear') return { pairs, frequencies: plain.map((frequency) => frequency / factor), magnitude: 1 }
  if (scaling !== 'yarn') throw new Error(`expected rope scaling none, linear or yarn, got ${scaling}`)
  // YaRN (Peng et al. 2023), section 3: waves that turn often within the original context stay as they are, those that
  // turn less than once are interpolated, and between them (beta 32 and 1) the two are mixed along a ramp.
  const original = metadata.number(`${architecture}.rope.scaling.original_context_length`) ?? 0
  const pairOf = (turns: number): number =>
    (headSize * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(base))
  const first = Math.max(0, Math.floor(pairOf(32)))
  const last = Math.min(headSize - 1, Math.ceil(pairOf(1)))
  const frequencies = plain.map((frequency, i) => {
    const interpolated = Math.min(1, Math.max(0, (i - first) / Math.max(0.001, last - first)))
    return (frequency / factor) * interpolated + frequency * (1 - interpolated)
  })
  return { pairs, frequencies, magnitude: 1 + 0.1 * Math.log(factor) }
}

function rotateHeads(x: Float64Array, heads: number, position: number, rotation: Rotation): Float64Array {
  const size = x.length / heads
  const rotated = Float64Array.from(x)
  for (let head = 0; head < heads; head++) {
    for (let pair = 0; pair < size / 2; pair++) {
      const first = head * size + (rotation.pairs === 'neighbours' ? 2 * pair : pair)
      const second = first + (rotation.pairs === 'neighbours' ? 1 : size / 2)
      const angle = position * rotation.frequencies[pair]!
      const [cos, sin] = [Math.cos(angle) * rotation.magnitude, Math.sin(angle) * rotation.magnitude]
      rotated[first] = x[first]! * cos - x[second]! * sin
      rotated[second] = x[first]! * sin + x[second]! * cos
    }
  }
  return rotated
}

function row(matrix: Matrix, index: number): Float32Array {
  return matrix.values.subarray(index * matrix.inputs, (index + 1) * matrix.inputs)
}

function multiply(matrix: Matrix, x: Float64Array): Float64Array {
  const result = new Float64Array(matrix.outputs)
  for (let output = 0; output < matrix.outputs; output++) {
    const weights = row(matrix, output)
    let sum = 0
    for (let i = 0; i < weights.length; i++) sum += weights[i]! * x[i]!
    result[output] = sum
  }
  return result
}

function add(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]!)
}

function addBias(x: Float64Array, bias: Matrix | undefined): Float64Array {
  return bias ? x.map((value, i) => value + bias.values[i]!) : x
}
