/**
 * The chance that a draft comes true once its parent did, from the drafter's own estimate: calibrated per source, for first
 * and deeper levels, for the likeliest child and its siblings, and per entropy bin. A drafter that is close to the target is right with
 * its first guess however unsure it is, and wrong with the second. A curve that has seen little leans on the next coarser one: a bin's on that
 * of all bins, that of deeper levels on that of the first, that of siblings on that of the best, and that one on the drafter itself. These curves are shared by all
 * requests; what one request's text does otherwise is a shift of all of its curves, which starts at nothing.
 *
 * Who is judged, and when: as in `../acceptance.ts`.
 */
import type { NodeId, TokenId, TokenTree } from '../../tree/index.ts'
import { acceptanceCurve, countJudged, emptyCounts, type Weighing } from '../counts.ts'
import { interpolate, locate } from '../isotonic.ts'
import type { AcceptanceCounts, CostMemory, CountsByPlace } from '../types.ts'
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
  /** The likeliest child of its parent (`isBestChild`). */
  readonly best: boolean
}

/** Does the drafter think a node likelier than its siblings? Of equal ones the older is. */
export function isBestChild(tree: TokenTree, node: NodeId): boolean {
  const own = tree.logProbs[node] as number
  for (const sibling of tree.children(tree.parents[node] as NodeId)) {
    const other = tree.logProbs[sibling] as number
    if (other > own || (other === own && sibling < node)) return false
  }
  return true
}

export class CalibratedAcceptance {
  readonly #sources: CostMemory['acceptance']
  /** Nothing fades: see `PolicyMemory.lasting`. */
  readonly #lasting: boolean
  /** By `familyKey`. */
  readonly #shifts = new Map<number, Shift>()
  /** Curves by source, depth and bin, built when asked for; they hold for a round. */
  #curves = new Map<number, number[]>()
  /** The same of all bins together, or of unknown entropy, before the shift. */
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
    const [source, depth] = [tree.sources[node] as number, tree.depths[node] as number]
    const kind = { source, depth, bin, best: isBestChild(tree, node) }
    const right = tree.tokens[node] === token
    this.#shift(kind).observe(this.calibrate(prob, kind), right)
    while (this.#sources.length <= kind.source) this.#sources.push(nothingSeen())
    const counts = this.#sources[kind.source] as CostMemory['acceptance'][number]
    const at = locate(KNOTS, prob)
    countJudged(countsOf(familyOf(counts, kind), kind), at, right, this.#fade(ALL))
    const own = counts.bins[bin]
    if (own !== undefined) countJudged(countsOf(own, kind), at, right, this.#fade(OF_BIN))
  }

  #fade({ fade }: Weighing): number {
    return this.#lasting ? 1 : fade
  }

  #shift(kind: DraftKind): Shift {
    const key = familyKey(kind)
    let shift = this.#shifts.get(key)
    if (shift === undefined) this.#shifts.set(key, (shift = new Shift()))
    return shift
  }

  #curve(kind: DraftKind): number[] {
    const key = placeOf(kind) * (BINS + 1) + kind.bin
    let curve = this.#curves.get(key)
    if (curve === undefined) this.#curves.set(key, (curve = this.#shift(kind).apply(this.#shared(kind))))
    return curve
  }

  #shared(kind: DraftKind): number[] {
    const all = this.#family(kind)
    const own = this.#sources[kind.source]?.bins[kind.bin]
    return own === undefined ? all : acceptanceCurve(countsOf(own, kind), all, OF_BIN)
  }

  #family(kind: DraftKind): number[] {
    const counts = this.#sources[kind.source]
    if (counts === undefined) return KNOTS
    const key = familyKey(kind)
    let curve = this.#coarse.get(key)
    if (curve === undefined)
      this.#coarse.set(key, (curve = acceptanceCurve(countsOf(familyOf(counts, kind), kind), this.#prior(kind), ALL)))
    return curve
  }

  /** The curve of the next coarser kind: deeper levels lean on the first one, siblings on the best child, and that one on the drafter. */
  #prior(kind: DraftKind): readonly number[] {
    if (kind.depth > 1) return this.#family({ ...kind, depth: 1 })
    return kind.best ? KNOTS : this.#family({ ...kind, best: true })
  }
}

// ---------------------------------------------------------------------------------------------------------------

function nothingSeen(): CostMemory['acceptance'][number] {
  return { known: emptyPlaces(), bins: Array.from({ length: BINS }, emptyPlaces), unknown: emptyPlaces() }
}

/** In a merged tree, what a head has spoken about and what only cheap sources have are different kinds of guesses. */
function familyOf({ known, unknown }: CostMemory['acceptance'][number], { bin }: DraftKind): CountsByPlace {
  return bin === UNKNOWN_BIN ? unknown : known
}

function emptyPlaces(): CountsByPlace {
  const counts = (): AcceptanceCounts => emptyCounts(KNOTS.length)
  const byDepth = (): CountsByPlace['best'] => ({ first: counts(), deeper: counts() })
  return { best: byDepth(), others: byDepth() }
}

function countsOf({ best, others }: CountsByPlace, kind: DraftKind): AcceptanceCounts {
  const byDepth = kind.best ? best : others
  return kind.depth > 1 ? byDepth.deeper : byDepth.first
}

function familyKey(kind: DraftKind): number {
  return 2 * placeOf(kind) + (kind.bin === UNKNOWN_BIN ? 1 : 0)
}

/** One number for source, depth class and place among siblings. */
function placeOf({ source, depth, best }: DraftKind): number {
  return 4 * source + (depth > 1 ? 2 : 0) + (best ? 1 : 0)
}
