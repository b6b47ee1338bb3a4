/** Checks that ggml's tensors lie in memory as `native/heterospec.h` assumes: the C kernels read them directly. */
import type { BaseFunctions } from './abi.ts'
import { viewMemory } from './memory.ts'
import type { TensorPtr } from './pointer.ts'

/** Compares a few tensors, byte for byte where the kernels look. Returns what differs, or undefined when all fits. */
export function checkTensorLayout(base: BaseFunctions): string | undefined {
  const context = base.ggml_init({ mem_size: 1 << 16, mem_buffer: null, no_alloc: false })
  try {
    const plain = base.ggml_new_tensor(context, F32, 4, BigInt64Array.from(SHAPE))
    base.ggml_set_name(plain, 'layout')
    const data = base.ggml_get_data(plain)
    const scaled = base.ggml_scale(context, plain, 0.5)
    const view = base.ggml_view_2d(context, plain, 32, 2, 128, 256)
    const of = (tensor: TensorPtr) => new DataView(viewMemory(tensor, TENSOR_BYTES))
    const long = (tensor: TensorPtr, offset: number) => of(tensor).getBigUint64(offset, true)
    const name = Buffer.from(viewMemory(plain + 256n, 7)).toString('latin1')
    const checks: readonly (readonly [string, unknown, unknown])[] = [
      ['size', base.ggml_tensor_overhead(), OBJECT_BYTES + TENSOR_BYTES],
      ['type', of(plain).getInt32(0, true), F32],
      ...SHAPE.map((size, axis) => [`ne[${axis}]`, long(plain, 16 + 8 * axis), size] as const),
      ...STRIDES.map((stride, axis) => [`nb[${axis}]`, long(plain, 48 + 8 * axis), stride] as const),
      ['op_params[0]', of(scaled).getFloat32(84, true), 0.5],
      ['src[0]', long(scaled, 152), plain],
      ['src[1]', long(scaled, 160), 0n],
      ['view_src', long(view, 232), plain],
      ['view_offs', long(view, 240), 256n],
      ['data', long(plain, 248), data],
      ['data of a view', long(view, 248), data + 256n],
      ['name', name, 'layout\0'],
    ]
    const wrong = checks.find(([, got, expected]) => got !== expected)
    return wrong && `${wrong[0]} of ggml's tensors is ${String(wrong[1])} where ${String(wrong[2])} was expected`
  } finally {
    base.ggml_free(context)
  }
}

// ---------------------------------------------------------------------------------------------------------------

const F32 = 0
/** sizeof(struct ggml_tensor), and of the record before each tensor in a context. */
const TENSOR_BYTES = 336
const OBJECT_BYTES = 32
const SHAPE: readonly bigint[] = [32n, 3n, 5n, 7n]
const STRIDES: readonly bigint[] = [4n, 128n, 384n, 1920n]
