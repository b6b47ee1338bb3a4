/**
 * Counts of how often drafts came true, at knots of the drafter's own estimate, and the curves that follow from them. Old
 * rounds fade. Pure arithmetic: which counts there are, and who shares them, is the business of its users.
 */
import { isotonic, type CurvePoint } from './isotonic.ts'
import type { AcceptanceCounts } from './types.ts'

/** How evidence is weighed. */
export interface Weighing {
  /** The prior starts with the weight of this many judged nodes per knot. */
  readonly prior: number
  /** Each judged node lets the older ones of its knot, the prior among them, fade by this factor. */
  readonly fade: number
}

/** Nothing judged yet, at `knots` knots. */
export function emptyCounts(knots: number): AcceptanceCounts {
  return { judged: Array<number>(knots).fill(0), accepted: Array<number>(knots).fill(0) }
}

/** Counts one judged node, divided between the two knots beside its place. */
export function countJudged(counts: AcceptanceCounts, at: CurvePoint, accepted: boolean, fade: number): void {
  addTo(counts, at.index, 1 - at.fraction, accepted, fade)
  if (at.fraction > 0) addTo(counts, at.index + 1, at.fraction, accepted, fade)
}

/** Means of Beta posteriors around `prior` [knots], made non-decreasing: more confident drafts are never worth less. */
export function acceptanceCurve(
  { judged, accepted }: AcceptanceCounts,
  prior: readonly number[],
  { prior: strength, fade }: Weighing,
): number[] {
  const means = new Array<number>(judged.length)
  const weights = new Array<number>(judged.length)
  for (let i = 0; i < judged.length; i++) {
    const count = judged[i] as number
    // After n nodes `judged` is (1 - fade ** n) / (1 - fade), which tells how much of the prior is left.
    const left = strength * Math.max(0, 1 - (1 - fade) * count)
    means[i] = (left * (prior[i] as number) + (accepted[i] as number)) / (count + left)
    // Knots that no draft ever touched must not hold up those that were seen: they hardly count here.
    weights[i] = count + 0.05
  }
  return isotonic(means, weights)
}

// ---------------------------------------------------------------------------------------------------------------

function addTo(
  { judged, accepted }: AcceptanceCounts,
  knot: number,
  weight: number,
  success: boolean,
  fade: number,
): void {
  const keep = fade ** weight
  judged[knot] = (judged[knot] as number) * keep + weight
  accepted[knot] = (accepted[knot] as number) * keep + (success ? weight : 0)
}
