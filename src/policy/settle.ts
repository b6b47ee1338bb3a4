/**
 * From all that a calibration learned to what sessions start from. Counts are capped: a calibration outweighs what a
 * session has seen for some hundred nodes, then the session's own experience wins, because counts above the weight that
 * a session itself can reach fade with every judged node (`acceptance.ts`).
 */
import { omit } from '../util/omit.ts'
import { fitBins } from './heterospec/bins.ts'
import { REMEMBERED } from './heterospec/learning.ts'
import type { SplitLoss } from './heterospec/cart.ts'
import type { BinMemory, PolicyMemory } from './types.ts'

/**
 * Most judged nodes that one knot of a curve keeps. A session's own weigh at most about 67 per knot, where each leaves 0.985
 * of the older ones: from 1000 it takes 180 nodes of its kind until the session weighs as much as the calibration.
 */
export const HEAVIEST = 1000

/** A copy of `memory` to start from: capped counts, bins fitted on all samples, no times, nothing in progress. */
export function settleMemory(memory: PolicyMemory, loss: SplitLoss = 'weighted'): PolicyMemory {
  return {
    ...(capCounts(omit(memory, 'lasting')) as PolicyMemory),
    draftMs: null,
    levelMs: null,
    roundsSincePlain: 0,
    bins: memory.bins && settleBins(memory.bins, loss),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Wherever they stand: policies may keep counts by whatever they like. */
function capCounts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(capCounts)
  if (typeof value !== 'object' || value === null) return value
  const { judged, accepted } = value as Readonly<Record<string, unknown>>
  if (!isNumbers(judged) || !isNumbers(accepted)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, capCounts(inner)]))
  }
  const factors = judged.map((count) => Math.min(1, HEAVIEST / count))
  const scale = (list: readonly number[]): number[] => list.map((count, i) => rounded(count * (factors[i] as number)))
  return { ...value, judged: scale(judged), accepted: scale(accepted) }
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'number')
}

/** Six digits: far more than counts are worth. A rounded count of accepted nodes is never above that of judged ones. */
function rounded(value: number): number {
  return Number(value.toPrecision(6))
}

/** Edges by all samples; those that online fits go on from are spread evenly over the whole calibration. */
function settleBins({ tree, samples }: BinMemory, loss: SplitLoss): BinMemory {
  const { edges, basis } = fitBins(samples, { loss })
  const kept = Math.min(samples.length, REMEMBERED)
  return {
    tree,
    samples: Array.from({ length: kept }, (_, i) => {
      const { entropy, ...sample } = samples[Math.floor((i * samples.length) / kept)] as BinMemory['samples'][number]
      return { entropy: rounded(entropy), ...sample }
    }),
    sinceFit: 0,
    edges: edges.map(rounded),
    basis,
  }
}
