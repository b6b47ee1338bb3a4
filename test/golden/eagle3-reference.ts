/**
 * The forward pass of an EAGLE-3 head in float64, written from the definition: u = [norm(embedding); norm(state)], attention
 * over the rows before, residual from the state, SwiGLU; the output before its norm is the next state. A path of drafted
 * tokens is computed anew from the whole text each time: no cache, no batch, no tree. Shares nothing with the engine but
 * the reader of files.
 */
import type { GgufModel } from '../../src/gguf/index.ts'
import { readWeights, type Matrix } from './weights.ts'

/** One row: features of the target (first rows) or the output of the row before (drafted rows), with the next token. */
export interface ReferenceGuess {
  /** The output before its norm: [width]. */
  readonly state: Float64Array
  /** [draft vocabulary] */
  readonly logits: Float64Array
}

export class ReferenceHead {
  readonly #own: ReadonlyMap<string, Matrix>
  readonly #target: ReadonlyMap<string, Matrix>
  readonly #heads: number
  readonly #kvHeads: number
  readonly #epsilon: number
  readonly #base: number
  readonly #normBeforeResidual: boolean
  readonly #normBeforeFusion: boolean

  private constructor(file: GgufModel, own: ReadonlyMap<string, Matrix>, target: ReadonlyMap<string, Matrix>) {
    const { metadata } = file
    this.#own = own
    this.#target = target
    this.#heads = metadata.number('eagle3.attention.head_count')!
    this.#kvHeads = metadata.number('eagle3.attention.head_count_kv')!
    this.#epsilon = metadata.number('eagle3.attention.layer_norm_rms_epsilon')!
    this.#base = metadata.number('eagle3.rope.freq_base')!
    this.#normBeforeResidual = metadata.boolean('eagle3.norm_before_residual') ?? false
    this.#normBeforeFusion = metadata.boolean('eagle3.norm_before_fc') ?? false
  }

  static async open(file: GgufModel, target: GgufModel): Promise<ReferenceHead> {
    const own = { ...file, tensors: file.tensors.filter(({ name }) => name !== 'd2t') }
    return new ReferenceHead(file, await readWeights(own), await readWeights(target))
  }

