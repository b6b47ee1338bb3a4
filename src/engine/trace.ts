/** What happened, as plain JSON: traces of rounds and their sums. One source of truth for metrics, benchmarks and pictures. */
import type { GraphCounts } from '../model/index.ts'
import type { Budget, Explanation } from '../policy/index.ts'
import { pathLogProbs, type NodeId, type RoundOutcome, type TokenId, type TokenTree } from '../tree/index.ts'
import type { PrunedNodes, RoundTrace, SpeculationSummary } from './types.ts'

export interface RoundFacts {
  readonly round: number
  readonly budget: Budget
  readonly why?: Explanation | undefined
  readonly outcome: RoundOutcome
  /** The tree before it was pruned, if it was. */
  readonly grown?: TokenTree | undefined
  readonly emitted: readonly TokenId[]
  readonly hostMs: number
  readonly graphs?: GraphCounts | undefined
  readonly requests?: number | undefined
}

/** The record of a round. */
export function traceRound(facts: RoundFacts): RoundTrace {
  const { round, budget, why, outcome, grown, emitted, hostMs, graphs, requests } = facts
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
      logProbs: Array.from(tree.logProbs, fourDecimals),
      sources: [...tree.sources],
      acceptedPath: accepted,
    },
    ...(grown && { pruned: prunedNodes(grown, tree) }),
    draftMs: outcome.draftMs,
    targetMs: outcome.verifyMs,
    hostMs,
    ...(requests !== undefined && { requests }),
    ...(graphs && { graphs: { ...graphs, buildMs: fourDecimals(graphs.buildMs) } }),
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

// ---------------------------------------------------------------------------------------------------------------

/** A picture with more of them shows nothing more. */
const MOST_PRUNED = 24

function fourDecimals(value: number): number {
  return Math.round(value * 1e4) / 1e4
}

/** The likeliest nodes of `grown` that are not in `kept`, which is a part of it. */
function prunedNodes(grown: TokenTree, kept: TokenTree): PrunedNodes {
  /** By node of `grown`: its id in the record, or -1. */
  const ids = new Int32Array(grown.size).fill(-1)
  ids[0] = 0
  const left: NodeId[] = []
  for (let node = 1; node < grown.size; node++) {
    const parent = ids[grown.parents[node] as NodeId] as NodeId
    ids[node] = parent < 0 ? -1 : kept.child(parent, grown.tokens[node] as TokenId)
    if (ids[node] === -1) left.push(node)
  }
  const chances = pathLogProbs(grown)
  // A child is no likelier than its parent, and equal ones stay in order: what is chosen hangs together.
  const shown = left
    .sort((a, b) => (chances[b] as number) - (chances[a] as number) || a - b)
    .slice(0, MOST_PRUNED)
    .sort((a, b) => a - b)
  shown.forEach((node, index) => (ids[node] = kept.size + index))
  return {
    count: left.length,
    tokens: shown.map((node) => grown.tokens[node] as TokenId),
    parents: shown.map((node) => ids[grown.parents[node] as NodeId] as NodeId),
    logProbs: shown.map((node) => fourDecimals(grown.logProbs[node] as number)),
    sources: shown.map((node) => grown.sources[node] as number),
  }
}
