/** Scores of several batches as one, and what they promise when a head drafts. */
import type { DepthScore, StepReport } from '../types.ts'

/** Means by depth, each batch by its rows. */
export function meanScores(reports: readonly StepReport[]): DepthScore[] {
  const depths = Math.max(0, ...reports.map((report) => report.depths.length))
  return Array.from({ length: depths }, (_, depth) => {
    const scores = reports.flatMap((report) => report.depths[depth] ?? [])
    const rows = scores.reduce((sum, score) => sum + score.rows, 0)
    const mean = (pick: (score: DepthScore) => number): number =>
      rows === 0 ? 0 : scores.reduce((sum, score) => sum + score.rows * pick(score), 0) / rows
    return { rows, loss: mean(({ loss }) => loss), agreement: mean(({ agreement }) => agreement) }
  })
}

/**
 * Tokens per pass of a chain as deep as the head was unrolled, if every depth agreed independently of the ones before:
 * 1 + a1 + a1 a2 + ... An order of heads, not a forecast: trees give more, real depths hang together.
 */
export function chainLength(depths: readonly DepthScore[]): number {
  let alive = 1
  return depths.reduce((sum, { agreement }) => sum + (alive *= agreement), 1)
}
