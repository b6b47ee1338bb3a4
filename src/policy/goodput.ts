/**
 * Verifies, each round, as many draft nodes as promise the most tokens per millisecond: none when drafts are bad or rows
 * dear, many when they are good and cheap. After SmartSpec ("Optimizing Speculative Decoding for Serving Large Language
 * Models Using Goodput", arXiv 2406.14066), for trees and for one user; docs/methods/goodput.md explains the differences.
 *
 * All prices are in plain passes. It decides budgets only: growing and pruning are the drafter's work, timing is the
 * engine's.
 */
import * as z from 'zod'
import { assert } from '../util/assert.ts'
import {
  bestNodes,
  emittedTokens,
  pathLogProbs,
  type NodeId,
  type RoundOutcome,
  type TokenId,
  type TokenTree,
} from '../tree/index.ts'
import { Acceptance } from './acceptance.ts'
import { DraftGate } from './draft-gate.ts'
import { meanTime } from './memory.ts'
import { NO_DRAFT, RESTING } from './off.ts'
import { roundPrices, type RoundPrices } from './prices.ts'
import { AskedNodes, PlainTimer } from './rhythm.ts'
import type {
  Budget,
  BudgetPolicy,
  Explanation,
  LevelReport,
  PolicyMemory,
  PolicyModule,
  RoundContext,
} from './types.ts'

const goodputOptions = z.strictObject({
  policy: z.literal('goodput'),
  maxNodes: z.int().min(1).max(255).default(31).describe('Most draft tokens verified per round.'),
  depth: z.int().min(1).max(64).default(16).describe('Most levels of the draft tree.'),
  width: z.int().min(1).max(64).default(4).describe('Nodes expanded per level, and children kept of each.'),
  margin: z.number().min(0).max(1).default(0.06).describe('Advantage over plain decoding that a draft must promise.'),
  explore: z
    .number()
    .min(0.001)
    .max(1)
    .default(0.01)
    .describe('Share of the time that may go into trying drafts that did not pay lately.'),
})

type GoodputOptions = z.infer<typeof goodputOptions>

export const goodput = {
  summary: 'The number of nodes with the best expected tokens per millisecond, none included, from measured prices.',
  paper: {
    title: 'Optimizing Speculative Decoding for Serving Large Language Models Using Goodput',
    arxiv: '2406.14066',
    parts:
      'choice of the speculation length by goodput; for trees, with calibrated acceptance and a measured price list',
  },
  options: goodputOptions,
  create: (options, memory): BudgetPolicy => new Goodput(options, memory),
} satisfies PolicyModule<typeof goodputOptions>

// ---------------------------------------------------------------------------------------------------------------

/** What was drafted is also judged, learned from and written down: half of drafting's time again, which nobody else counts. */
const AFTERWORK = 1.5

/** What is known of the round in work. */
interface Round {
  readonly prices: RoundPrices
  readonly drafted: boolean
  readonly divided: boolean
  /** The largest tree seen, before pruning. */
  tree: TokenTree | undefined
  /** Levels grown one by one; undefined for trees that come in one piece. */
  levels: number | undefined
  choice: Choice
}

/** A number of nodes to verify. */
interface Choice {
  readonly nodes: number
  /** Expected tokens of the round. */
  readonly tokens: number
  /** Of the target pass. */
  readonly price: number
}

const PLAIN: Choice = { nodes: 0, tokens: 1, price: 1 }

/** A tree that still foretells the text: the text has reached `node`. */
interface Walk {
  readonly tree: TokenTree
  readonly node: NodeId
}

class Goodput implements BudgetPolicy {
  readonly name = 'goodput'
  readonly #options: GoodputOptions
  readonly #memory: PolicyMemory
  readonly #acceptance: Acceptance
  readonly #gate: DraftGate
  readonly #timer: PlainTimer
  readonly #asked: AskedNodes
  #walks: readonly Walk[] = []
  #round: Round | undefined
  #resting = false
  #draftedRounds = 0

  constructor(options: GoodputOptions, memory: PolicyMemory) {
    this.#options = options
    this.#memory = memory
    this.#acceptance = new Acceptance(memory.acceptance, memory.lasting)
    this.#gate = new DraftGate(options.explore)
    this.#timer = new PlainTimer(memory)
    this.#asked = new AskedNodes(options.maxNodes)
  }

