/** What happened, as plain JSON: traces of rounds and their sums. One source of truth for metrics, benchmarks and pictures. */
import type { GraphCounts } from '../model/index.ts'
import type { Budget, Explanation } from '../policy/index.ts'
import type { RoundOutcome, TokenId } from '../tree/index.ts'
import type { RoundTrace, SpeculationSummary } from './types.ts'

export interface RoundFacts {
  readonly round: number
  readonly budget: Budget
  readonly why?: Explanation | undefined
  readonly outcome: RoundOutcome
  readonly emitted: readonly TokenId[]
  readonly hostMs: number
  readonly graphs?: GraphCounts | undefined
  readonly requests?: number | undefined
}

export function traceRound({ round, budget, why, outcome, emitted, hostMs, graphs, requests }: RoundFacts): RoundTrace {
  const { tree } = outcome
  // What was accepted after a token that ended the answer was never said, and does not count.
  const accepted = outcome.accepted.slice(0, emitted.length)
  return {
    round,
    context: outcome.context,
    budget,
    ...(why && { why }),
    drafted: tree.size - 1,
    accepted: accepted.length,
    emitted,
    tree: {
      tokens: [...tree.tokens],
      parents: [...tree.parents],
      logProbs: Array.from(tree.logProbs, (value) => Math.round(value * 1e4) / 1e4),
      sources: [...tree.sources],
      acceptedPath: accepted,
    },
    draftMs: outcome.draftMs,
    targetMs: outcome.verifyMs,
    hostMs,
    ...(requests !== undefined && { requests }),
    ...(graphs && { graphs: { ...graphs, buildMs: Math.round(graphs.buildMs * 1e4) / 1e4 } }),
  }
}

/** Running sums over the rounds of one request. */
export class RoundTotals {
  rounds = 0
  drafted = 0
  accepted = 0
  emitted = 0
  draftMs = 0
  targetMs = 0
  hostMs = 0
  /** By depth - 1: rounds whose tree reached the depth, and rounds that accepted a node there. */
  readonly #offered: number[] = []
  readonly #accepted: number[] = []

  add(trace: RoundTrace): void {
    this.rounds++
    this.drafted += trace.drafted
    this.accepted += trace.accepted
    this.emitted += trace.emitted.length
    this.draftMs += trace.draftMs
    this.targetMs += trace.targetMs
    this.hostMs += trace.hostMs
    const depths: number[] = []
    for (const parent of trace.tree.parents) depths.push(parent < 0 ? 0 : (depths[parent] ?? 0) + 1)
    const deepest = Math.max(...depths)
    for (let depth = 0; depth < deepest; depth++) {
      this.#offered[depth] = (this.#offered[depth] ?? 0) + 1
      this.#accepted[depth] = (this.#accepted[depth] ?? 0) + (trace.accepted > depth ? 1 : 0)
    }
  }

  summary(names: {
    readonly drafter: string
    readonly budget: string
    readonly lossless: boolean
  }): SpeculationSummary {
    return {
      ...names,
      rounds: this.rounds,
      drafted: this.drafted,
      accepted: this.accepted,
      tau: this.rounds === 0 ? 0 : this.emitted / this.rounds,
      acceptanceRate: this.drafted === 0 ? 0 : this.accepted / this.drafted,
      acceptanceByDepth: this.#offered.map((offered, depth) => (this.#accepted[depth] ?? 0) / offered),
      draftMs: this.draftMs,
      targetMs: this.targetMs,
      hostMs: this.hostMs,
    }
  }
}
