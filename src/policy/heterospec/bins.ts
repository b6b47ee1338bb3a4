/** Entropy bins from judged rounds: a pure function. The same rounds give the same bins, in whatever order they come. */
import { fitEdges, type SplitLoss } from './cart.ts'
import type { BinSample } from './samples.ts'

/** Splits from the top; at most 8 bins, as in the paper. */
const TREE_DEPTH = 3
/** Fewer rounds than this say nothing about 8 bins. */
const FEWEST_SAMPLES = 48
/** So many rounds without enough that came true as a whole mean that these are rare, not that it is early. */
const PATIENCE = 4
/** Share of the samples that each bin must hold, and the least number. */
const SIDE_SHARE = 0.05
const SMALLEST_SIDE = 6

/** Bins and what they were fitted on. */
export interface Bins {
  /** Entropies between the bins in nats, ascending, at most 7. Without any no round is a low one. */
  readonly edges: readonly number[]
  /**
   * `accepted`: on rounds whose meta-path came true as a whole, as the paper does it. `all`: on all rounds, because a weak
   * drafter has hardly any such round. `none`: there were too few rounds for either; no edges.
   */
  readonly basis: 'accepted' | 'all' | 'none'
  readonly loss: SplitLoss
  /** Rounds that the fit used, of so many that were judged. */
  readonly samples: number
  readonly rounds: number
}

export interface FitOptions {
  readonly loss?: SplitLoss
  /** Fewest samples of each side of a split; by default a twentieth of all, at least 6. */
  readonly minimumSide?: number
  /** Fewest samples for a fit; default 48. */
  readonly minimumSamples?: number
}

/**
 * The bins that tell best, by entropy alone, how far down the ranking a round's text went. Never fails: see `Bins.basis` for
 * what happens with a weak drafter and with few rounds.
 */
export function fitBins(samples: readonly BinSample[], options: FitOptions = {}): Bins {
  const { loss = 'weighted', minimumSamples = FEWEST_SAMPLES } = options
  const accepted = samples.filter(({ fullyAccepted }) => fullyAccepted)
  const rounds = samples.length
  const basis =
    accepted.length >= minimumSamples ? 'accepted' : rounds >= PATIENCE * minimumSamples ? 'all' : ('none' as const)
  if (basis === 'none') return { edges: [], basis, loss, samples: 0, rounds }
  const used = basis === 'accepted' ? accepted : samples
  const minimumSide = options.minimumSide ?? Math.max(SMALLEST_SIDE, Math.ceil(SIDE_SHARE * used.length))
  const points = used.map(({ entropy, rank }) => ({ x: entropy, y: rank }))
  return {
    edges: fitEdges(points, { loss, depth: TREE_DEPTH, minimumSide }),
    basis,
    loss,
    samples: used.length,
    rounds,
  }
}
