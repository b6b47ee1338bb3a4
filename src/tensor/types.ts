/** What a tensor is to TypeScript: an address plus the facts that ggml would otherwise check by ending the process. */
import type { TensorPtr } from '../ffi/index.ts'

/** ggml's numbers of the element types that graphs name directly. */
export const TYPE = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 8, IQ4_NL: 20, I8: 24, I32: 26, I64: 27, BF16: 30 } as const

/** Extents in ggml's order: index 0 is contiguous. */
export type Shape = readonly [number, number, number, number]

export interface Tensor {
  readonly pointer: TensorPtr
  readonly type: number
  readonly shape: Shape
  /** Bytes between neighbours of each axis. */
  readonly strides: Shape
  readonly name: string
}
