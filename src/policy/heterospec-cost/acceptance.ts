/**
 * The chance that a draft comes true once its parent did, from the drafter's own estimate: calibrated per source, for first
 * and deeper levels, and per entropy bin. A curve that has seen little leans on the next coarser one: a bin's on that of all
 * bins, that of deeper levels on that of the first, and that one on the drafter itself. These curves are shared by all
 * requests; what one request's text does otherwise is a shift of all of its curves, which starts at nothing.
 *
 * Who is judged, and when: as in `../acceptance.ts`.
 */
import type { NodeId, TokenId, TokenTree } from '../../tree/index.ts'
import { acceptanceCurve, countJudged, emptyCounts, type Weighing } from '../counts.ts'
import { interpolate, locate } from '../isotonic.ts'
import type { CostMemory, CountsByDepth } from '../types.ts'
import { BINS, UNKNOWN_BIN } from './bins.ts'
import { Shift } from './shift.ts'

/**
 * Estimates at which curves are kept; between them they are straight. Fine at the top, where a node more or less of a long
 * path is decided: 0.99 and 0.95 to the eighth power are 0.92 and 0.66.
 */
const KNOTS = [0, 0.01, 0.03, 0.07, 0.15, 0.3, 0.5, 0.7, 0.85, 0.92, 0.96, 0.98, 0.99, 0.996, 1]
/** A first estimate is the drafter's own; some three hundred judged nodes of a knot count. */
const ALL: Weighing = { prior: 4, fade: 0.997 }
/** A bin's own experience outweighs that of all bins from a dozen judged nodes on. */
const OF_BIN: Weighing = { prior: 12, fade: 0.997 }

/** What tells of a draft before the target is asked. */
export interface DraftKind {
  readonly source: number
  /** 1 below the root. */
  readonly depth: number
  /** `UNKNOWN_BIN` where the drafter tells no distributions. */
  readonly bin: number
}

export class CalibratedAcceptance {
  readonly #sources: CostMemory['acceptance']
  /** Nothing fades: see `PolicyMemory.lasting`. */
  readonly #lasting: boolean
  /** Per source: of first and of deeper levels. */
  readonly #shifts: { readonly first: Shift; readonly deeper: Shift }[] = []
  /** Curves by source, depth and bin, built when asked for; they hold for a round. */
  #curves = new Map<number, number[]>()
  /** The same of all bins together, before the shift. */
  #coarse = new Map<number, number[]>()

  /** `sources` is where the counts live; it may be shared with other requests. With `lasting` older nodes do not fade. */
  constructor(sources: CostMemory['acceptance'], lasting = false) {
    this.#sources = sources
    this.#lasting = lasting
  }

  /** Starts a round: what was learned since the last one counts from here on, by whomever. */
  refresh(): void {
    this.#curves.clear()
    this.#coarse.clear()
  }

  /** Chance that a draft with the drafter's estimate `prob` is accepted once its parent is. */
  calibrate(prob: number, kind: DraftKind): number {
    return interpolate(this.#curve(kind), locate(KNOTS, prob))
  }

  /**
   * Follows the text through a tree: below `from`, each of `tokens` judges the children of the node it has reached. `bins` [size].
   * Returns the node reached, or -1 when the tree did not foresee the text.
   */
  learn(tree: TokenTree, from: NodeId, tokens: Iterable<TokenId>, bins: readonly number[]): NodeId {
    let node = from
    for (const token of tokens) {
      for (const child of tree.children(node)) this.#judge(tree, child, token, bins[child] ?? UNKNOWN_BIN)
      node = tree.child(node, token)
      if (node < 0) break
    }
    return node
  }

  #judge(tree: TokenTree, node: NodeId, token: TokenId, bin: number): void {
    const prob = Math.exp(tree.logProbs[node] as number)
    const kind = { source: tree.sources[node] as number, depth: tree.depths[node] as number, bin }
    const right = tree.tokens[node] === token
    const deeper = kind.depth > 1
    this.#shift(kind).observe(this.calibrate(prob, kind), right)
    while (this.#sources.length <= kind.source) this.#sources.push(nothingSeen())
    const { all, bins } = this.#sources[kind.source] as CostMemory['acceptance'][number]
    const at = locate(KNOTS, prob)
    countJudged(deeper ? all.deeper : all.first, at, right, this.#fade(ALL))
    const own = bins[bin]
    if (own !== undefined) countJudged(deeper ? own.deeper : own.first, at, right, this.#fade(OF_BIN))
  }

  #fade({ fade }: Weighing): number {
    return this.#lasting ? 1 : fade
  }

  #shift({ source, depth }: DraftKind): Shift {
    const shifts = (this.#shifts[source] ??= { first: new Shift(), deeper: new Shift() })
    return depth > 1 ? shifts.deeper : shifts.first
  }

  #curve(kind: DraftKind): number[] {
    const key = (kind.source * 2 + (kind.depth > 1 ? 1 : 0)) * (BINS + 1) + kind.bin - UNKNOWN_BIN
    let curve = this.#curves.get(key)
    if (curve === undefined) this.#curves.set(key, (curve = this.#shift(kind).apply(this.#shared(kind))))
    return curve
  }

  #shared({ source, depth, bin }: DraftKind): number[] {
    const all = this.#allBins(source, depth > 1)
    const own = this.#sources[source]?.bins[bin]
    return own === undefined ? all : acceptanceCurve(depth > 1 ? own.deeper : own.first, all, OF_BIN)
  }

  #allBins(source: number, deeper: boolean): number[] {
    const counts = this.#sources[source]
    if (counts === undefined) return KNOTS
    const key = 2 * source + (deeper ? 1 : 0)
    let curve = this.#coarse.get(key)
    if (curve === undefined) {
      curve = deeper
        ? acceptanceCurve(counts.all.deeper, this.#allBins(source, false), ALL)
        : acceptanceCurve(counts.all.first, KNOTS, ALL)
      this.#coarse.set(key, curve)
    }
    return curve
  }
}

// ---------------------------------------------------------------------------------------------------------------

function nothingSeen(): CostMemory['acceptance'][number] {
  return { all: emptyPair(), bins: Array.from({ length: BINS }, emptyPair) }
}

function emptyPair(): CountsByDepth {
  return { first: emptyCounts(KNOTS.length), deeper: emptyCounts(KNOTS.length) }
}
