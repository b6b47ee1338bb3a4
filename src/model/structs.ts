/** The settings structs of `native/heterospec.h`, one after the other in one piece of memory. */
import { assert } from '../util/assert.ts'
import type { RopeSettings } from '../tensor/index.ts'
import type { ModelConfig } from './config.ts'
import type { PlacedMatrix } from './kernel-weights.ts'

/** `HS_MAX_MATRICES` */
const MOST_MATRICES = 4
const MATRIX_BYTES = 32
const LINEAR_BYTES = 8 + MOST_MATRICES * MATRIX_BYTES
const PACKING_BYTES = 40
/** norm, rope, attention and the empty one, rounded up. */
const OTHER_BYTES = 128

export class StructWriter {
  readonly #start: bigint
  readonly #memory: Uint8Array
  #used = 0

  /** Writes into `memory`, which lies at address `start`. */
  constructor(start: bigint, memory: Uint8Array) {
    this.#start = start
    this.#memory = memory
  }

  /** Bytes that so many structs take. */
  static bytesFor({ groups, matrices }: { readonly groups: number; readonly matrices: number }): number {
    return groups * LINEAR_BYTES + matrices * PACKING_BYTES + OTHER_BYTES
  }

  /** Each method appends one struct and returns its address. */
  packing({ type, inputs, outputs, blocks, tiles }: PlacedMatrix): bigint {
    return this.#append(PACKING_BYTES, (view) => {
      view.setInt32(0, type, true)
      view.setBigInt64(8, BigInt(inputs), true)
      view.setBigInt64(16, BigInt(outputs), true)
      view.setBigInt64(24, blocks, true)
      view.setBigInt64(32, tiles, true)
    })
  }

  linear(matrices: readonly PlacedMatrix[]): bigint {
    assert(matrices.length <= MOST_MATRICES, `${matrices.length} matrices in one product`)
    return this.#append(LINEAR_BYTES, (view) => {
      view.setInt32(0, matrices.length, true)
      matrices.forEach(({ tiles, biasAddress, type, inputs, outputs }, index) => {
        const at = 8 + index * MATRIX_BYTES
        view.setBigInt64(at, tiles, true)
        view.setBigInt64(at + 8, biasAddress, true)
        view.setInt32(at + 16, type, true)
        view.setInt32(at + 20, inputs, true)
        view.setInt32(at + 24, outputs, true)
      })
    })
  }

  none(): bigint {
    return this.#append(8, () => undefined)
  }

  norm(epsilon: number): bigint {
    return this.#append(8, (view) => view.setFloat32(0, epsilon, true))
  }

  rope(rope: RopeSettings): bigint {
    return this.#append(40, (view) => {
      view.setInt32(0, rope.dims, true)
      view.setInt32(4, rope.mode === 'neox' ? 1 : 0, true)
      view.setInt32(8, rope.originalContext, true)
      const reals = [rope.base, rope.scale, rope.extFactor, rope.attnFactor, rope.betaFast, rope.betaSlow]
      reals.forEach((real, index) => view.setFloat32(12 + 4 * index, real, true))
    })
  }

  attention({ headCount, kvHeadCount, headDim, rope, attentionScale }: ModelConfig): bigint {
    return this.#append(24, (view) => {
      const numbers = [headCount, kvHeadCount, headDim, rope.dims, rope.mode === 'neox' ? 1 : 0]
      numbers.forEach((value, index) => view.setInt32(4 * index, value, true))
      view.setFloat32(20, attentionScale, true)
    })
  }

  #append(size: number, fill: (view: DataView) => void): bigint {
    const offset = this.#used
    this.#used += size
    assert(this.#used <= this.#memory.byteLength, `${this.#used} bytes of settings`)
    const { buffer, byteOffset } = this.#memory
    // C finds zeros where nothing is written.
    this.#memory.fill(0, offset, this.#used)
    fill(new DataView(buffer, byteOffset + offset, size))
    return this.#start + BigInt(offset)
  }
}
