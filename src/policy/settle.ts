/**
 * From all that a calibration learned to what sessions start from. Counts are capped: a calibration outweighs what a
 * session has seen for some hundred nodes, then the session's own experience wins, because counts above the weight that
 * a session itself can reach fade with every judged node (`acceptance.ts`).
 */
import { omit } from '../util/omit.ts'
import { settleCost } from './heterospec-cost/memory.ts'
import { beginTimes } from './heterospec-cost/times.ts'
import { fitBins } from './heterospec/bins.ts'
import { REMEMBERED } from './heterospec/learning.ts'
import type { SplitLoss } from './heterospec/cart.ts'
import type { DraftPrice } from './priced.ts'
import type { BinMemory, PolicyMemory } from './types.ts'

/**
 * Most judged nodes that one knot of a curve keeps. What a session learns itself weighs at most 1 / (1 - f) where each judged
 * node leaves f of the older ones, and outweighs a full knot after ln(1 + HEAVIEST (1 - f)) / -ln f nodes of its kind:
 * `goodput` (f = 0.985, weight 67) after 140, `heterospec-cost` (f = 0.997, weight 333) after 305.
 */
export const HEAVIEST = 500
/** Most nodes of a kind that the outlook of `heterospec-cost` keeps (f = 0.99, weight 100): outweighed after 109. */
export const HEAVIEST_OUTLOOK = 200

/** A copy of `memory` to start from: capped counts, bins fitted on all samples, no times, nothing in progress. */
export function settleMemory(memory: PolicyMemory, loss: SplitLoss = 'weighted'): PolicyMemory {
  const capped = capCounts(omit(memory, 'lasting')) as PolicyMemory
  return {
    ...capped,
    draftMs: null,
    levelMs: null,
    roundsSincePlain: 0,
    bins: memory.bins && settleBins(memory.bins, loss),
    cost: capped.cost && settleCost(capped.cost, HEAVIEST_OUTLOOK),
  }
}

/** Writes into a settled memory what a draft takes on this machine, so that budgets need not find out by drafting too much. */
export function priceDrafts(memory: PolicyMemory, price: DraftPrice): void {
  memory.draftMs = price.roundMs
  memory.levelMs = price.levelMs
  if (memory.cost !== null) beginTimes(memory.cost, price)
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
