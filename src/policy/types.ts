/** Contracts of budget policies: numbers in, budget out. A policy never sees the target's scores of the current round. */
import type { z } from 'zod'
import type { NodeId, RoundOutcome, TokenTree } from '../tree/index.ts'

/** How much to draft and to verify in one round. */
export interface Budget {
  /** Levels below the root. */
  readonly depth: number
  /** Nodes expanded per level, and children kept of each. */
  readonly width: number
  /** Draft nodes to verify, root excluded; 0 is plain decoding. */
  readonly nodes: number
  /** Least chance of a path that is worth growing, by the drafter's own estimate, where growing costs time. Default 0. */
  readonly least?: number
  /**
   * Of the last level's frontier, the nodes to expand next, in its order; all when left out. A narrower pass is a cheaper
   * one. Only in answer to a level.
   */
  readonly expand?: readonly NodeId[]
  /**
   * The nodes to verify, of the level's tree, parents included, the root not among them; when left out, the `nodes` with
   * the best paths by the drafter's own estimate. Only in answer to a level.
   */
  readonly keep?: readonly NodeId[]
}

/** Prices on this machine, measured. Milliseconds. */
export interface CostModel {
  /** One target pass over `rows` rows (root included) with `context` tokens already in the cache. */
  targetMs(rows: number, context: number): number
  /** Row counts worth choosing (the ends of the stairs; every measured count where the price is smooth), ascending, 1 first. */
  readonly cheapRows: readonly number[]
  /** A real pass was timed: `rows` rows at `context` took `ms`. The engine calls this after each pass, plain ones included. */
  observe(rows: number, context: number, ms: number): void
}

/** One measured price: a pass over `rows` rows with `context` tokens in the cache took `ms`. */
export interface CostSample {
  readonly rows: number
  readonly context: number
  readonly ms: number
}

export interface RoundContext {
  readonly round: number
  /** Draft nodes on one path that may still be accepted before the context or the token limit ends. */
  readonly room: number
  /** Tokens in the target's cache. */
  readonly context: number
  /** Sequences scored together in this pass. */
  readonly batch: number
  /**
   * The pass divides its rows among the trees of all its sequences (`planBatch`): a policy that has `chances` lets through what may be
   * worth a row, and the best of it is verified. Default false.
   */
  readonly divided?: boolean
  /** Drafts do not pay those who share the pass: a policy that has `chances` does not draft. Default false. */
  readonly resting?: boolean
  readonly cost: CostModel
}

/** The state of a tree after one level of growth, or of a finished tree (`frontier` empty). */
export interface LevelReport {
  /**
   * Before any pruning. A policy may keep it until the text has overtaken it: never reuse its storage for another round.
   * From one level to the next nodes keep their numbers and new ones get larger ones; in a merged tree what is believed of a
   * node may change (`TokenTree.restate`).
   */
  readonly tree: TokenTree
  /**
   * Levels grown so far. In a merged tree copied runs may lie deeper; stopping (a revised `depth` of this number) leaves
   * them in. 0: nothing was grown yet, the tree holds what cheap sources propose, and the frontier is the root.
   */
  readonly depth: number
  /**
   * Nodes that would be expanded next; empty when the drafter cannot grow further. In a merged tree they may have children
   * already: only what these leave over can be gained.
   */
  readonly frontier: readonly NodeId[]
  /** The draft's top probabilities after `node`, best first; empty when the drafter has none. */
  topProbs(node: NodeId): Float32Array
}

/** One instance per session. */
export interface BudgetPolicy {
  readonly name: string
  /** Before drafting. A budget with `nodes` 0 means: do not draft, decode one token plainly. */
  plan(context: RoundContext): Budget
  /** After each level and once for a finished tree: deepen, narrow, stop (`depth`), prune (`nodes`). */
  revise(level: LevelReport, budget: Budget): Budget
  /**
   * The batch form, asked in `divided` rounds: the calibrated chance of each path of what was let through, [size] with 1 for the
   * root, none above its parent's. Undefined: the tree is verified as it is. What gets no row is missing from the outcome's tree.
   */
  chances?(tree: TokenTree): Float64Array | undefined
  /** After the round: learn from what was accepted. */
  observe(outcome: RoundOutcome): void
  /** Why this round's tree is as it is, for traces and people; asked before the tree is scored. Undefined: nothing to tell. */
  explain?(): Explanation | undefined
}

