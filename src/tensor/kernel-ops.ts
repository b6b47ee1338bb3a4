/**
 * The operations of `native/heterospec.h` as nodes of a graph, each checked in TypeScript first. Their settings are C
 * structs that must outlive every graph that uses them: `KernelMemory` holds them together with the packed weights.
 */
import { assert } from '../util/assert.ts'
import type { BaseFunctions, ContextPtr, KernelOperation, Kernels } from '../ffi/index.ts'
import { contiguousStrides, describe, fullShape, requireType } from './shape.ts'
import { TYPE, type Tensor } from './types.ts'

/** Address of a C struct with an operation's settings. */
export type Settings = bigint

/** Bytes of 32 activations of one row with their scale and sums (`struct hs_act`). */
const ACTIVATION_BYTES = 64
const BLOCK = 32

/** `GGML_N_TASKS_MAX`: as many shares as there are threads. */
const ALL_THREADS = -1

export interface AttentionSizes {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
}

/** What the rows of a pass may see. */
export interface CacheWindows {
  /** F16 [window, rows] 0 = visible, -inf = hidden */
  readonly mask: Tensor
  /** I32 [rows] the slot that a row's window begins with */
  readonly bases: Tensor
}

export class KernelOps {
  readonly #base: BaseFunctions
  readonly #context: ContextPtr
  readonly #kernels: Kernels

  constructor(base: BaseFunctions, context: ContextPtr, kernels: Kernels) {
    this.#base = base
    this.#context = context
    this.#kernels = kernels
  }

  /** RMS norm of `a` (F32 [K, rows]) times `weight` (F32 [K]), as activations or F32. */
  norm(a: Tensor, weight: Tensor, settings: Settings, as: 'activations' | 'f32'): Tensor {
    requireType(a, TYPE.F32, 'norm')
    requireType(weight, TYPE.F32, 'norm')
    assert(weight.shape[0] === a.shape[0], `norm: ${describe(a)} by ${describe(weight)}`)
    return this.#rounded('norm', as, a.shape[0], a.shape[1], [a, weight], settings)
  }

  /** `a` (F32 [K, rows]) as activations. */
  quantise(a: Tensor, settings: Settings): Tensor {
    requireType(a, TYPE.F32, 'quantise')
    return this.#rounded('quantise', 'activations', a.shape[0], a.shape[1], [a], settings)
  }

  /** `a` (F32 [2 F, rows], gate first): silu(gate) * other as activations or F32 [F, rows]. */
  swiglu(a: Tensor, settings: Settings, as: 'activations' | 'f32'): Tensor {
    requireType(a, TYPE.F32, 'swiglu')
    assert(a.shape[0] % 2 === 0, `swiglu: ${describe(a)}`)
    return this.#rounded('swiglu', as, a.shape[0] / 2, a.shape[1], [a], settings)
  }

  /** The logarithm of the sum of the exponentials of each row of `a` (F32 [K, rows]): F32 [1, rows]. */
  sums(a: Tensor, settings: Settings): Tensor {
    requireType(a, TYPE.F32, 'sums')
    return this.#node('sums', TYPE.F32, [1, a.shape[1]], [a], settings)
  }

  /** Products with the matrices of `settings` (`inputs` wide, `outputs` columns in all), plus `added` (F32 [outputs, rows]). */
  linear(a: Tensor, settings: Settings, inputs: number, outputs: number, added?: Tensor): Tensor {
    const rows = a.shape[1]
    const wanted = a.type === TYPE.F32 ? [inputs, rows, 1, 1] : [ACTIVATION_BYTES, rows, inputs / BLOCK, 1]
    assert(
      wanted.every((extent, axis) => extent === a.shape[axis]),
      `linear: ${describe(a)} for ${inputs} inputs`,
    )
    if (added) {
      requireType(added, TYPE.F32, 'linear')
      assert(added.shape[0] === outputs && added.shape[1] === rows, `linear: ${describe(added)} to ${outputs} columns`)
    }
    return this.#node('linear', TYPE.F32, [outputs, rows], [a, added], settings)
  }

  /** The columns `tokens` (I32 [rows]) of the matrix of `settings`, which has `inputs` rows: F32 [inputs, rows]. */
  embed(tokens: Tensor, settings: Settings, inputs: number): Tensor {
    requireType(tokens, TYPE.I32, 'embed')
    return this.#node('embed', TYPE.F32, [inputs, tokens.shape[0]], [tokens], settings)
  }

