/**
 * Several drafters as one tree: cheap ones (lookup, recycling) propose whole trees, which are merged node by node; then
 * those that draft level by level (a head, a draft model) grow the merged tree further, under the policy's eyes. Estimates of
 * all are corrected by what became of them (`mixture.ts`), so that the best nodes of all sources can be chosen.
 */
import { UsageError } from '../../util/errors.ts'
import { growBestFirst, type Candidate, type Growth } from '../best-first.ts'
import { bareRoot, finishTree, growFurther, passivePolicy } from '../grow.ts'
import { judgeTree } from '../judge.ts'
import { childAt, MergedLevels, sayChildren, type Numbered, type Proposed } from '../merged-levels.ts'
import { Mixture, mixtureRates, Said } from '../mixture.ts'
import type { AcceptanceRates } from '../rates.ts'
import type { PromptRow } from '../../model/index.ts'
import type { Budget } from '../../policy/index.ts'
import {
  emittedTokens,
  type NodeId,
  type Ranked,
  type RoundOutcome,
  type Scores,
  type TokenId,
  type TokenTree,
} from '../../tree/index.ts'
import type { Drafter, DraftParts, DraftRound, DraftSession, LevelSource, PromptListener } from '../types.ts'
import { combinedOptions, type CombinedOptions } from './combined.options.ts'

export const summary = 'merges the trees of several drafters by estimated acceptance'
export const paper = undefined
export const options = combinedOptions

/** Creates the sources through `parts.create`. Throws `bad-option` when `model` or `eagle3` is a source without options. */
export async function create(settings: CombinedOptions, parts: Pick<DraftParts, 'create'>): Promise<Drafter<Ranked>> {
  const requests = settings.sources.map((method) => ({ method, ...sourceSettings(settings, method) }))
  const drafters: Drafter<Ranked>[] = []
  try {
    for (const request of requests) drafters.push(await parts.create(request))
  } catch (error) {
    for (const drafter of drafters) await drafter[Symbol.asyncDispose]()
    throw error
  }
  return new Combined(drafters)
}

// ---------------------------------------------------------------------------------------------------------------

function sourceSettings(settings: CombinedOptions, method: CombinedOptions['sources'][number]): object {
  const own = settings[method]
  if (own !== undefined) return own
  throw new UsageError(
    'bad-option',
    `expected options for the source "${method}", got none; name its GGUF file in ${method}.path`,
  )
}

class Combined implements Drafter<Ranked> {
  readonly method = 'combined'
  readonly sources: readonly string[]
  readonly needs: Drafter['needs']
  readonly #drafters: readonly Drafter<Ranked>[]
  /** Made with the first session, which tells what kind of sources there are. */
  #rates: AcceptanceRates | undefined

  constructor(drafters: readonly Drafter<Ranked>[]) {
    this.#drafters = drafters
    this.sources = drafters.flatMap((drafter) => drafter.sources)
    // At most one source needs features: each method is a source once.
    this.needs = drafters.map((drafter) => drafter.needs).find(({ features }) => features) ?? { features: false }
  }

  wantsPromptRow(tokens: readonly TokenId[], index: number): boolean {
    return this.#drafters.some((drafter) => drafter.wantsPromptRow?.(tokens, index))
  }

