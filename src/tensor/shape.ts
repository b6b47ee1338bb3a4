/**
 * Shape and type rules of the operations, checked before C sees them: ggml asserts, and an assert ends the process.
 * Messages say "internal" because no user input reaches an operation unchecked; a failure here is our mistake.
 */
import { assert } from '../util/assert.ts'
import type { BaseFunctions } from '../ffi/index.ts'
import type { Shape, Tensor } from './types.ts'

/** Pads a list of one to four extents to a full shape. */
export function fullShape(extents: readonly number[]): Shape {
  assert(extents.length >= 1 && extents.length <= 4, `a tensor has 1 to 4 axes, got ${extents.length}`)
  for (const extent of extents) assert(Number.isSafeInteger(extent) && extent >= 1, `extent ${extent} of a tensor`)
  const [a = 1, b = 1, c = 1, d = 1] = extents
  return [a, b, c, d]
}

/** Strides in bytes of a freshly created tensor. */
export function contiguousStrides(base: BaseFunctions, type: number, shape: Shape): Shape {
  const row = base.ggml_row_size(type, shape[0])
  return [base.ggml_type_size(type), row, row * shape[1], row * shape[1] * shape[2]]
}

export function elementCount(shape: Shape): number {
  return shape[0] * shape[1] * shape[2] * shape[3]
}

export function isContiguous(base: BaseFunctions, tensor: Tensor): boolean {
  const expected = contiguousStrides(base, tensor.type, tensor.shape)
  // The stride of an axis of extent one does not matter.
  return tensor.strides.every((stride, axis) => stride === expected[axis] || (axis > 0 && tensor.shape[axis] === 1))
}

/** Asserts a tensor's type. */
export function requireType(tensor: Tensor, type: number, where: string): void {
  assert(tensor.type === type, `${where}: ${describe(tensor)} must have type ${type}`)
}

/** Asserts that `b` repeats evenly to the shape of `a`. */
export function requireBroadcast(a: Tensor, b: Tensor, where: string): void {
  const fits = b.shape.every((extent, axis) => (a.shape[axis] as number) % extent === 0)
  assert(fits, `${where}: ${describe(b)} does not broadcast to ${describe(a)}`)
}

export function describe(tensor: Tensor): string {
  return `${tensor.name}[${tensor.shape.join(', ')}] type ${tensor.type}`
}