  plan(context: RoundContext): Budget {
    const { depth, width, maxNodes } = this.#options
    this.#resting = context.resting === true
    if (this.#resting) {
      // Others wait: what a plain round costs and teaches is worth less than the time.
      this.#round = undefined
      this.#walks = []
      return NO_DRAFT
    }
    const prices = roundPrices(context)
    const limit = Math.min(maxNodes, context.room)
    const divided = context.divided === true
    // The batch chooses where stairs end.
    const stairs = divided ? [] : prices.candidates(limit)
    const nodes = divided
      ? Math.min(limit, this.#asked.count)
      : (stairs.find((count) => count >= this.#asked.count) ?? limit)
    const most = { depth: Math.min(depth, context.room), width, nodes, ...(divided && { least: prices.least }) }
    const timed = this.#timer.due && !divided
    const drafted = most.nodes > 0 && !timed && this.#gate.open()
    this.#round = { prices, drafted, divided, tree: undefined, levels: undefined, choice: PLAIN }
    this.#acceptance.refresh()
    return drafted ? most : NO_DRAFT
  }

  revise(level: LevelReport, budget: Budget): Budget {
    const round = this.#round
    assert(round !== undefined, 'a budget is revised before it was planned')
    const { tree, frontier } = level
    if (tree.size >= (round.tree?.size ?? 0)) round.tree = tree
    if (frontier.length > 0 || round.levels !== undefined) round.levels = level.depth
    const probs = this.#acceptance.pathProbs(tree)
    const spent = this.#draftPrice(round)
    const choice = this.#choose(tree, probs, round.prices, spent, budget.nodes)
    const rate = Math.max(1, choice.tokens / (choice.price + spent))
    const mayGrow = frontier.length > 0 && level.depth < budget.depth
    if (mayGrow && this.#nextLevelPays(level, probs, round.prices, rate, budget)) return budget
    round.choice = choice
    const nodes = round.divided ? budget.nodes : choice.nodes
    return { ...budget, depth: Math.min(budget.depth, level.depth), nodes }
  }

  chances(tree: TokenTree): Float64Array | undefined {
    if (tree.size === 1) return undefined
    // Not drafted and yet there: a format says what must come.
    if (this.#resting) return Float64Array.from(pathLogProbs(tree), Math.exp)
    return this.#round?.divided ? this.#acceptance.pathProbs(tree) : undefined
  }

  observe(outcome: RoundOutcome): void {
    const round = this.#round
    if (round === undefined) return
    this.#round = undefined
    const emitted = emittedTokens(outcome)
    if (round.divided) round.choice = this.#choiceOf(outcome, round.prices)
    this.#learnAcceptance(round.tree ?? outcome.tree, emitted)
    if (round.drafted) {
      this.#asked.observe(round.choice.nodes)
      this.#learnDraftPrice(round, outcome, emitted.length)
    }
    this.#timer.observe(outcome.tree.size, emitted.length)
  }

  explain(): Explanation | undefined {
    if (this.#resting) return { nodes: 0, reason: RESTING }
    if (this.#round === undefined) return undefined
    const { prices, drafted, divided, levels, choice } = this.#round
    if (!drafted)
      return { nodes: 0, reason: this.#timer.due && !divided ? 'a plain pass is timed' : 'drafts do not pay' }
    return {
      nodes: choice.nodes,
      levels: levels ?? 0,
      // What the round was expected to bring and to take, in tokens and plain passes.
      tokens: rounded(choice.tokens),
      price: rounded(choice.price),
      draftPrice: rounded(this.#draftPrice(this.#round)),
      plainMs: rounded(prices.plainMs),
    }
  }

  // --- decisions ---

  /** What drafting so far has cost, in plain passes: the measured mean of whole drafts, or of the levels grown. */
  #draftPrice({ prices, levels }: Round): number {
    const ms = levels === undefined ? (this.#memory.draftMs ?? 0) : levels * (this.#memory.levelMs ?? 0)
    return (AFTERWORK * ms) / prices.plainMs
  }

  /**
   * The number of nodes with the most expected tokens per time, drafting included; none unless drafts promise the margin.
   * All candidates are looked at: prices may have dips.
   */
  #choose(tree: TokenTree, probs: Float64Array, prices: RoundPrices, spent: number, limit: number): Choice {
    const order = bestNodes(tree, limit)
    const rate = ({ tokens, price }: Choice): number => tokens / (price + spent)
    let best = PLAIN
    let tokens = 1
    let summed = 0
    for (const nodes of prices.candidates(order.length)) {
      while (summed < nodes) tokens += probs[order[summed++] as NodeId] as number
      const option = { nodes, tokens, price: prices.of(nodes) }
      if (rate(option) > rate(best)) best = option
    }
    return rate(best) > (1 + this.#options.margin) * rate(PLAIN) ? best : PLAIN
  }

  /** What the batch took of the tree, and this sequence's share of the pass. */
  #choiceOf({ tree, verifyMs }: RoundOutcome, { plainMs }: RoundPrices): Choice {
    const tokens = this.#acceptance.pathProbs(tree).reduce((sum, chance) => sum + chance, 0)
    return { nodes: tree.size - 1, tokens, price: verifyMs / plainMs }
  }

  /** Do the children of the frontier bring more than their level costs to draft and their rows cost to verify, at `rate`? */
  #nextLevelPays(level: LevelReport, probs: Float64Array, prices: RoundPrices, rate: number, budget: Budget): boolean {
    const rowPrice = (rate * (prices.of(budget.nodes) - 1)) / budget.nodes
    const typical = typicalBestChild(level.tree, probs)
    let gain = 0
    for (const node of level.frontier) {
      const known = level.topProbs(node)[0]
      const source = level.tree.sources[node]
      const child = known === undefined ? typical : this.#acceptance.calibrate(known, level.depth + 1, source)
      // In a merged tree others have proposed children already: the level can only gain what these leave over.
      const covered = level.tree.children(node).reduce((sum, known) => sum + (probs[known] as number), 0)
      gain += Math.max(0, ((probs[node] as number) - covered) * child - rowPrice)
    }
    return gain > (rate * (this.#memory.levelMs ?? 0)) / prices.plainMs
  }

  // --- learning ---

  #learnAcceptance(tree: TokenTree, emitted: readonly TokenId[]): void {
    this.#walks = [...this.#walks, { tree, node: 0 }]
      .map((walk) => ({ tree: walk.tree, node: this.#acceptance.learn(walk.tree, walk.node, emitted) }))
      .filter(({ tree, node }) => node > 0 && tree.children(node).length > 0)
  }

  /** A session's first draft reads the prompt and teaches no price. */
  #learnDraftPrice(round: Round, { draftMs, verifyMs }: RoundOutcome, emitted: number): void {
    const memory = this.#memory
    if (this.#draftedRounds++ > 0) {
      memory.draftMs = meanTime(memory.draftMs, draftMs)
      const { levels = 0 } = round
      if (levels > 0) memory.levelMs = meanTime(memory.levelMs, draftMs / levels)
    }
    const { plainMs } = round.prices
    const { tokens, price } = round.choice
    const typical = (AFTERWORK * (memory.draftMs ?? 0)) / plainMs
    const spent = Math.min((AFTERWORK * draftMs) / plainMs, 2 * typical)
    // What was promised varies less, what came true cannot be wrong: prices may be, on a busy machine.
    const promised = tokens - price - spent
    const real = emitted - Math.min(verifyMs / plainMs, 2 * price) - spent
    this.#gate.report((promised + real) / 2, typical)
  }
}

function rounded(value: number): number {
  return Math.round(value * 1e3) / 1e3
}

/** Mean chance of the best child of a node that has children, each node weighted by its own chance; 0 for a bare root. */
function typicalBestChild(tree: TokenTree, probs: Float64Array): number {
  const best = new Float64Array(tree.size)
  for (let node = 1; node < tree.size; node++) {
    const parent = tree.parents[node] as NodeId
    best[parent] = Math.max(best[parent] as number, probs[node] as number)
  }
  let children = 0
  let parents = 0
  for (let node = 0; node < tree.size; node++) {
    if ((best[node] as number) === 0) continue
    children += best[node] as number
    parents += probs[node] as number
  }
  return parents > 0 ? children / parents : 0
}