  observePrompt(rows: readonly PromptRow[]): void {
    for (const drafter of this.#drafters) drafter.observePrompt?.(rows)
  }

  listen(prompt: readonly TokenId[]): PromptListener {
    return new CombinedListener(this.#drafters.map((drafter) => drafter.listen?.(prompt)))
  }

  open(prompt: readonly TokenId[], heard?: PromptListener): DraftSession<Ranked> {
    const listeners = heard instanceof CombinedListener ? heard.listeners : []
    const sessions = this.#drafters.map((drafter, index) => drafter.open(prompt, listeners[index]))
    const weighed = sessions.some(({ levels }) => levels !== undefined)
    this.#rates ??= mixtureRates(sessions.length, weighed)
    return new CombinedSession(sessions, new Mixture(sessions.length, this.#rates.forSession(), weighed))
  }

  forget(): void {
    for (const drafter of this.#drafters) drafter.forget?.()
    this.#rates?.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const drafter of this.#drafters) await drafter[Symbol.asyncDispose]()
  }
}

/** Passes on what it hears to the sources that listen. */
class CombinedListener implements PromptListener {
  /** One per source. */
  readonly listeners: readonly (PromptListener | undefined)[]

  constructor(listeners: readonly (PromptListener | undefined)[]) {
    this.listeners = listeners
  }

  known(): number {
    return Math.min(...this.listeners.map((listener) => listener?.known?.() ?? Infinity))
  }

  async hear(first: number, rows: readonly Float32Array[]): Promise<void> {
    for (const listener of this.listeners) await listener?.hear(first, rows)
  }

  [Symbol.dispose](): void {
    for (const listener of this.listeners) listener?.[Symbol.dispose]()
  }
}

/** A place of the merged tree: the token there, and [cheap sources] where each one's tree has its parent; -1 for nowhere. */
interface Place {
  readonly above: readonly NodeId[]
  readonly token: TokenId
}

interface Judged {
  readonly tree: TokenTree
  /** By node. */
  readonly marks: readonly number[]
}

class CombinedSession implements DraftSession<Ranked> {
  readonly #cheap: readonly Numbered<DraftSession<Ranked>>[]
  readonly #stepping: readonly Numbered<DraftSession<Ranked>>[]
  readonly #mixture: Mixture
  #judged: Judged | undefined

  constructor(sessions: readonly DraftSession<Ranked>[], mixture: Mixture) {
    const numbered = sessions.map((source, number) => ({ number, source }))
    this.#cheap = numbered.filter(({ source }) => source.levels === undefined)
    this.#stepping = numbered.filter(({ source }) => source.levels !== undefined)
    this.#mixture = mixture
  }

  async propose(round: DraftRound): Promise<Ranked> {
    this.#judged = undefined
    const root = round.tokens[round.tokens.length - 1] as TokenId
    if (round.budget.nodes <= 0 || round.budget.depth <= 0) {
      await this.#rest(round)
      return bareRoot(root)
    }
    const trees: Proposed[] = []
    for (const { number, source } of this.#cheap) {
      const { tree } = await source.propose({ ...round, policy: passivePolicy })
      trees.push({ number, source: tree, session: source })
    }
    const growth = this.#merge(root, trees, round.budget)
    this.#judged = growth
    if (this.#stepping.length === 0) return finishTree(growth.tree, round.policy, round.budget)
    return this.#growLevels(round, trees, growth)
  }

  observe(outcome: RoundOutcome, scores: Scores): void {
    for (const { source } of this.#cheap) source.observe(outcome, scores)
    for (const { source } of this.#stepping) source.observe(outcome, scores)
    if (this.#judged === undefined) return
    const { tree, marks } = this.#judged
    judgeTree(tree, emittedTokens(outcome), (node, right) => this.#mixture.observe(marks[node] as number, right))
    this.#judged = undefined
  }

  [Symbol.dispose](): void {
    this.#judged = undefined
    for (const { source } of [...this.#cheap, ...this.#stepping]) source[Symbol.dispose]()
  }

  /** The cheap sources' trees as one, its best nodes by their estimates. */
  #merge(root: TokenId, trees: readonly Numbered<TokenTree>[], budget: Budget): Growth {
    const roots = trees.map(() => 0)
    const expand = (from: Place, depth: number): Candidate<Place>[] => {
      const { above, token } = from
      // Only now: most candidates are never expanded.
      const nodes = depth === 0 ? roots : trees.map(({ source }, i) => childAt(source, above[i] as NodeId, token))
      const said = new Said(this.#mixture.sources, depth > 0)
      trees.forEach(({ number, source }, i) => sayChildren(said, number, source, nodes[i] as NodeId))
      return this.#mixture.mix(said).map((mixed) => ({ ...mixed, state: { above: nodes, token: mixed.token } }))
    }
    return growBestFirst<Place>(root, { above: roots, token: root }, budget, expand)
  }

  async #growLevels(round: DraftRound, cheap: readonly Proposed[], growth: Growth): Promise<Ranked> {
    const { tokens, budget, policy, signal } = round
    const levels = this.#stepping.map(({ number, source }) => ({ number, source: source.levels as LevelSource }))
    const stepper = new MergedLevels({ mixture: this.#mixture, cheap, levels, marks: growth.marks, tokens, signal })
    this.#judged = { tree: growth.tree, marks: stepper.marks }
    const width = Math.min(budget.width, Math.max(...levels.map(({ source }) => source.maxWidth)))
    const ranked = await growFurther(
      growth.tree,
      stepper,
      policy,
      { ...budget, width },
      {
        signal,
        levels: Math.max(...levels.map(({ source }) => source.maxDepth)),
        keeps: stepper.keeps,
      },
    )
    if (!stepper.begun) await this.#rest(round)
    return ranked
  }

  /** A round in which sources that draft by levels do not draft: they put their text away. */
  async #rest(round: DraftRound): Promise<void> {
    const budget = { ...round.budget, nodes: 0 }
    for (const { source } of this.#stepping) await source.propose({ ...round, budget, policy: passivePolicy })
  }
}
