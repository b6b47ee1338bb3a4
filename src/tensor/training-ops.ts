/**
 * The operations that backward passes need besides those of `ops.ts`, each checked in TypeScript first. Everything is F32
 * and in ggml's order of axes. ggml's own differentiation is not used: its outer products are half as fast as `product` of
 * two transposed matrices.
 */
import { assert } from '../util/assert.ts'
import type { BaseFunctions, ContextPtr, TensorPtr } from '../ffi/index.ts'
import { ropeArguments, type RopeSettings } from './ops.ts'
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

export class TrainingOps {
  readonly #base: BaseFunctions
  readonly #context: ContextPtr

  constructor(base: BaseFunctions, context: ContextPtr) {
    this.#base = base
    this.#context = context
  }

  /** `a` [K, M, x, y] times `b` [K, N, x, y] = [M, N, x, y]. */
  product(a: Tensor, b: Tensor): Tensor {
    this.#requirePlain(a, 'product')
    this.#requirePlain(b, 'product')
    const fits = a.shape[0] === b.shape[0] && a.shape[2] === b.shape[2] && a.shape[3] === b.shape[3]
    assert(fits, `product: ${describe(a)} by ${describe(b)}`)
    const pointer = this.#base.ggml_mul_mat(this.#context, a.pointer, b.pointer)
    return this.#fresh(pointer, [a.shape[1], b.shape[1], b.shape[2], b.shape[3]])
  }

  /** A copy of `a` with axes 0 and 1 exchanged. */
  transposed(a: Tensor): Tensor {
    this.#requirePlain(a, 'transposed')
    const [x, y, z, w] = a.shape
    const view = this.#base.ggml_transpose(this.#context, a.pointer)
    return this.#fresh(this.#base.ggml_cont(this.#context, view), [y, x, z, w])
  }

  /** A copy of `a` with axes 1 and 2 exchanged. */
  exchanged(a: Tensor): Tensor {
    requireType(a, TYPE.F32, 'exchanged')
    assert(a.strides[0] === 4, `exchanged: ${describe(a)} has gaps`)
    const [x, y, z, w] = a.shape
    const view = this.#base.ggml_permute(this.#context, a.pointer, 0, 2, 1, 3)
    return this.#fresh(this.#base.ggml_cont(this.#context, view), [x, z, y, w])
  }

  /** Zeros after the end of axis 1. */
  padRows(a: Tensor, rows: number): Tensor {
    this.#requirePlain(a, 'padRows')
    assert(rows >= 0, `padRows: ${rows}`)
    if (rows === 0) return a
    const [x, y, z, w] = a.shape
    return this.#fresh(this.#base.ggml_pad(this.#context, a.pointer, 0, rows, 0, 0), [x, y + rows, z, w])
  }

  reshape(a: Tensor, ...extents: number[]): Tensor {
    const shape = fullShape(extents)
    this.#requirePlain(a, 'reshape')
    assert(elementCount(shape) === elementCount(a.shape), `reshape: ${describe(a)} to [${extents.join(', ')}]`)
    const pointer = this.#base.ggml_reshape_4d(this.#context, a.pointer, ...shape)
    return this.#fresh(pointer, shape)
  }

  /** The first `rows` of axis 1, without a copy. */
  leadingRows(a: Tensor, rows: number): Tensor {
    assert(rows <= a.shape[1], `leadingRows: ${rows} of ${describe(a)}`)
    return this.#view(a, [a.shape[0], rows, a.shape[2], a.shape[3]], 0)
  }

  /** Elements `from` to `from + count` of axis 0, without a copy. */
  slice(a: Tensor, from: number, count: number): Tensor {
    assert(from >= 0 && from + count <= a.shape[0], `slice: ${count} from ${from} of ${describe(a)}`)
    return this.#view(a, [count, a.shape[1], a.shape[2], a.shape[3]], from * a.strides[0])
  }

  /** A contiguous copy. */
  copied(a: Tensor): Tensor {
    requireType(a, TYPE.F32, 'copied')
    return this.#fresh(this.#base.ggml_cont(this.#context, a.pointer), a.shape)
  }

  /** Copies `a` into `into`, a tensor of the same shape that lives longer than the graph. */
  store(a: Tensor, into: Tensor): Tensor {
    this.#requireSame(a, into, 'store')
    return this.#fresh(this.#base.ggml_cpy(this.#context, a.pointer, into.pointer), a.shape)
  }

  /** Writes `b` [1, y, z, w] over place `at` of axis 0 of `a` [x, y, z, w], in place: nothing else may read `a`. */
  overwrite(a: Tensor, at: number, b: Tensor): Tensor {
    this.#requirePlain(a, 'overwrite')
    this.#requirePlain(b, 'overwrite')
    const fits = b.shape[0] === 1 && a.shape.slice(1).every((extent, axis) => extent === b.shape[axis + 1])
    assert(fits && at < a.shape[0], `overwrite: ${describe(b)} at ${at} of ${describe(a)}`)
    const [, rows, slices, blocks] = a.strides
    const pointer = this.#base.ggml_set_inplace(this.#context, a.pointer, b.pointer, rows, slices, blocks, 4 * at)
    return this.#fresh(pointer, a.shape)
  }

