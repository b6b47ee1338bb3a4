/** Rotation of published heads: the order of rows of query and key, and what scaling means for the angles. */
import * as z from 'zod'

/**
 * Rows of a projection whose heads rotate halves (i with i + d/2, Hugging Face's order), in the order that rotates
 * neighbours (2i with 2i + 1): `rows` is [heads * headDim, inputs], row-major; the scores of attention stay the same.
 */
export function neighbourRows(rows: Float32Array, headDim: number, inputs: number): Float32Array {
  const half = headDim / 2
  const ordered = new Float32Array(rows.length)
  for (let row = 0; row * inputs < rows.length; row++) {
    const inHead = row % headDim
    const from = row - inHead + (inHead % 2) * half + (inHead >> 1)
    ordered.set(rows.subarray(from * inputs, (from + 1) * inputs), row * inputs)
  }
  return ordered
}

/** Settings of scaling as `config.json` has them, below `rope_scaling` or `rope_parameters`. */
export const ropeScalingSchema = z.object({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: z.number().positive().optional(),
})
export type RopeScaling = z.infer<typeof ropeScalingSchema>

/**
 * By what each pair's angle is divided [headDim / 2]; undefined for one everywhere. Llama 3's rule leaves short waves
 * alone, divides long ones by the factor, and goes over smoothly. `null` for a scaling that is no such list.
 */
export function ropeFactors(
  scaling: RopeScaling | undefined,
  base: number,
  headDim: number,
): Float32Array | undefined | null {
  const kind = scaling?.rope_type ?? scaling?.type ?? 'default'
  if (kind === 'default') return undefined
  const {
    factor,
    low_freq_factor: low,
    high_freq_factor: high,
    original_max_position_embeddings: context,
  } = scaling ?? {}
  if (factor === undefined) return null
  if (kind === 'linear') return new Float32Array(headDim / 2).fill(factor)
  if (kind !== 'llama3' || low === undefined || high === undefined || context === undefined || high <= low) return null
  return Float32Array.from({ length: headDim / 2 }, (_, pair) => {
    const wave = 2 * Math.PI * base ** ((2 * pair) / headDim)
    if (wave < context / high) return 1
    if (wave > context / low) return factor
    const smooth = (context / wave - low) / (high - low)
    return 1 / ((1 - smooth) / factor + smooth)
  })
}