  /**
   * `features[p]` are the target's at position p, `text[p + 1]` the token after it; then `drafted` tokens follow, each with
   * the output of the row before. The guess after each drafted token, and after the text first.
   */
  guesses(
    features: readonly Float64Array[],
    text: readonly number[],
    drafted: readonly number[] = [],
  ): ReferenceGuess[] {
    const states = features.map((feature) => this.#fuse(feature))
    const tokens = text.slice(1, features.length + 1)
    const results = [this.#lastRow(states, tokens)]
    for (const token of drafted) {
      states.push(results.at(-1)!.state)
      tokens.push(token)
      results.push(this.#lastRow(states, tokens))
    }
    return results
  }

  #fuse(feature: Float64Array): Float64Array {
    const input = this.#normBeforeFusion ? this.#norm(feature, 'enc.output_norm.weight') : feature
    return multiply(this.#matrix('fc.weight'), input)
  }

  #lastRow(states: readonly Float64Array[], tokens: readonly number[]): ReferenceGuess {
    const normed = states.map((state) => this.#norm(state, 'blk.0.attn_norm_2.weight'))
    const inputs = normed.map((state, row) => [
      ...this.#norm(this.#embed(tokens[row]!), 'blk.0.attn_norm.weight'),
      ...state,
    ])
    const project = (name: string, row: number): Float64Array =>
      multiply(this.#matrix(`blk.0.${name}.weight`), Float64Array.from(inputs[row]!))
    const keys = inputs.map((_, row) => this.#rotate(project('attn_k', row), this.#kvHeads, row))
    const values = inputs.map((_, row) => project('attn_v', row))
    const last = states.length - 1
    const query = this.#rotate(project('attn_q', last), this.#heads, last)
    const start = this.#normBeforeResidual ? normed[last]! : states[last]!
    const mixed = multiply(this.#matrix('blk.0.attn_output.weight'), this.#mix(query, keys, values))
    const attended = start.map((value, i) => value + mixed[i]!)
    const hidden = this.#norm(attended, 'blk.0.ffn_norm.weight')
    const up = multiply(this.#matrix('blk.0.ffn_up.weight'), hidden)
    const gated = multiply(this.#matrix('blk.0.ffn_gate.weight'), hidden).map(
      (value, i) => (value / (1 + Math.exp(-value))) * up[i]!,
    )
    const down = multiply(this.#matrix('blk.0.ffn_down.weight'), gated)
    const state = attended.map((value, i) => value + down[i]!)
    const head =
      this.#own.get('output.weight') ?? this.#target.get('output.weight') ?? this.#target.get('token_embd.weight')!
    return { state, logits: multiply(head, this.#norm(state, 'output_norm.weight')) }
  }

  #mix(query: Float64Array, keys: readonly Float64Array[], values: readonly Float64Array[]): Float64Array {
    const size = query.length / this.#heads
    const mixed = new Float64Array(query.length)
    for (let head = 0; head < this.#heads; head++) {
      const shared = Math.floor((head * this.#kvHeads) / this.#heads) * size
      const scores = keys.map((key) => {
        let dot = 0
        for (let i = 0; i < size; i++) dot += query[head * size + i]! * key[shared + i]!
        return Math.exp(dot / Math.sqrt(size))
      })
      const total = scores.reduce((sum, score) => sum + score, 0)
      values.forEach((value, row) => {
        for (let i = 0; i < size; i++) mixed[head * size + i]! += (scores[row]! / total) * value[shared + i]!
      })
    }
    return mixed
  }

  /** Neighbouring pairs (2i, 2i + 1), by the head's own base. */
  #rotate(x: Float64Array, heads: number, position: number): Float64Array {
    const size = x.length / heads
    const factors = this.#own.get('rope_freqs.weight')?.values
    const rotated = Float64Array.from(x)
    for (let first = 0; first < x.length; first += 2) {
      const pair = (first % size) / 2
      const angle = (position * this.#base ** ((-2 * pair) / size)) / (factors?.[pair] ?? 1)
      rotated[first] = x[first]! * Math.cos(angle) - x[first + 1]! * Math.sin(angle)
      rotated[first + 1] = x[first]! * Math.sin(angle) + x[first + 1]! * Math.cos(angle)
    }
    return rotated
  }

  #embed(token: number): Float64Array {
    const table = this.#own.get('token_embd.weight') ?? this.#target.get('token_embd.weight')!
    return Float64Array.from(table.values.subarray(token * table.inputs, (token + 1) * table.inputs))
  }

  #norm(x: Float64Array, name: string): Float64Array {
    const weights = this.#matrix(name).values
    const square = x.reduce((sum, value) => sum + value * value, 0) / x.length
    return x.map((value, i) => (value / Math.sqrt(square + this.#epsilon)) * weights[i]!)
  }

  #matrix(name: string): Matrix {
    const matrix = this.#own.get(name)
    if (!matrix) throw new Error(`expected a tensor ${name}, the head has none`)
    return matrix
  }
}

// ---------------------------------------------------------------------------------------------------------------

function multiply(matrix: Matrix, x: Float64Array): Float64Array {
  expectLength(matrix.inputs, x.length)
  return Float64Array.from({ length: matrix.outputs }, (_, output) => {
    let sum = 0
    for (let i = 0; i < matrix.inputs; i++) sum += matrix.values[output * matrix.inputs + i]! * x[i]!
    return sum
  })
}

function expectLength(expected: number, got: number): void {
  if (expected !== got) throw new Error(`expected ${expected} inputs of a product, got ${got}`)
}
