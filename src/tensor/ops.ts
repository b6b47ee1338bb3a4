/**
 * The operations that transformer graphs need, with ggml's names and order of arguments, each checked in TypeScript first.
 * Shapes are in ggml's order (axis 0 contiguous). An `Ops` appends tensors to one graph context and owns nothing.
 */
import { assert } from '../util/assert.ts'
import type { BaseFunctions, ContextPtr, TensorPtr } from '../ffi/index.ts'
import {
  contiguousStrides,
  describe,
  elementCount,
  fullShape,
  isContiguous,
  requireBroadcast,
  requireType,
} from './shape.ts'
import { TYPE, type Shape, type Tensor } from './types.ts'

/** Rotary position embedding; the names of the fields follow the papers (RoPE, YaRN). */
export interface RopeSettings {
  /** `normal` rotates neighbours (2i, 2i+1), `neox` rotates halves (i, i + n/2). */
  readonly mode: 'normal' | 'neox'
  readonly dims: number
  readonly base: number
  readonly scale: number
  readonly originalContext: number
  readonly extFactor: number
  readonly attnFactor: number
  readonly betaFast: number
  readonly betaSlow: number
}

/** The numbers that `ggml_rope_ext` and its backward twin take last, in their order. */
export function ropeArguments(rope: RopeSettings) {
  const { dims, mode, originalContext, base, scale, extFactor, attnFactor, betaFast, betaSlow } = rope
  const modeNumber = mode === 'neox' ? 2 : 0
  return [dims, modeNumber, originalContext, base, scale, extFactor, attnFactor, betaFast, betaSlow] as const
}

/** Accumulate in 32 bits (`GGML_PREC_F32`). */
const PRECISION_F32 = 10

export class Ops {
  readonly #base: BaseFunctions
  readonly #context: ContextPtr

  constructor(base: BaseFunctions, context: ContextPtr) {
    this.#base = base
    this.#context = context
  }

