/**
 * Streams of size one for training: AdamW's steps are as long for inputs of size 50 as for those of size 1, so that the
 * fusion of raw streams would be thrown about by a learning rate that suits every other tensor.
 */
const FUSION = 'fc.weight'

/** Rows of taps, [rows, taps * width], each tap times its factor. The matrix that fuses them has rows of the same form. */
export function scaleTaps(rows: Float32Array, factors: readonly number[], width: number): Float32Array {
  if (factors.every((factor) => factor === 1)) return rows
  const scaled = new Float32Array(rows.length)
  for (let start = 0, tap = 0; start < rows.length; start += width, tap = (tap + 1) % factors.length) {
    const factor = factors[tap] as number
    for (let i = start; i < start + width; i++) scaled[i] = (rows[i] as number) * factor
  }
  return scaled
}

/** `weights` with the fusion's columns times the factor of their tap. */
export function scaleFusion(
  weights: ReadonlyMap<string, Float32Array>,
  factors: readonly number[],
  width: number,
): Map<string, Float32Array> {
  const fusion = weights.get(FUSION)
  const scaled = new Map(weights)
  if (fusion) scaled.set(FUSION, scaleTaps(fusion, factors, width))
  return scaled
}
