/**
 * HeteroSpec's budget (arXiv 2505.13254): EAGLE's tree, except where the draft's own probabilities say that the next stretch
 * is easy. There it drafts deeper, so that fewer passes of the target are needed, and verifies fewer nodes, so that they
 * cost less. Lossless: it decides by the draft alone.
 *
 * The decision falls once a round, after the ordinary levels. It knows no prices: on a machine where rows are dear
 * `goodput` is the better choice. Every departure from the paper: docs/methods/heterospec.md.
 */
import * as z from 'zod'
import { assert } from '../../util/assert.ts'
import { emittedTokens, type RoundOutcome } from '../../tree/index.ts'
import { NO_DRAFT } from '../off.ts'
import type {
  Budget,
  BudgetPolicy,
  Explanation,
  LevelReport,
  PolicyMemory,
  PolicyModule,
  RoundContext,
} from '../types.ts'
import { binOf } from './cart.ts'
import { metaPath } from './entropy.ts'
import { LearnedBins } from './learning.ts'
import { OpenSample } from './samples.ts'
import { defaultAlpha, largestShape, LOW_BINS, shapeOf, type Shape, type ShapeOptions } from './shape.ts'

const rising = (edges: readonly number[]): boolean =>
  edges.every((edge, i) => i === 0 || edge > (edges[i - 1] as number))

const heterospecOptions = z.strictObject({
  policy: z.literal('heterospec'),
  topK: z.int().min(1).max(64).default(10).describe('Nodes expanded per level, and children kept of each.'),
  depth: z.int().min(0).max(42).default(7).describe('Levels that are expanded below the first one in ordinary rounds.'),
  totalTokens: z
    .int()
    .min(1)
    .max(192)
    .default(60)
    .describe('Nodes of the verified tree in ordinary rounds, the root included.'),
  alpha: z
    .int()
    .min(0)
    .max(21)
    .optional()
    .describe(
      'Levels added in the bin of lowest entropy, one less in each of the next two; half of the depth if left out.',
    ),
  gammas: z
    .array(z.number().min(0).max(1), 'a list of three numbers from 0 to 1')
    .length(LOW_BINS)
    .readonly()
    .default([0.3, 0.6, 1])
    .describe('Shares of the nodes that are verified in the three bins of lowest entropy.'),
  ded: z.boolean().default(true).describe('Leave out extended drafting: no more levels than EAGLE in any round.'),
  tnp: z.boolean().default(true).describe('Leave out top-N pruning: as many nodes as EAGLE in every round.'),
  edges: z
    .array(z.number().min(0), 'a list of at most seven rising numbers of at least 0')
    .max(7)
    .refine(rising, 'expected rising numbers')
    .readonly()
    .default([])
    .describe('Entropies in nats between the bins, rising; learned while decoding if left out.'),
  loss: z
    .enum(['weighted', 'paper'])
    .default('weighted')
    .describe('How bins are learned: with the usual loss of regression trees, or the one that the paper prints.'),
})

type HeterospecOptions = z.infer<typeof heterospecOptions>

export const heterospec = {
  summary:
    'EAGLE’s tree, drafted deeper and verified narrower where the draft’s own entropy says that the text is easy.',
  paper: {
    title: 'HeteroSpec: Leveraging Contextual Heterogeneity for Efficient Speculative Decoding',
    arxiv: '2505.13254',
    parts:
      'entropy of the meta-path, bins by a regression tree, extended drafting, top-N pruning; bins are learned online',
  },
  options: heterospecOptions,
  create: (options, memory): BudgetPolicy => new HeteroSpec(options, memory),
} satisfies PolicyModule<typeof heterospecOptions>

// ---------------------------------------------------------------------------------------------------------------

/** What is known of the round in work. */
interface Round {
  readonly room: number
  /** Undefined while the ordinary levels are not all there. */
  decision: Decision | undefined
  /** What the decision came to. */
  budget: Budget | undefined
}

interface Decision {
  readonly shape: Shape
  readonly entropy: number | undefined
  readonly bin: number | undefined
}