  sub(a: Tensor, b: Tensor): Tensor {
    requireBroadcast(a, b, 'sub')
    return this.#fresh(this.#base.ggml_sub(this.#context, a.pointer, b.pointer), a.shape)
  }

  scale(a: Tensor, factor: number): Tensor {
    this.#requirePlain(a, 'scale')
    return this.#fresh(this.#base.ggml_scale(this.#context, a.pointer, factor), a.shape)
  }

  /** A copy of `a`, no value below `min` or above `max`. */
  clamp(a: Tensor, min: number, max: number): Tensor {
    this.#requirePlain(a, 'clamp')
    return this.#fresh(this.#base.ggml_clamp(this.#context, a.pointer, min, max), a.shape)
  }

  /** `a` repeated to `shape`. */
  repeat(a: Tensor, like: Tensor): Tensor {
    requireBroadcast(like, a, 'repeat')
    return this.#fresh(this.#base.ggml_repeat(this.#context, a.pointer, like.pointer), like.shape)
  }

  /** The sum of what lies where `repeat` would have copied `like`. */
  repeatBack(a: Tensor, like: Tensor): Tensor {
    this.#requirePlain(a, 'repeatBack')
    requireBroadcast(a, like, 'repeatBack')
    return this.#fresh(this.#base.ggml_repeat_back(this.#context, a.pointer, like.pointer), like.shape)
  }

  /** Sums along axis 0: [1, y, z, w]. */
  sumRows(a: Tensor): Tensor {
    this.#requirePlain(a, 'sumRows')
    const [, y, z, w] = a.shape
    return this.#fresh(this.#base.ggml_sum_rows(this.#context, a.pointer), [1, y, z, w])
  }

