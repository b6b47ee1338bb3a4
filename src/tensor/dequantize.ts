/** The bytes of a tensor type to numbers, by the library's own reading: every type that it runs. */
import { loadGgml } from '../ffi/index.ts'
import { NativeError } from '../util/errors.ts'
import { TYPE } from './types.ts'

/** Whether numbers of that type can be read: all weights, no integers. */
export function isReadable(type: number): boolean {
  return type === TYPE.F32 || loadGgml().toFloat(type) !== undefined
}

/**
 * `count` numbers stored as `type`, whole blocks. Throws `native-failure` for a type that is not readable and for too few
 * bytes, which ggml would read beyond.
 */
export function dequantizeRows(type: number, bytes: Uint8Array, count: number): Float32Array {
  const ggml = loadGgml()
  const blockSize = ggml.base.ggml_blck_size(type)
  const convert = type === TYPE.F32 ? undefined : ggml.toFloat(type)
  const needed = count % blockSize === 0 ? ggml.base.ggml_row_size(type, count) : Infinity
  if (bytes.length < needed || (type !== TYPE.F32 && convert === undefined)) {
    const got = `${bytes.length} bytes of type ${type}`
    throw new NativeError(
      'native-failure',
      `expected whole blocks of weights for ${count} numbers, got ${got}; report this`,
    )
  }
  const values = new Float32Array(count)
  if (convert) convert(bytes, values, count)
  else new Uint8Array(values.buffer).set(bytes.subarray(0, values.byteLength))
  return values
}