class HeteroSpec implements BudgetPolicy {
  readonly name = 'heterospec'
  readonly #options: HeterospecOptions
  readonly #shapes: ShapeOptions
  readonly #largest: Shape
  readonly #learned: LearnedBins
  /** Rounds whose text is still to come. */
  #open: readonly OpenSample[] = []
  #round: Round | undefined

  constructor(options: HeterospecOptions, memory: PolicyMemory) {
    this.#options = options
    this.#shapes = { ...options, alpha: options.alpha ?? defaultAlpha(options.depth) }
    this.#largest = largestShape(this.#shapes)
    this.#learned = new LearnedBins(memory, options)
  }

  /** The largest tree of all bins: a policy never revises to more than it planned. */
  plan({ room }: RoundContext): Budget {
    const budget = this.#budgetFor(this.#largest, room)
    this.#round = { room, decision: undefined, budget: undefined }
    return budget.nodes > 0 ? budget : NO_DRAFT
  }

  revise(level: LevelReport, budget: Budget): Budget {
    const round = this.#round
    assert(round !== undefined, 'a budget is revised before it was planned')
    const ordinary = this.#options.depth + 1
    if (level.depth >= ordinary) round.decision ??= this.#decide(level)
    // A drafter that ends early, or hands over its tree in one go, gets EAGLE's tree.
    if (round.decision === undefined && level.frontier.length === 0) round.decision = this.#ordinary()
    if (round.decision === undefined) return budget
    const wanted = this.#budgetFor(round.decision.shape, round.room)
    // The drafter may have cut the plan down to its own limits.
    round.budget = {
      depth: Math.min(budget.depth, wanted.depth),
      width: Math.min(budget.width, wanted.width),
      nodes: Math.min(budget.nodes, wanted.nodes),
    }
    return round.budget
  }

  observe(outcome: RoundOutcome): void {
    this.#round = undefined
    const tokens = emittedTokens(outcome)
    this.#open = this.#open.filter((open) => {
      const sample = open.follow(tokens)
      if (sample !== undefined) this.#learned.learn(sample)
      return sample === undefined
    })
  }

  explain(): Explanation | undefined {
    const { decision, budget } = this.#round ?? {}
    if (decision === undefined || budget === undefined) return undefined
    const { entropy, bin } = decision
    const limits = { levels: budget.depth, nodes: budget.nodes }
    if (entropy === undefined || bin === undefined) return { bin: 'unknown', ...limits }
    return { entropy: Math.round(entropy * 1e4) / 1e4, bin, bins: this.#basis(), ...limits }
  }

  // --- decisions ---

  #decide(level: LevelReport): Decision {
    const path = metaPath(level, this.#options.topK)
    if (path === undefined) return this.#ordinary()
    if (this.#options.edges.length === 0) {
      this.#open = [...this.#open, new OpenSample(level.tree, path, this.#options.totalTokens - 1)]
    }
    const edges = this.#edges()
    const bin = binOf(path.entropy, edges)
    // Where there are fewer than four bins, the highest one is not low all the same.
    const shape = shapeOf(bin < edges.length ? bin : LOW_BINS, this.#shapes)
    return { shape, entropy: path.entropy, bin }
  }

  #ordinary(): Decision {
    return { shape: shapeOf(LOW_BINS, this.#shapes), entropy: undefined, bin: undefined }
  }

  #edges(): readonly number[] {
    return this.#options.edges.length > 0 ? this.#options.edges : this.#learned.edges
  }

  #basis(): string {
    return this.#options.edges.length > 0 ? 'given' : this.#learned.basis
  }

  /** EAGLE's way of counting: a level more than the depth, the root among the tokens. A round that drafts verifies something. */
  #budgetFor({ depth, totalTokens }: Shape, room: number): Budget {
    const nodes = this.#options.totalTokens > 1 ? Math.max(1, totalTokens - 1) : 0
    return { depth: Math.min(depth + 1, room), width: this.#options.topK, nodes: Math.min(nodes, room) }
  }
}
