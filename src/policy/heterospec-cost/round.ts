/**
 * The round in work: calibrated chances of all nodes so far, the best of them in order, what drafting has taken, and what was
 * considered on the way. It answers questions of the policy about one tree; what lasts longer is not here.
 */
import type { NodeId, TokenTree } from '../../tree/index.ts'
import type { LevelReport } from '../types.ts'
import { isBestChild, type CalibratedAcceptance } from './acceptance.ts'
import { RoundBins, UNKNOWN_BIN } from './bins.ts'
import { Ranked, type Choice, type PassPrices } from './choice.ts'
import { Growth, type LevelPlan, type LevelPrice, type Twig } from './growth.ts'
import { FORESEEN, type Outlook, type Prospects } from './outlook.ts'

/** What rounds look things up in. */
export interface Knowledge {
  readonly acceptance: CalibratedAcceptance
  readonly outlook: Outlook
}

/** A level that was considered, for explanations. */
export interface ConsideredLevel extends LevelPlan {
  /** 2: the first one after the tree's first. */
  readonly level: number
}

export class DraftedRound {
  readonly prices: PassPrices
  readonly considered: ConsideredLevel[] = []
  /** Does the tree grow level by level? Others come in one piece. */
  grows = false
  /** Did cheap sources propose a tree before the first level? */
  merged = false
  /** Levels grown, and the nodes that they expanded; the first one was asked for when a round that is not merged began. */
  levels = 0
  expanded = 0
  choice: Choice
  readonly #known: Knowledge
  readonly #bins = new RoundBins()
  readonly #growth: Growth
  readonly #width: number
  #ranked: Ranked
  #tree: TokenTree | undefined
  /** By node: the calibrated chance of its path. */
  #chances: number[] = [1]
  /** By node: what was believed of it when its chance was computed. A merged tree may restate it. */
  readonly #believed: number[] = []
  /** Nodes that the coming level expands. */
  #expanding: readonly NodeId[] = [0]
  /** Chance of the root's best child. */
  #first = 0
  /** The node of the newest level that speaks for the round: the likeliest one. */
  #surest: NodeId = 0

  /** `width`: most nodes that a level may expand. */
  constructor(known: Knowledge, prices: PassPrices, width: number) {
    this.prices = prices
    this.choice = prices.plain
    this.#known = known
    this.#growth = new Growth(prices)
    this.#width = width
    this.#ranked = new Ranked(prices.limit)
  }

  /** The largest tree seen. */
  get tree(): TokenTree | undefined {
    return this.#tree
  }

  get ranked(): Ranked {
    return this.#ranked
  }

  /** [size] entropy bins of the tree's nodes. */
  get bins(): readonly number[] {
    return this.#bins.latest
  }

