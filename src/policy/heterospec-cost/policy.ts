/**
 * The completed method: every round, the levels, the width and the nodes that promise the most tokens per millisecond on this
 * machine. HeteroSpec (arXiv 2505.13254) reads from the draft's own entropy how far to draft and how much to verify, by
 * constants that suppose a machine on which rows are free; here the same signal calibrates what drafts are worth, and
 * measured prices decide. Plain decoding, chains and wide trees are members of one family. docs/methods/heterospec-cost.md.
 *
 * Lossless: it decides by the draft, by prices and by past rounds, never by the target's scores of the round.
 */
import * as z from 'zod'
import { assert } from '../../util/assert.ts'
import { emittedTokens, pathLogProbs, type NodeId, type RoundOutcome, type TokenTree } from '../../tree/index.ts'
import { NO_DRAFT, RESTING } from '../off.ts'
import { roundPrices } from '../prices.ts'
import { AskedNodes, PlainTimer } from '../rhythm.ts'
import type {
  Budget,
  BudgetPolicy,
  CostMemory,
  Explanation,
  LevelReport,
  PolicyMemory,
  PolicyModule,
  RoundContext,
} from '../types.ts'
import { CalibratedAcceptance } from './acceptance.ts'
import { PassPrices } from './choice.ts'
import { explainRound } from './explain.ts'
import { costMemory } from './memory.ts'
import { Outlook } from './outlook.ts'
import { DraftedRound, type Knowledge } from './round.ts'
import { RoundTimes } from './times.ts'
import { Trials, type Beginning } from './trials.ts'

const heterospecCostOptions = z.strictObject({
  policy: z.literal('heterospec-cost'),
  maxNodes: z.int().min(1).max(255).default(63).describe('Most draft tokens verified per round.'),
  depth: z.int().min(1).max(64).default(16).describe('Most levels of the draft tree.'),
  width: z.int().min(1).max(64).default(10).describe('Most nodes expanded per level, and children kept of each.'),
  margin: z.number().min(0).max(1).default(0.06).describe('Advantage over plain decoding that a draft must promise.'),
  explore: z
    .number()
    .min(0.001)
    .max(1)
    .default(0.01)
    .describe('Share of the time that may go into drafts that do not pay, reading the prompt for them included.'),
})

type HeterospecCostOptions = z.infer<typeof heterospecCostOptions>

export const heterospecCost = {
  summary:
    'Levels, width and nodes with the best expected tokens per millisecond, from entropy, calibrated acceptance and measured prices.',
  paper: {
    title: 'HeteroSpec: Leveraging Contextual Heterogeneity for Efficient Speculative Decoding',
    arxiv: '2505.13254',
    parts:
      'depth and width by the draft’s entropy; constants and bins are replaced by calibrated chances and measured prices',
  },
  options: heterospecCostOptions,
  create: (options, memory): BudgetPolicy => new HeterospecCost(options, memory),
} satisfies PolicyModule<typeof heterospecCostOptions>

// ---------------------------------------------------------------------------------------------------------------

/** A tree that still foretells the text: the text has reached `node`. */
interface Walk {
  readonly tree: TokenTree
  readonly bins: readonly number[]
  readonly node: NodeId
}

class HeterospecCost implements BudgetPolicy {
  readonly name = 'heterospec-cost'
  readonly #options: HeterospecCostOptions
  readonly #memory: CostMemory
  readonly #known: Knowledge
  readonly #times: RoundTimes
  readonly #trials: Trials
  readonly #timer: PlainTimer
  readonly #asked: AskedNodes
  #walks: readonly Walk[] = []
  /** Undefined in rounds that are not drafted. */
  #round: DraftedRound | undefined
  #plainMs = 1
  /** What the drafter would have to read first in this round. */
  #reading: Beginning = { price: 0, room: 0 }
  #divided = false
  #resting = false