  /** Cosine and sine of every angle at `positions` (I32 [rows]): F32 [dims, rows]. */
  rope(positions: Tensor, factors: Tensor | undefined, dims: number, settings: Settings): Tensor {
    requireType(positions, TYPE.I32, 'rope')
    if (factors) {
      requireType(factors, TYPE.F32, 'rope')
      assert(factors.shape[0] >= dims / 2, `rope: too few factors in ${describe(factors)}`)
    }
    return this.#node('rope', TYPE.F32, [dims, positions.shape[0]], [positions, factors], settings)
  }

  /**
   * Rotates queries and keys of `qkv` (F32 [(heads + 2 kvHeads) headDim, rows]), writes keys and values to `slots`
   * (I64 [rows]) of the cache; the rotated queries F32 [heads headDim, rows].
   */
  store(
    qkv: Tensor,
    rope: Tensor,
    slots: Tensor,
    [keys, values]: readonly [Tensor, Tensor],
    sizes: AttentionSizes,
    settings: Settings,
  ): Tensor {
    const { heads, kvHeads, headDim } = sizes
    const rows = qkv.shape[1]
    requireType(qkv, TYPE.F32, 'store')
    requireType(slots, TYPE.I64, 'store')
    assert(qkv.shape[0] === (heads + 2 * kvHeads) * headDim, `store: ${describe(qkv)}`)
    assert(rope.shape[1] === rows && slots.shape[0] === rows, `store: ${describe(rope)}, ${describe(slots)}`)
    requireCache(keys, values, kvHeads * headDim)
    return this.#node('store', TYPE.F32, [heads * headDim, rows], [qkv, rope, slots, keys, values], settings)
  }

  /**
   * Attention of rotated `queries` over the cache, as activations or F32. Each row sees what `mask` (F16 [window, rows])
   * shows of the window that begins with its slot of `bases` (I32 [rows]).
   */
  attend(
    queries: Tensor,
    [keys, values]: readonly [Tensor, Tensor],
    { mask, bases }: CacheWindows,
    sizes: AttentionSizes,
    settings: Settings,
    as: 'activations' | 'f32',
  ): Tensor {
    const { heads, kvHeads, headDim } = sizes
    const width = heads * headDim
    requireType(queries, TYPE.F32, 'attend')
    requireType(mask, TYPE.F16, 'attend')
    requireCache(keys, values, kvHeads * headDim)
    assert(queries.shape[0] === width && queries.shape[1] === mask.shape[1], `attend: ${describe(queries)}`)
    requireType(bases, TYPE.I32, 'attend')
    assert(bases.shape[0] === mask.shape[1], `attend: ${describe(bases)} for ${describe(mask)}`)
    assert(mask.shape[0] <= keys.shape[1], `attend: ${describe(mask)} over ${describe(keys)}`)
    return this.#rounded('attend', as, width, queries.shape[1], [queries, keys, values, mask, bases], settings)
  }

  /** Packs a matrix; the settings say which. The result is only a handle. */
  pack(settings: Settings): Tensor {
    return this.#node('pack', TYPE.F32, [1], [], settings)
  }

  #rounded(
    name: KernelOperation,
    as: 'activations' | 'f32',
    width: number,
    rows: number,
    sources: readonly Tensor[],
    settings: Settings,
  ): Tensor {
    if (as === 'f32') return this.#node(name, TYPE.F32, [width, rows], sources, settings)
    assert(width % BLOCK === 0, `${name}: ${width} is no multiple of ${BLOCK}`)
    return this.#node(name, TYPE.I8, [ACTIVATION_BYTES, rows, width / BLOCK], sources, settings)
  }

  #node(
    name: KernelOperation,
    type: number,
    extents: readonly number[],
    sources: readonly (Tensor | undefined)[],
    settings: Settings,
  ): Tensor {
    const shape = fullShape(extents)
    // C wants an address even for no sources.
    const places = sources.length > 0 ? sources : [undefined]
    const pointer = this.#base.ggml_custom_4d(
      this.#context,
      type,
      ...shape,
      BigInt64Array.from(places, (source) => source?.pointer ?? 0n),
      sources.length,
      this.#kernels.functions[name],
      ALL_THREADS,
      settings,
    )
    return { pointer, type, shape, strides: contiguousStrides(this.#base, type, shape), name }
  }
}

function requireCache(keys: Tensor, values: Tensor, width: number): void {
  const known: readonly number[] = [TYPE.F32, TYPE.F16, TYPE.Q8_0]
  assert(known.includes(keys.type) && keys.type === values.type, `cache: ${describe(keys)}, ${describe(values)}`)
  assert(keys.shape[0] === width && values.shape[0] === width, `cache: ${describe(keys)}, ${describe(values)}`)
  assert(keys.shape[1] === values.shape[1], `cache: ${describe(keys)}, ${describe(values)}`)
}