  /** Entropy in nats per step of the likeliest path so far, and its bin; undefined where the drafter tells none. */
  get entropy(): { readonly nats: number; readonly bin: number } | undefined {
    const nats = this.#bins.meanOf(this.#surest)
    return nats === undefined ? undefined : { nats, bin: this.bins[this.#surest] ?? UNKNOWN_BIN }
  }

  /** Takes in what a level brought. */
  see(level: LevelReport): void {
    const { tree, frontier, depth } = level
    // A finished tree that is no more than what was shown before; a smaller one was pruned on the way.
    if (this.#tree !== undefined && tree !== this.#tree && tree.size <= this.#tree.size) return
    this.grows ||= frontier.length > 0
    this.merged ||= this.grows && depth === 0
    const first = tree === this.#tree ? this.#chances.length : 1
    if (tree !== this.#tree || this.#isRestated(tree)) this.#begin(tree)
    const bins = this.#bins.of(level)
    for (let node = this.#chances.length; node < tree.size; node++) {
      const parent = tree.parents[node] as NodeId
      const chance = (this.#chances[parent] as number) * this.#ownChance(tree, node, bins)
      this.#chances.push(chance)
      this.#ranked.add(chance, node)
      this.#believed.push(beliefOf(tree, node))
    }
    if (this.grows && depth > this.levels) {
      this.levels = depth
      this.expanded += this.#expanding.length
      this.#learnOutlook(tree, first)
    }
    if (tree.size > first) this.#surest = this.#likeliest(first, tree.size)
  }

  /** The best number of nodes of what is there, when drafting has taken `spentMs`. */
  choose(spentMs: number, margin: number): Choice {
    const { plain } = this.prices
    const best = this.prices.best(this.#ranked, spentMs)
    const promising = best.tokens / (best.ms + spentMs) > ((1 + margin) * plain.tokens) / (plain.ms + spentMs)
    return (this.choice = promising ? best : plain)
  }

  /** Tokens that its levels were expected to bring beyond what the tree before them would have in the same time; undefined if none was considered. */
  worthOfLevels(draftMs: number): number | undefined {
    const before = this.considered[0]?.stopRate
    if (before === undefined) return undefined
    return this.levels === 0 ? 0 : this.choice.tokens - before * (this.choice.ms + draftMs)
  }

  /** The batch took so many nodes of what was let through, the best ones; `ms` is this sequence's share of the pass. */
  settle(nodes: number, ms: number): void {
    const tokens = this.#ranked.chances.subarray(0, nodes).reduce((sum, chance) => sum + chance, 1)
    this.choice = { nodes, tokens, ms }
  }

  /** [size] chances of the paths of a tree that is a part of the round's; what others added to it is taken at its word. */
  chancesOf(tree: TokenTree): Float64Array {
    const chances = new Float64Array(tree.size)
    chances[0] = 1
    const own = new Int32Array(tree.size)
    for (let node = 1; node < tree.size; node++) {
      const parent = own[tree.parents[node] as NodeId] as NodeId
      own[node] = parent < 0 ? -1 : (this.#tree?.child(parent, tree.tokens[node] as number) ?? -1)
      const belief = (chances[tree.parents[node] as NodeId] as number) * Math.exp(tree.logProbs[node] as number)
      chances[node] = this.#chances[own[node] as NodeId] ?? belief
    }
    return chances
  }

  /** The nodes of the frontier to expand next, in its order; none when the level does not pay. */
  widen(level: LevelReport, spentMs: number, price: LevelPrice): NodeId[] {
    const twigs = level.frontier.map((node) => this.#twig(level, node)).sort((a, b) => b.chance - a.chance)
    const plan = this.#growth.next(this.#ranked, twigs.slice(0, this.#width), spentMs, price)
    this.considered.push({ level: level.depth + 1, ...plan })
    const chosen = new Set(twigs.slice(0, plan.width).map(({ node }) => node))
    this.#expanding = level.frontier.filter((node) => chosen.has(node))
    return [...this.#expanding]
  }

  #begin(tree: TokenTree): void {
    this.#tree = tree
    this.#bins.restart(tree)
    this.#chances = [1]
    this.#believed.length = 0
    this.#ranked = new Ranked(this.prices.limit)
  }

  #isRestated(tree: TokenTree): boolean {
    return this.#believed.some((belief, index) => belief !== beliefOf(tree, index + 1))
  }

  #ownChance(tree: TokenTree, node: NodeId, bins: readonly number[]): number {
    return this.#known.acceptance.calibrate(Math.exp(tree.logProbs[node] as number), {
      source: tree.sources[node] as number,
      depth: tree.depths[node] as number,
      bin: bins[node] ?? UNKNOWN_BIN,
      best: isBestChild(tree, node),
    })
  }

  #twig(level: LevelReport, node: NodeId): Twig {
    const { tree } = level
    const bin = this.bins[node] ?? UNKNOWN_BIN
    const chance = this.#chances[node] as number
    const told = level.topProbs(node)
    if (told.length === 0) {
      const { outlook } = this.#known
      const prospects =
        node === 0 ? outlook.ofAny() : outlook.of(Math.exp(tree.logProbs[node] as number), bin, this.#first)
      return { node, chance, prospects: leftOver(prospects, this.#covered(tree, node)) }
    }
    // The drafter knows already what it would say.
    const kind = { source: tree.sources[node] as number, depth: (tree.depths[node] as number) + 1, bin }
    const children = Array.from(told.subarray(0, FORESEEN), (prob, i) =>
      this.#known.acceptance.calibrate(prob, { ...kind, best: i === 0 }),
    )
    return { node, chance, prospects: { share: 1, better: children, worse: children } }
  }

  /** How likely it is that a child which is there already comes true once `node` did: other sources may have put some there. */
  #covered(tree: TokenTree, node: NodeId): number {
    return tree.children(node).reduce((sum, child) => sum + this.#given(child, node), 0)
  }

  /** Chance of a child once its parent came true. */
  #given(child: NodeId, parent: NodeId): number {
    return (this.#chances[child] as number) / Math.max(Number.MIN_VALUE, this.#chances[parent] as number)
  }

  /**
   * Children that the newest level brought, by parent, the likeliest first. Where other sources had put some before, the new
   * ones are what those left over, and tell nothing of other nodes.
   */
  #learnOutlook(tree: TokenTree, first: NodeId): void {
    for (const parent of this.#expanding) {
      const children = tree.children(parent)
      if (children.length === 0 || children.some((child) => child < first)) continue
      const chances = children.map((child) => this.#given(child, parent)).sort((a, b) => b - a)
      if (parent === 0) {
        this.#first = chances[0] ?? 0
        this.#known.outlook.observeFirst(chances)
        continue
      }
      const prob = Math.exp(tree.logProbs[parent] as number)
      this.#known.outlook.observe(prob, this.bins[parent] ?? UNKNOWN_BIN, chances)
    }
  }

  #likeliest(from: NodeId, to: NodeId): NodeId {
    let best = from
    for (let node = from; node < to; node++) {
      if ((this.#chances[node] as number) > (this.#chances[best] as number)) best = node
    }
    return best
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** One number for what a drafter says of a node: estimate and source. */
function beliefOf({ logProbs, sources }: TokenTree, node: NodeId): number {
  // Log-probabilities are at most 0, sources whole: no two pairs that occur share a number.
  return (sources[node] as number) * 1e6 - (logProbs[node] as number)
}

/** What children bring beyond those that cover the share `covered` of the node's future. */
function leftOver(prospects: Prospects, covered: number): Prospects {
  if (covered === 0) return prospects
  const left = Math.max(0, 1 - covered)
  const scale = (chances: readonly number[]): number[] => chances.map((chance) => chance * left)
  return { share: prospects.share, better: scale(prospects.better), worse: scale(prospects.worse) }
}