  constructor(options: HeterospecCostOptions, memory: PolicyMemory) {
    this.#options = options
    this.#memory = costMemory(memory)
    this.#known = {
      acceptance: new CalibratedAcceptance(this.#memory.acceptance, memory.lasting),
      outlook: new Outlook(this.#memory.outlook, memory.lasting),
    }
    this.#times = new RoundTimes(this.#memory)
    this.#trials = new Trials(this.#memory.trials, options.explore)
    this.#timer = new PlainTimer(memory)
    this.#asked = new AskedNodes(options.maxNodes)
  }

  plan(context: RoundContext): Budget {
    const { depth, width, maxNodes } = this.#options
    this.#divided = context.divided === true
    this.#resting = context.resting === true
    if (this.#resting) {
      this.#round = undefined
      return NO_DRAFT
    }
    this.#times.refresh()
    const prices = roundPrices(context)
    this.#plainMs = prices.plainMs
    this.#round = undefined
    const limit = Math.min(maxNodes, context.room)
    if (limit === 0 || (this.#timer.due && !this.#divided)) return NO_DRAFT
    this.#reading = { price: this.#times.readingMs(context.context) / prices.plainMs, room: context.room }
    // The cheap sources of a merged tree read nothing.
    const { growth } = this.#memory
    if (!this.#trials.open(growth === 'merged' ? undefined : this.#reading)) return NO_DRAFT
    // Growing by levels, a drafter drafts no more than is bought; in one piece, as a merged tree begins, all that is asked for.
    const nodes = growth === 'levels' ? limit : this.#askedOf(this.#divided ? [] : prices.candidates(limit), limit)
    this.#known.acceptance.refresh()
    this.#round = new DraftedRound(this.#known, new PassPrices(prices, this.#times.nodeMs, nodes), width)
    const least = this.#divided ? { least: prices.least } : {}
    return { depth: Math.min(depth, context.room), width, nodes, ...least }
  }

  revise(level: LevelReport, budget: Budget): Budget {
    const round = this.#round
    assert(round !== undefined, 'a budget is revised before it was planned')
    const { depth, width } = budget
    round.see(level)
    const spentMs = this.#times.draftMs(round)
    if (level.frontier.length > 0 && level.depth < depth && (level.depth > 0 || this.#trials.affords(this.#reading))) {
      const price = this.#times.levelOf(round)
      const expand = round.widen(level, spentMs, { ...price, left: depth - level.depth })
      if (expand.length > 0) return { depth, width, nodes: budget.nodes, expand }
    }
    const { nodes } = round.choose(spentMs, this.#options.margin)
    const kept = this.#divided ? round.ranked.size : nodes
    return { depth: Math.min(depth, level.depth), width, nodes: kept, keep: round.ranked.first(kept) }
  }

  chances(tree: TokenTree): Float64Array | undefined {
    if (!this.#divided || tree.size === 1) return undefined
    // Not drafted and yet there: a format says what must come.
    return this.#round?.chancesOf(tree) ?? Float64Array.from(pathLogProbs(tree), Math.exp)
  }

  observe(outcome: RoundOutcome): void {
    const round = this.#round
    this.#round = undefined
    const emitted = emittedTokens(outcome)
    if (this.#resting) {
      // Others wait: what a plain round teaches is worth less than the time.
      this.#walks = []
      this.#times.count(emitted.length, undefined)
      this.#trials.count(emitted.length)
      return
    }
    const tree = round?.tree
    if (this.#divided) round?.settle(outcome.tree.size - 1, outcome.verifyMs)
    if (round !== undefined && tree !== undefined) this.#walks = [...this.#walks, { tree, bins: round.bins, node: 0 }]
    this.#walks = this.#walks
      .map(({ tree: drafted, bins, node }) => ({
        tree: drafted,
        bins,
        node: this.#known.acceptance.learn(drafted, node, emitted, bins),
      }))
      .filter(({ tree: drafted, node }) => node > 0 && drafted.children(node).length > 0)
    if (round !== undefined) this.#judge(round, outcome, emitted.length)
    this.#times.learnHost(outcome)
    this.#times.count(emitted.length, round)
    this.#trials.count(emitted.length)
    this.#timer.observe(outcome.tree.size, emitted.length)
  }

  explain(): Explanation | undefined {
    if (this.#round !== undefined) return explainRound(this.#round, this.#times.draftMs(this.#round))
    if (this.#resting) return { nodes: 0, tokens: 1, reason: RESTING }
    const reason = this.#timer.due && !this.#divided ? 'a plain pass is timed' : this.#trials.reason
    return reason === undefined ? undefined : { nodes: 0, tokens: 1, reason }
  }

  #askedOf(stairs: readonly number[], limit: number): number {
    // The batch chooses where stairs end.
    if (stairs.length === 0) return Math.min(limit, this.#asked.count)
    return stairs.find((count) => count >= this.#asked.count) ?? limit
  }

  /** Did drafting pay? What was promised varies less, what came true cannot be wrong: prices may be, on a busy machine. */
  #judge(round: DraftedRound, outcome: RoundOutcome, emitted: number): void {
    this.#memory.growth = round.merged ? 'merged' : round.grows ? 'levels' : 'whole'
    this.#asked.observe(round.choice.nodes)
    const readingMs = this.#times.learnDraft(round, outcome)
    const plainMs = this.#plainMs
    const { tokens, ms } = round.choice
    const draftMs = Math.min(outcome.draftMs - readingMs, 2 * this.#times.draftMs(round))
    const promised = tokens - (ms + draftMs) / plainMs
    const hostMs = this.#times.nodeMs * (outcome.tree.size - 1)
    const real = emitted - (Math.min(outcome.verifyMs + hostMs, 2 * ms) + draftMs) / plainMs
    const gain = (promised + real) / 2
    const worth = round.merged ? round.worthOfLevels(draftMs) : gain
    this.#trials.report(gain, draftMs / plainMs, readingMs / plainMs, worth)
  }
}
