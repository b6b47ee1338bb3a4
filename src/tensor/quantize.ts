/** Numbers to the bytes of a tensor type, by the library's own rounding. */
import { loadGgml } from '../ffi/index.ts'
import { UsageError } from '../util/errors.ts'

/**
 * Rows of `perRow` values as ggml's `type` stores them. For types without codebooks (F32, F16, Q8_0, Q4_0, ...): others
 * want tables set up before. Throws `bad-option` for rows that are no whole blocks.
 */
export function quantizeRows(type: number, perRow: number, values: Float32Array): Uint8Array {
  const { base } = loadGgml()
  const blockSize = base.ggml_blck_size(type)
  if (perRow % blockSize !== 0 || values.length % perRow !== 0) {
    const got = `${values.length} values in rows of ${perRow}`
    throw new UsageError('bad-option', `expected rows of a multiple of ${blockSize}, got ${got}; choose another type`)
  }
  const rows = values.length / perRow
  const bytes = new Uint8Array(base.ggml_row_size(type, perRow) * rows)
  base.ggml_quantize_chunk(type, values, bytes, 0, rows, perRow, null)
  return bytes
}
