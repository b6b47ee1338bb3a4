/** The weights of a head in training with gradients and AdamW's moments: one store of float32 tensors that outlives all graphs. */
import { UsageError } from '../../util/errors.ts'
import { defined } from '../../util/assert.ts'
import { TensorStore, TYPE, type Backend, type Tensor, type TensorSpec } from '../../tensor/index.ts'
import type { HeadShape } from '../types.ts'
import type { Learner } from './tape.ts'

/** A weight and what training keeps beside it, all of one shape. */
export interface Parameter {
  readonly name: string
  readonly value: Tensor
  readonly gradient: Tensor
  /** Running means of the gradient and of its square. */
  readonly moments: readonly [Tensor, Tensor]
}

/** Extents of every tensor of a head file in ggml's order ([inputs, outputs] for a matrix), by name. */
export function headLayout(shape: HeadShape): ReadonlyMap<string, readonly number[]> {
  const { width, feedForwardWidth, headCount, kvHeadCount, headDim, draftVocabSize } = shape
  return new Map<string, readonly number[]>([
    ['fc.weight', [3 * width, width]],
    ['blk.0.attn_norm.weight', [width]],
    ['blk.0.attn_norm_2.weight', [width]],
    ['blk.0.attn_q.weight', [2 * width, headCount * headDim]],
    ['blk.0.attn_k.weight', [2 * width, kvHeadCount * headDim]],
    ['blk.0.attn_v.weight', [2 * width, kvHeadCount * headDim]],
    ['blk.0.attn_output.weight', [headCount * headDim, width]],
    ['blk.0.ffn_norm.weight', [width]],
    ['blk.0.ffn_gate.weight', [width, feedForwardWidth]],
    ['blk.0.ffn_up.weight', [width, feedForwardWidth]],
    ['blk.0.ffn_down.weight', [feedForwardWidth, width]],
    ['output_norm.weight', [width]],
    ['output.weight', [width, draftVocabSize]],
  ])
}

/** Refuses weights that are missing, of another size, no numbers, or not of a head: `bad-option`. */
export function checkWeights(shape: HeadShape, weights: ReadonlyMap<string, Float32Array>): void {
  const layout = headLayout(shape)
  for (const [name, extents] of layout) {
    const values = weights.get(name)
    const wanted = extents.reduce((product, extent) => product * extent, 1)
    if (values?.length !== wanted)
      throw new UsageError(
        'bad-option',
        `expected ${wanted} numbers in ${name}, got ${values?.length ?? 'none'}; give weights of this head's sizes`,
      )
    if (!values.every(Number.isFinite))
      throw new UsageError('bad-option', `expected finite numbers in ${name}, got others; start from a sound head`)
  }
  for (const name of weights.keys())
    if (!layout.has(name))
      throw new UsageError('bad-option', `expected tensors of a plain head, got ${name}; remove it from the weights`)
}

/** What graphs see of parameters: values, and where their gradients go. */
export interface Learners {
  /** One and the same object for a name. */
  get(name: string): Learner
  /** Zeros in the gradient of a parameter of which graphs write parts. */
  clear(name: string): void
}

export class Parameters implements Learners, Disposable {
  readonly list: readonly Parameter[]
  readonly #store: TensorStore

  constructor(backend: Backend, shape: HeadShape, weights: ReadonlyMap<string, Float32Array>) {
    checkWeights(shape, weights)
    const layout = [...headLayout(shape)]
    const kinds = ['', 'gradient ', 'mean ', 'square '] as const
    const specs = layout.flatMap(([name, extents]) =>
      kinds.map((kind): TensorSpec => ({ name: kind + name, type: TYPE.F32, shape: extents })),
    )
    this.#store = new TensorStore(backend, specs)
    this.list = layout.map(([name]) => ({
      name,
      value: this.#store.get(name),
      gradient: this.#store.get(`gradient ${name}`),
      moments: [this.#store.get(`mean ${name}`), this.#store.get(`square ${name}`)],
    }))
    for (const { name, value, moments } of this.list) {
      this.view(value).set(defined(weights.get(name)))
      for (const moment of moments) this.view(moment).fill(0)
    }
  }

  get bytes(): number {
    return this.#store.bytes
  }

  get(name: string): Parameter {
    return defined(
      this.list.find((parameter) => parameter.name === name),
      name,
    )
  }

  /** The numbers themselves: what is written is the new value. */
  view(tensor: Tensor): Float32Array {
    return numbersOf(this.#store, tensor)
  }

  clear(name: string): void {
    this.view(this.get(name).gradient).fill(0)
  }

  /** The length of all gradients together. */
  gradientNorm(): number {
    let sum = 0
    for (const { gradient } of this.list) {
      const values = this.view(gradient)
      for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2
    }
    return Math.sqrt(sum)
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]()
  }
}

/** Further gradients of the same parameters, for graphs that compute at the same time. */
export class Gradients implements Learners, Disposable {
  readonly #store: TensorStore
  readonly #parameters: Parameters
  readonly #learners: ReadonlyMap<string, Learner>

  constructor(backend: Backend, parameters: Parameters) {
    this.#parameters = parameters
    this.#store = new TensorStore(
      backend,
      parameters.list.map(({ name, value }) => ({ name, type: TYPE.F32, shape: value.shape })),
    )
    this.#learners = new Map(
      parameters.list.map(({ name, value }) => [name, { value, gradient: this.#store.get(name) }]),
    )
  }

  get bytes(): number {
    return this.#store.bytes
  }

  get(name: string): Learner {
    return defined(this.#learners.get(name), name)
  }

  clear(name: string): void {
    this.#view(name).fill(0)
  }

  /** Adds these gradients to those of the parameters. */
  add(): void {
    for (const { name, gradient } of this.#parameters.list) {
      const [sums, own] = [this.#parameters.view(gradient), this.#view(name)]
      for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (own[i] as number)
    }
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]()
  }

  #view(name: string): Float32Array {
    return numbersOf(this.#store, this.get(name).gradient)
  }
}

// ---------------------------------------------------------------------------------------------------------------

function numbersOf(store: TensorStore, tensor: Tensor): Float32Array {
  const bytes = store.view(tensor)
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}