  /** Place of each row's largest value: I32 [rows]. Equal values: the last. */
  argMax(a: Tensor): Tensor {
    this.#requirePlain(a, 'argMax')
    assert(a.shape[2] === 1 && a.shape[3] === 1, `argMax: ${describe(a)} is no matrix`)
    const shape: Shape = [a.shape[1], 1, 1, 1]
    const strides = contiguousStrides(this.#base, TYPE.I32, shape)
    return { pointer: this.#base.ggml_argmax(this.#context, a.pointer), type: TYPE.I32, shape, strides, name: 'node' }
  }

  /** The value of row r of `a` [x, rows] at place `ids[r]` (I32 [rows]): [1, rows]. */
  pick(a: Tensor, ids: Tensor): Tensor {
    this.#requirePlain(a, 'pick')
    requireType(ids, TYPE.I32, 'pick')
    const [width, rows] = a.shape
    assert(ids.shape[0] === rows && a.shape[2] === 1, `pick: ${describe(a)} by ${describe(ids)}`)
    const table = this.#base.ggml_reshape_3d(this.#context, a.pointer, 1, width, rows)
    const places = this.#base.ggml_reshape_2d(this.#context, ids.pointer, 1, rows)
    const picked = this.#base.ggml_get_rows(this.#context, table, places)
    return this.reshape(this.#fresh(picked, [1, 1, rows, 1]), 1, rows)
  }

  /** Gradient of `getRows`: rows of `gradient` [x, n] added up at rows `ids` (I32 [n]) of the shape of `like` [x, rows]. */
  getRowsBack(gradient: Tensor, ids: Tensor, like: Tensor): Tensor {
    this.#requirePlain(gradient, 'getRowsBack')
    requireType(ids, TYPE.I32, 'getRowsBack')
    const fits = gradient.shape[0] === like.shape[0] && gradient.shape[1] === ids.shape[0] && like.shape[2] === 1
    assert(fits, `getRowsBack: ${describe(gradient)} by ${describe(ids)} to ${describe(like)}`)
    const pointer = this.#base.ggml_get_rows_back(this.#context, gradient.pointer, ids.pointer, like.pointer)
    return this.#fresh(pointer, like.shape)
  }

  silu(a: Tensor): Tensor {
    this.#requirePlain(a, 'silu')
    return this.#fresh(this.#base.ggml_silu(this.#context, a.pointer), a.shape)
  }

  siluBack(gradient: Tensor, a: Tensor): Tensor {
    this.#requireSame(gradient, a, 'siluBack')
    return this.#fresh(this.#base.ggml_silu_back(this.#context, gradient.pointer, a.pointer), a.shape)
  }

  /** Gradient of `rmsNorm` of `a`; `gradient` may be a slice. */
  rmsNormBack(gradient: Tensor, a: Tensor, epsilon: number): Tensor {
    this.#requirePlain(a, 'rmsNormBack')
    const same = gradient.shape.every((extent, axis) => extent === a.shape[axis])
    assert(same && gradient.strides[0] === 4, `rmsNormBack: ${describe(gradient)} for ${describe(a)}`)
    return this.#fresh(this.#base.ggml_rms_norm_back(this.#context, gradient.pointer, a.pointer, epsilon), a.shape)
  }

  /** softmax(scale * a + mask) along axis 0; `mask` F16 [x, y, 1, w]: 0 = visible, -inf = hidden. Each row sees something. */
  maskedSoftMax(a: Tensor, mask: Tensor, scale: number): Tensor {
    this.#requirePlain(a, 'maskedSoftMax')
    requireType(mask, TYPE.F16, 'maskedSoftMax')
    const fits = mask.shape[0] === a.shape[0] && mask.shape[1] === a.shape[1] && mask.shape[3] === a.shape[3]
    assert(fits && mask.shape[2] === 1, `maskedSoftMax: ${describe(a)} under ${describe(mask)}`)
    const pointer = this.#base.ggml_soft_max_ext(this.#context, a.pointer, mask.pointer, scale, 0)
    return this.#fresh(pointer, a.shape)
  }

  /** Gradient of softmax(scale * x), given its result `a`. */
  softMaxBack(gradient: Tensor, a: Tensor, scale: number): Tensor {
    this.#requireSame(gradient, a, 'softMaxBack')
    const pointer = this.#base.ggml_soft_max_ext_back(this.#context, gradient.pointer, a.pointer, scale, 0)
    return this.#fresh(pointer, a.shape)
  }

  /** (softmax(logits) - labels) * `factor` (F32 [1]) / rows; each row of `labels` [x, rows] sums to one. */
  crossEntropyBack(logits: Tensor, labels: Tensor, factor: Tensor): Tensor {
    this.#requireSame(logits, labels, 'crossEntropyBack')
    assert(elementCount(factor.shape) === 1, `crossEntropyBack: ${describe(factor)}`)
    const { pointer } = factor
    const result = this.#base.ggml_cross_entropy_loss_back(this.#context, pointer, logits.pointer, labels.pointer)
    return this.#fresh(result, logits.shape)
  }

  /** Undoes the rotation of `Ops.rope`, which is also its gradient. */
  ropeBack(a: Tensor, positions: Tensor, rope: RopeSettings): Tensor {
    this.#requirePlain(a, 'ropeBack')
    requireType(positions, TYPE.I32, 'ropeBack')
    assert(positions.shape[0] === a.shape[2] && a.shape[3] === 1, `ropeBack: ${describe(a)} at ${describe(positions)}`)
    assert(rope.dims % 2 === 0 && rope.dims > 0 && rope.dims <= a.shape[0], `ropeBack: ${rope.dims} of ${describe(a)}`)
    const pointer = this.#base.ggml_rope_ext_back(
      this.#context,
      a.pointer,
      positions.pointer,
      null,
      ...ropeArguments(rope),
    )
    return this.#fresh(pointer, a.shape)
  }

  /**
   * Updates `weight` and its moments in place (AdamW, Loshchilov and Hutter 2019); `settings` F32 [7]: learning rate, beta1,
   * beta2, epsilon, weight decay, 1 / (1 - beta1^t), 1 / (1 - beta2^t).
   */
  adamStep(weight: Tensor, gradient: Tensor, moments: readonly [Tensor, Tensor], settings: Tensor): Tensor {
    for (const other of [gradient, ...moments]) this.#requireSame(other, weight, 'adamStep')
    assert(elementCount(settings.shape) === 7, `adamStep: ${describe(settings)}`)
    const pointers = [weight, gradient, ...moments, settings].map(({ pointer }) => pointer)
    const [w, g, m, v, s] = pointers as [TensorPtr, TensorPtr, TensorPtr, TensorPtr, TensorPtr]
    this.#base.ggml_set_param(w)
    return this.#fresh(this.#base.ggml_opt_step_adamw(this.#context, w, g, m, v, s), weight.shape)
  }

  #requirePlain(a: Tensor, where: string): void {
    requireType(a, TYPE.F32, where)
    assert(isContiguous(this.#base, a), `${where}: ${describe(a)} is not contiguous`)
  }

  #requireSame(a: Tensor, b: Tensor, where: string): void {
    this.#requirePlain(a, where)
    this.#requirePlain(b, where)
    const same = a.shape.every((extent, axis) => extent === b.shape[axis])
    assert(same, `${where}: ${describe(a)} and ${describe(b)}`)
  }

  #view(a: Tensor, shape: Shape, offset: number): Tensor {
    const [, rows, slices, blocks] = a.strides
    const pointer = this.#base.ggml_view_4d(this.#context, a.pointer, ...shape, rows, slices, blocks, offset)
    return { ...a, pointer, shape }
  }

  #fresh(pointer: TensorPtr, shape: Shape): Tensor {
    return { pointer, type: TYPE.F32, shape, strides: contiguousStrides(this.#base, TYPE.F32, shape), name: 'node' }
  }
}
