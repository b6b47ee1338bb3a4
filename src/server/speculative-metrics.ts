/**
 * What speculation did for one answer: vLLM's `metrics.speculative_decoding`, with what only trees have beside it. Rounds that
 * drafted nothing are no steps; the draft length of a tree is the length of its longest path.
 */
import type { GenerateResult, RoundTrace } from '../engine/index.ts'

/** How much is told. */
export type SpeculativeDetail = 'none' | 'summary' | 'detailed'

/** Counts the rounds of one answer. */
export class SpeculativeMetrics {
  readonly #accepted: number[] = []
  readonly #drafted: number[] = []
  readonly #depths: number[] = []

  /** A round is over. */
  round({ drafted, accepted, tree: { parents } }: RoundTrace): void {
    if (drafted === 0) return
    const depths: number[] = []
    for (const parent of parents) depths.push(parent < 0 ? 0 : (depths[parent] ?? 0) + 1)
    this.#accepted.push(accepted)
    this.#drafted.push(drafted)
    this.#depths.push(depths.reduce((most, depth) => Math.max(most, depth), 0))
  }

  /** The `metrics` of the finished answer; null where there were several, as at vLLM. */
  block([result, another]: readonly GenerateResult[], detail: SpeculativeDetail): object | null {
    if (!result || another) return null
    const { speculation } = result
    const steps = this.#accepted.length
    const accepted = sum(this.#accepted)
    const drafted = sum(this.#drafted)
    const byLength: Record<number, Record<number, number>> = {}
    this.#depths.forEach((depth, step) => count((byLength[depth] ??= {}), this.#accepted[step] ?? 0))
    const treeSizes = histogram(this.#drafted)
    const { drafter, budget, acceptanceByDepth, draftMs, targetMs, hostMs } = speculation
    return {
      speculative_decoding: {
        mean_acceptance_length: steps === 0 ? 1 : 1 + accepted / steps,
        draft_acceptance_rate: drafted === 0 ? 0 : accepted / drafted,
        acceptance_histogram: histogram(this.#accepted),
        acceptance_histogram_by_draft_length: byLength,
        num_spec_steps: steps,
        num_accepted_draft_tokens: accepted,
        num_draft_tokens: drafted,
        num_spec_tokens: this.#depths.reduce((most, depth) => Math.max(most, depth), 0),
        ...(detail === 'detailed' && { per_step_accepted: this.#accepted, per_step_drafted: this.#drafted }),
        tree: {
          ...{ drafter, budget, size_histogram: treeSizes, acceptance_by_depth: acceptanceByDepth },
          ...{ num_rounds: speculation.rounds, draft_ms: draftMs, target_ms: targetMs, host_ms: hostMs },
        },
      },
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** How often each value occurs; JSON makes texts of the values. */
function histogram(values: readonly number[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const value of values) count(counts, value)
  return counts
}

function count(counts: Record<number, number>, value: number): void {
  counts[value] = (counts[value] ?? 0) + 1
}
