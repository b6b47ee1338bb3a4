/** Non-decreasing least-squares fit (pool adjacent violators): takes the dips out of a noisy curve that must not fall. */

/**
 * The non-decreasing sequence nearest to `values` [n] under `weights` [n] (positive; all 1 by default). Linear time.
 */
export function isotonic(values: readonly number[], weights: readonly number[] = values.map(() => 1)): number[] {
  // Blocks of equal value, on stacks of plain numbers: budgets fit dozens of curves a round.
  const means: number[] = []
  const heavy: number[] = []
  const ends: number[] = []
  for (let i = 0; i < values.length; i++) {
    let mean = values[i] as number
    let weight = weights[i] as number
    while (means.length > 0 && (means.at(-1) as number) > mean) {
      const other = heavy.pop() as number
      mean = ((means.pop() as number) * other + mean * weight) / (other + weight)
      weight += other
      ends.pop()
    }
    means.push(mean)
    heavy.push(weight)
    ends.push(i + 1)
  }
  const fitted = new Array<number>(values.length)
  ends.forEach((end, block) => fitted.fill(means[block] as number, block === 0 ? 0 : ends[block - 1], end))
  return fitted
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
