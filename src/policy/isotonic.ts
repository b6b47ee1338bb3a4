/** Non-decreasing least-squares fit (pool adjacent violators): takes the dips out of a noisy curve that must not fall. */

/**
 * The non-decreasing sequence nearest to `values` [n] under `weights` [n] (positive; all 1 by default). Linear time.
 */
export function isotonic(values: readonly number[], weights: readonly number[] = values.map(() => 1)): number[] {
  const blocks: { mean: number; weight: number; length: number }[] = []
  values.forEach((value, i) => {
    let block = { mean: value, weight: weights[i] as number, length: 1 }
    for (let last = blocks.at(-1); last !== undefined && last.mean > block.mean; last = blocks.at(-1)) {
      blocks.pop()
      const weight = last.weight + block.weight
      const mean = (last.mean * last.weight + block.mean * block.weight) / weight
      block = { mean, weight, length: last.length + block.length }
    }
    blocks.push(block)
  })
  return blocks.flatMap(({ mean, length }) => Array<number>(length).fill(mean))
}

/** A place on a curve that is given at knots: between `index` and `index + 1`, `fraction` of the way. */
export interface CurvePoint {
  readonly index: number
  readonly fraction: number
}

/** Where `x` lies among ascending `knots`, clamped to both ends. */
export function locate(knots: readonly number[], x: number): CurvePoint {
  const last = knots.length - 1
  let index = 0
  while (index < last - 1 && x >= (knots[index + 1] as number)) index++
  const low = knots[index] as number
  const high = knots[Math.min(index + 1, last)] as number
  const fraction = high > low ? Math.min(1, Math.max(0, (x - low) / (high - low))) : 0
  return { index, fraction }
}

/** The value at a located point of a curve given at the knots. */
export function interpolate(curve: readonly number[], at: CurvePoint): number {
  const low = curve[at.index] as number
  if (at.fraction === 0) return low
  return low + at.fraction * ((curve[at.index + 1] as number) - low)
}
