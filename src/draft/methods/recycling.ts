/**
 * Token Recycling (arXiv 2408.08696): every row that the target scores, accepted or not, says which tokens may follow
 * its token. A table remembers the best eight and the next tree is read from it. No model, no weights.
 * What differs from the paper: docs/methods/recycling.md.
 */
import { growBestFirst, type Candidate, type Growth } from '../best-first.ts'
import { bareRoot, finishTree } from '../grow.ts'
import { judgeGrowth } from '../judge.ts'
import { AcceptanceRates } from '../rates.ts'
import { FOLLOWERS, SuccessorTable } from '../successor-table.ts'
import type { PromptRow } from '../../model/index.ts'
import {
  bestTokens,
  type NodeId,
  type Ranked,
  type RoundOutcome,
  type Scores,
  type TokenId,
  type TokenTree,
} from '../../tree/index.ts'
import type { Drafter, DraftParts, DraftRound, DraftSession } from '../types.ts'
import { recyclingOptions, type RecyclingOptions } from './recycling.options.ts'

export const summary = 'drafts what the target itself said would follow each token, remembered from all scored rows'
export const paper = {
  title: 'Turning Trash into Treasure: Accelerating Inference of Large Language Models with Token Recycling',
  arxiv: '2408.08696',
  parts: 'the table and its update; the tree is grown best first instead of filled from a template',
}
export const options = recyclingOptions

/** One table for all sessions: a new one starts with what the others have learned. */
export function create(settings: RecyclingOptions, parts: Pick<DraftParts, 'target'>): Promise<Drafter<Ranked>> {
  const table = new SuccessorTable(parts.target.vocabSize)
  const rates = new AcceptanceRates({
    bins: CLASSES.length,
    prior: (bin) => CLASS_RATES[bin] as number,
    strength: 20,
    memory: 0.998,
  })
  const wanted = new WeakMap<readonly TokenId[], ReadonlySet<number>>()
  return Promise.resolve({
    method: 'recycling',
    sources: ['recycling'],
    needs: { features: false },
    wantsPromptRow(tokens: readonly TokenId[], index: number) {
      const rows = wanted.get(tokens) ?? choosePromptRows(tokens, table, settings.promptRows)
      wanted.set(tokens, rows)
      return rows.has(index)
    },
    observePrompt(rows: readonly PromptRow[]) {
      for (const { token, logits } of rows) table.update(token, logits)
    },
    open(prompt: readonly TokenId[]) {
      for (let i = 1; i < prompt.length; i++) table.follow(prompt[i - 1] as TokenId, prompt[i] as TokenId)
      return new RecyclingSession(settings, table, rates.forSession())
    },
    forget() {
      table.clear()
      rates.clear()
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
}

// ---------------------------------------------------------------------------------------------------------------

/** While nobody drafts, the table learns from one round in so many. */
const RESTING_EVERY = 16

class RecyclingSession implements DraftSession<Ranked> {
  readonly #settings: RecyclingOptions
  readonly #table: SuccessorTable
  readonly #rates: AcceptanceRates
  #growth: Growth | undefined
  #rested = 0

  constructor(settings: RecyclingOptions, table: SuccessorTable, rates: AcceptanceRates) {
    this.#settings = settings
    this.#table = table
    this.#rates = rates
  }

  propose({ tokens, budget, policy }: DraftRound): Promise<Ranked> {
    this.#growth = undefined
    const root = tokens[tokens.length - 1] as TokenId
    if (budget.nodes <= 0) return Promise.resolve(bareRoot(root))
    const depth = Math.min(budget.depth, this.#settings.maxDepth)
    this.#growth = growBestFirst<TokenId>(root, root, { ...budget, depth }, (token) => this.#followers(token))
    return Promise.resolve(finishTree(this.#growth.tree, policy, budget))
  }

  after(path: readonly TokenId[]): Candidate<TokenId>[] {
    return this.#followers(path[path.length - 1] as TokenId)
  }

  observe(outcome: RoundOutcome, scores: Scores): void {
    if (outcome.resting === true && ++this.#rested % RESTING_EVERY !== 0) return
    for (const node of rowsToLearn(outcome)) {
      this.#table.updateBest(outcome.tree.tokens[node] as TokenId, bestTokens(scores, node, FOLLOWERS))
    }
    if (this.#growth === undefined) return
    judgeGrowth(this.#growth, outcome, this.#rates)
    this.#growth = undefined
  }

  [Symbol.dispose](): void {
    this.#growth = undefined
  }

  #followers(token: TokenId): Candidate<TokenId>[] {
    return this.#table.followers(token).map((follower): Candidate<TokenId> => {
      const mark = probabilityClass(follower.probability)
      return { token: follower.token, probability: this.#rates.estimate(mark), state: follower.token, mark }
    })
  }
}

/**
 * One node for each token of the scored tree, the one whose row is kept when a token stands at several nodes:
 * accepted nodes first (their context is the real one), the latest of them; then the most probable path.
 */
function rowsToLearn({ tree, accepted }: RoundOutcome): NodeId[] {
  const chosen = new Map<TokenId, NodeId>()
  for (const node of [0, ...accepted].reverse()) keepFirst(chosen, tree, node)
  const rest = Array.from({ length: tree.size }, (_, node) => node)
  const scores = rest.map((node) => tree.pathLogProb(node))
  rest.sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b)
  for (const node of rest) keepFirst(chosen, tree, node)
  return [...chosen.values()]
}

function keepFirst(chosen: Map<TokenId, NodeId>, tree: TokenTree, node: NodeId): void {
  const token = tree.tokens[node] as TokenId
  if (!chosen.has(token)) chosen.set(token, node)
}

/**
 * Rows of a prompt that are worth their logits: the last occurrence of each token that the table does not know yet; when
 * there are too many, those of the most frequent tokens, then the latest.
 */
function choosePromptRows(tokens: readonly TokenId[], table: SuccessorTable, limit: number): ReadonlySet<number> {
  const counts = new Map<TokenId, number>()
  const last = new Map<TokenId, number>()
  tokens.forEach((token, index) => {
    counts.set(token, (counts.get(token) ?? 0) + 1)
    last.set(token, index)
  })
  const count = (index: number): number => counts.get(tokens[index] as TokenId) ?? 0
  const rows = [...last].filter(([token]) => !table.has(token)).map(([, index]) => index)
  return new Set(rows.sort((a, b) => count(b) - count(a) || b - a).slice(0, limit))
}

/**
 * Classes in which acceptance is counted, by the probability in the table: their lower ends, and the rates found over 48
 * answers of the default model (8 of each Spec-Bench group, greedy). The table is nearly calibrated by itself.
 */
const CLASSES = [0, 0.005, 0.01, 0.02, 0.04, 0.07, 0.11, 0.17, 0.25, 0.35, 0.5, 0.65, 0.78]
const CLASS_RATES = [0.006, 0.01, 0.015, 0.029, 0.044, 0.076, 0.11, 0.174, 0.28, 0.36, 0.52, 0.7, 0.84]

function probabilityClass(probability: number): number {
  let at = CLASSES.length - 1
  while (at > 0 && probability < (CLASSES[at] as number)) at--
  return at
}