/** Reasons by name: short names, numbers as a person would read them. Plain JSON. */
export type Explanation = Readonly<Record<string, number | string>>

/** How often drafts of one kind came true, per knot of the drafter's own estimate. Older rounds count less. */
export interface AcceptanceCounts {
  readonly judged: number[]
  readonly accepted: number[]
}

/** What `heterospec` has learned about entropies of one kind of tree. */
export interface BinMemory {
  /** The tree and the loss, as text. */
  readonly tree: string
  /** The newest judged rounds, oldest first; `BinSample` of `heterospec/samples.ts`. */
  readonly samples: { readonly entropy: number; readonly rank: number; readonly fullyAccepted: boolean }[]
  /** Rounds judged since the last fit. */
  sinceFit: number
  /** Rising; empty while the prior holds. */
  edges: number[]
  /** Which rounds the edges were fitted on. */
  basis: string
}

/** How often children of the root, and deeper nodes, came true. */
export interface CountsByDepth {
  readonly first: AcceptanceCounts
  readonly deeper: AcceptanceCounts
}

/** The same, for the likeliest child of a parent and for its siblings: at equal estimates the first one comes true more often. */
export interface CountsByPlace {
  readonly best: CountsByDepth
  readonly others: CountsByDepth
}

/** What `heterospec-cost` has learned about a drafter. */
export interface CostMemory {
  /**
   * Per source of the drafter: drafts of known entropy all together and by entropy bin, and those of unknown entropy.
   */
  readonly acceptance: {
    readonly known: CountsByPlace
    readonly bins: CountsByPlace[]
    readonly unknown: CountsByPlace
  }[]
  /** Per kind of node: the chances of the children that it turned out to have, best first. Means, and their weights. */
  readonly outlook: { readonly weights: number[]; readonly chances: number[][] }
  /** Sums of a fading least-squares fit of draft times; see `heterospec-cost/times.ts`. */
  readonly draftTimes: { readonly products: number[]; readonly moments: number[] }
  /** The same of the work around a pass. */
  readonly hostTimes: { readonly products: number[]; readonly moments: number[] }
  /**
   * How the drafter makes its trees: in one piece, level by level, or merged, a whole tree of cheap sources that is then grown
   * by levels. Null until a round was drafted.
   */
  growth: 'whole' | 'levels' | 'merged' | null
  /** Whether drafting pays; see `heterospec-cost/trials.ts`. */
  readonly trials: TrialMemory
}

/** Whether a drafter is worth its time, as sessions found out one after another. */
export interface TrialMemory {
  /** Typical net gain of a drafted round, in tokens. */
  gain: number
  /** How much of it is due to what had to be read for: all, but in merged trees, where cheap sources read nothing. */
  worth: number
  /** Drafted rounds in it; what is known counts for little before some came together. */
  drafted: number
  /** Rounds from one trial to the next; 1 while drafting pays. */
  interval: number
  /** Rounds until the next trial. */
  wait: number
  /** Rounds' worth of time that trials have taken beyond their share. */
  debt: number
  /** Milliseconds that the first draft of a session takes longer, per token of its prompt; null until known. */
  startMs: number | null
  /** Answers, and tokens in them; older ones count less. */
  answers: number
  answerTokens: number
}

/**
 * What policies have learned about one drafter on one target: plain data that sessions share, so that a new session
 * starts warm. It survives `JSON.stringify`. Never share it between different drafters.
 */
export interface PolicyMemory {
  /** Per source of the drafter: children of the root, and deeper nodes. */
  readonly acceptance: CountsByDepth[]
  /** Typical milliseconds of one round's drafting, and of one level of it; null until known. */
  draftMs: number | null
  levelMs: number | null
  /** Rounds since a plain pass was last timed. */
  roundsSincePlain: number
  /** Entropy bins; null until `heterospec` has used the memory. */
  bins: BinMemory | null
  /** Null until `heterospec-cost` has used the memory. */
  cost: CostMemory | null
  /** Nothing that was learned fades: for calibration, whose rounds all count alike. Otherwise left out. */
  readonly lasting?: boolean | undefined
}

/** One file of `policy`: options, paper, constructor. */
export interface PolicyModule<S extends z.ZodObject = z.ZodObject> {
  /** One sentence for `--help` and the options page. */
  readonly summary: string
  readonly paper: { readonly title: string; readonly arxiv: string; readonly parts: string } | undefined
  readonly options: S
  create(options: z.infer<S>, memory: PolicyMemory): BudgetPolicy
}