  /** Rows `ids` (I32 [n]) of `a` [width, rows] as F32 [width, n]. */
  getRows(a: Tensor, ids: Tensor): Tensor {
    requireType(ids, TYPE.I32, 'getRows')
    assert(a.shape[2] === 1 && ids.shape[1] === 1, `getRows: ${describe(a)} by ${describe(ids)}`)
    return this.#fresh(this.#base.ggml_get_rows(this.#context, a.pointer, ids.pointer), [
      a.shape[0],
      ids.shape[0],
      1,
      1,
    ])
  }

  /** Writes the rows of `src` (F32 [width, n]) to rows `ids` (I64 [n]) of `dst`; the result is a view of `dst`. */
  setRows(dst: Tensor, src: Tensor, ids: Tensor): Tensor {
    requireType(src, TYPE.F32, 'setRows')
    requireType(ids, TYPE.I64, 'setRows')
    assert(
      dst.shape[0] === src.shape[0] && src.shape[1] === ids.shape[0],
      `setRows: ${describe(src)} to ${describe(dst)}`,
    )
    assert(src.shape[2] === 1 && dst.shape[2] === 1, `setRows: ${describe(src)} must be a matrix`)
    const pointer = this.#base.ggml_set_rows(this.#context, dst.pointer, src.pointer, ids.pointer)
    return { ...dst, pointer }
  }

  /** `a` [K, M] times `b` (F32 [K, N]) = F32 [M, N]. */
  mulMat(a: Tensor, b: Tensor): Tensor {
    requireType(b, TYPE.F32, 'mulMat')
    assert(a.shape[0] === b.shape[0], `mulMat: ${describe(a)} by ${describe(b)}`)
    assert(b.shape[2] % a.shape[2] === 0 && b.shape[3] % a.shape[3] === 0, `mulMat: ${describe(a)} by ${describe(b)}`)
    assert(a.strides[0] <= a.strides[1], `mulMat: ${describe(a)} is transposed`)
    const pointer = this.#base.ggml_mul_mat(this.#context, a.pointer, b.pointer)
    return this.#fresh(pointer, [a.shape[1], b.shape[1], b.shape[2], b.shape[3]])
  }

  rmsNorm(a: Tensor, epsilon: number): Tensor {
    requireType(a, TYPE.F32, 'rmsNorm')
    assert(epsilon >= 0, `rmsNorm: epsilon ${epsilon}`)
    return this.#fresh(this.#base.ggml_rms_norm(this.#context, a.pointer, epsilon), a.shape)
  }

  /** Element-wise; `b` broadcasts to `a`, never the other way round. */
  mul(a: Tensor, b: Tensor): Tensor {
    requireBroadcast(a, b, 'mul')
    return this.#fresh(this.#base.ggml_mul(this.#context, a.pointer, b.pointer), a.shape)
  }

  add(a: Tensor, b: Tensor): Tensor {
    requireBroadcast(a, b, 'add')
    return this.#fresh(this.#base.ggml_add(this.#context, a.pointer, b.pointer), a.shape)
  }

  /** `a` and `b` beside each other along axis 0. */
  concat(a: Tensor, b: Tensor): Tensor {
    assert(a.type === b.type && a.shape[1] === b.shape[1], `concat: ${describe(a)} and ${describe(b)}`)
    const pointer = this.#base.ggml_concat(this.#context, a.pointer, b.pointer, 0)
    return this.#fresh(pointer, [a.shape[0] + b.shape[0], a.shape[1], a.shape[2], a.shape[3]])
  }

  /** silu(a) * b. */
  swiglu(a: Tensor, b: Tensor): Tensor {
    assert(
      a.shape.every((extent, axis) => extent === b.shape[axis]),
      `swiglu: ${describe(a)} and ${describe(b)}`,
    )
    return this.#fresh(this.#base.ggml_swiglu_split(this.#context, a.pointer, b.pointer), a.shape)
  }

  /** Rows of logits to rows of probabilities. */
  softMax(a: Tensor): Tensor {
    requireType(a, TYPE.F32, 'softMax')
    assert(isContiguous(this.#base, a), `softMax: ${describe(a)} is not contiguous`)
    return this.#fresh(this.#base.ggml_soft_max(this.#context, a.pointer), a.shape)
  }

  reshape(a: Tensor, ...extents: [number, number] | [number, number, number]): Tensor {
    const shape = fullShape(extents)
    assert(isContiguous(this.#base, a), `reshape: ${describe(a)} is not contiguous`)
    assert(elementCount(shape) === elementCount(a.shape), `reshape: ${describe(a)} to [${extents.join(', ')}]`)
    const [x, y, z] = extents
    const pointer =
      z === undefined
        ? this.#base.ggml_reshape_2d(this.#context, a.pointer, x, y)
        : this.#base.ggml_reshape_3d(this.#context, a.pointer, x, y, z)
    return { pointer, type: a.type, shape, strides: contiguousStrides(this.#base, a.type, shape), name: a.name }
  }

  /** The first `rows` rows of `a` [width, *]. */
  firstRows(a: Tensor, rows: number): Tensor {
    assert(rows <= a.shape[1] && a.shape[2] === 1, `firstRows: ${rows} of ${describe(a)}`)
    const pointer = this.#base.ggml_view_2d(this.#context, a.pointer, a.shape[0], rows, a.strides[1], 0)
    return { ...a, pointer, shape: [a.shape[0], rows, 1, 1] }
  }

  /** A cache [headDim * heads, slots] seen as [headDim, slots, heads]: its first `slots` rows, split by head. */
  viewHeads(a: Tensor, headDim: number, heads: number, slots: number): Tensor {
    assert(a.shape[0] === headDim * heads && slots <= a.shape[1], `viewHeads: ${slots} slots of ${describe(a)}`)
    const headBytes = this.#base.ggml_row_size(a.type, headDim)
    const rowBytes = a.strides[1]
    const pointer = this.#base.ggml_view_3d(this.#context, a.pointer, headDim, slots, heads, rowBytes, headBytes, 0)
    const strides: Shape = [a.strides[0], rowBytes, headBytes, rowBytes * slots]
    return { pointer, type: a.type, shape: [headDim, slots, heads, 1], strides, name: a.name }
  }

  /** Exchanges axes 1 and 2. */
  swapRowsAndHeads(a: Tensor): Tensor {
    const [s0, s1, s2, s3] = a.shape
    const [n0, n1, n2, n3] = a.strides
    const pointer = this.#base.ggml_permute(this.#context, a.pointer, 0, 2, 1, 3)
    return { pointer, type: a.type, shape: [s0, s2, s1, s3], strides: [n0, n2, n1, n3], name: a.name }
  }

  /** Rotates `a` (F32 [headDim, heads, n]) by `positions` (I32 [n]); `factors` F32 [>= dims / 2] divide the frequencies. */
  rope(a: Tensor, positions: Tensor, factors: Tensor | undefined, rope: RopeSettings): Tensor {
    requireType(a, TYPE.F32, 'rope')
    requireType(positions, TYPE.I32, 'rope')
    assert(positions.shape[0] === a.shape[2] && a.shape[3] === 1, `rope: ${describe(a)} at ${describe(positions)}`)
    assert(rope.dims % 2 === 0 && rope.dims > 0 && rope.dims <= a.shape[0], `rope: ${rope.dims} of ${describe(a)}`)
    if (factors) {
      requireType(factors, TYPE.F32, 'rope')
      assert(factors.shape[0] >= rope.dims / 2, `rope: too few factors in ${describe(factors)}`)
    }
    const pointer = this.#base.ggml_rope_ext(
      this.#context,
      a.pointer,
      positions.pointer,
      factors ? factors.pointer : null,
      ...ropeArguments(rope),
    )
    return this.#fresh(pointer, a.shape)
  }

  /**
   * Attention of `q` (F32 [headDim, n, heads]) over `k`, `v` ([headDim, slots, kvHeads]) under `mask`
   * (F16 [slots, n]: 0 = visible, -inf = hidden). Result F32 [headDim, heads, n], contiguous.
   */
  attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: number): Tensor {
    requireType(q, TYPE.F32, 'attention')
    requireType(mask, TYPE.F16, 'attention')
    assert(
      q.shape[0] === k.shape[0] && k.shape[1] === v.shape[1] && k.shape[2] === v.shape[2],
      `attention: ${describe(q)}, ${describe(k)}, ${describe(v)}`,
    )
    assert(q.shape[2] % k.shape[2] === 0, `attention: heads of ${describe(q)} over ${describe(k)}`)
    assert(
      mask.shape[0] === k.shape[1] && mask.shape[1] === q.shape[1],
      `attention: ${describe(mask)} for ${describe(q)}`,
    )
    assert(isContiguous(this.#base, mask), `attention: ${describe(mask)} is not contiguous`)
    const pointer = this.#base.ggml_flash_attn_ext(
      this.#context,
      q.pointer,
      k.pointer,
      v.pointer,
      mask.pointer,
      scale,
      0,
      0,
    )
    this.#base.ggml_prec_set_acc(pointer, PRECISION_F32)
    return this.#fresh(pointer, [v.shape[0], q.shape[2], q.shape[1], 1])
  }

  #fresh(pointer: TensorPtr, shape: Shape): Tensor {
    return { pointer, type: TYPE.F32, shape, strides: contiguousStrides(this.#base, TYPE.F32, shape), name: 'node' }
  }
}
