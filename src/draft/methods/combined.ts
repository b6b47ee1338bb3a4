/**
 * Several drafters as one: their trees are merged into one, node by node, and the most promising nodes are kept. Sources
 * judge their own chances differently, so each one's estimates are corrected by what became of its guesses, apart for
 * guesses that stand alone, contradict another source, or agree with one.
 */
import { UsageError } from '../../util/errors.ts'
import { growBestFirst, type Candidate, type Growth } from '../best-first.ts'
import { bareRoot, finishTree, passivePolicy } from '../grow.ts'
import { judgeGrowth } from '../judge.ts'
import { AcceptanceRates } from '../rates.ts'
import type { PromptRow } from '../../model/index.ts'
import type { NodeId, Ranked, RoundOutcome, Scores, TokenId, TokenTree } from '../../tree/index.ts'
import type { Drafter, DraftParts, DraftRound, DraftSession, PromptListener } from '../types.ts'
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
  readonly #rates: AcceptanceRates

  constructor(drafters: readonly Drafter<Ranked>[]) {
    this.#drafters = drafters
    this.sources = drafters.flatMap((drafter) => drafter.sources)
    // At most one source needs features: each method is a source once.
    this.needs = drafters.map((drafter) => drafter.needs).find(({ features }) => features) ?? { features: false }
    const count = drafters.length
    const prior = (bin: number): number => START_FACTORS[kindName(Math.floor(bin / CLASSES), count)] * classCentre(bin)
    this.#rates = new AcceptanceRates({ bins: (2 * count + 1) * CLASSES, prior, strength: 30, memory: 0.998 })
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
    let offset = 0
    const sources = this.#drafters.map((drafter, index): Source => {
      const first = offset
      offset += drafter.sources.length
      return { session: drafter.open(prompt, listeners[index]), firstSource: first }
    })
    return new CombinedSession(sources, this.#rates.forSession())
  }

  forget(): void {
    for (const drafter of this.#drafters) drafter.forget?.()
    this.#rates.clear()
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

  async hear(first: number, rows: readonly Float32Array[]): Promise<void> {
    for (const listener of this.listeners) await listener?.hear(first, rows)
  }

  [Symbol.dispose](): void {
    for (const listener of this.listeners) listener?.[Symbol.dispose]()
  }
}

interface Source {
  readonly session: DraftSession<Ranked>
  /** Index of its first source name in the combined list. */
  readonly firstSource: number
}

/** [sources] the node of each source's tree that stands for one merged node; -1 where it has none. */
type Places = readonly NodeId[]

class CombinedSession implements DraftSession<Ranked> {
  readonly #sources: readonly Source[]
  readonly #rates: AcceptanceRates
  #growth: Growth | undefined

  constructor(sources: readonly Source[], rates: AcceptanceRates) {
    this.#sources = sources
    this.#rates = rates
  }

  async propose(round: DraftRound): Promise<Ranked> {
    this.#growth = undefined
    const root = round.tokens[round.tokens.length - 1] as TokenId
    if (round.budget.nodes <= 0) return bareRoot(root)
    const trees: TokenTree[] = []
    for (const { session } of this.#sources)
      trees.push((await session.propose({ ...round, policy: passivePolicy })).tree)
    const roots = trees.map(() => 0)
    this.#growth = growBestFirst<Places>(root, roots, round.budget, (places) => this.#merge(trees, places))
    return finishTree(this.#growth.tree, round.policy, round.budget)
  }

  observe(outcome: RoundOutcome, scores: Scores): void {
    for (const { session } of this.#sources) session.observe(outcome, scores)
    if (this.#growth === undefined) return
    judgeGrowth(this.#growth, outcome, this.#rates)
    this.#growth = undefined
  }

  [Symbol.dispose](): void {
    this.#growth = undefined
    for (const { session } of this.#sources) session[Symbol.dispose]()
  }

  /** The children that any source has at this place, equal tokens as one, likeliest first. */
  #merge(trees: readonly TokenTree[], places: Places): Candidate<Places>[] {
    const children = new Map<TokenId, (NodeId | undefined)[]>()
    let speaking = 0
    trees.forEach((tree, i) => {
      const own = (places[i] as NodeId) < 0 ? [] : tree.children(places[i] as NodeId)
      if (own.length > 0) speaking++
      for (const node of own) {
        const token = tree.tokens[node] as TokenId
        const nodes = children.get(token) ?? trees.map(() => undefined)
        nodes[i] = node
        children.set(token, nodes)
      }
    })
    const candidates = [...children].map(([token, nodes]) => this.#candidate(trees, token, nodes, speaking))
    return candidates.sort((a, b) => b.probability - a.probability)
  }

  #candidate(
    trees: readonly TokenTree[],
    token: TokenId,
    nodes: readonly (NodeId | undefined)[],
    speaking: number,
  ): Candidate<Places> {
    const chances = nodes.map((node, i) => (node === undefined ? 0 : Math.exp(trees[i]?.logProbs[node] as number)))
    const agreeing = nodes.filter((node) => node !== undefined).length
    const winner = chances.indexOf(Math.max(...chances))
    // By kind: 0 .. n - 1 one source alone, n .. 2n - 1 one source against others, 2n several agree.
    const kind = agreeing > 1 ? 2 * trees.length : speaking > 1 ? trees.length + winner : winner
    const mark = kind * CLASSES + chanceClass(eitherChance(chances))
    return {
      token,
      probability: this.#rates.estimate(mark),
      state: nodes.map((node) => node ?? -1),
      mark,
      source: (this.#sources[winner]?.firstSource ?? 0) + (trees[winner]?.sources[nodes[winner] ?? 0] as number),
    }
  }
}

/**
 * The chance of a token that several sources propose. They look at the same text, so they are no independent witnesses:
 * what the others add to the best one counts half.
 */
function eitherChance(chances: readonly number[]): number {
  const best = Math.max(...chances)
  const missed = chances.reduce((product, chance) => product * (1 - chance), 1) / (1 - best)
  return 1 - (1 - best) * ((1 + missed) / 2)
}

/**
 * What is left of a source's own estimate, by whether other sources speak about the same place; found over 48 answers of
 * the default model. Where the rates start from.
 */
const START_FACTORS = { alone: 1, contradicted: 0.55, agreed: 0.94 }

function kindName(kind: number, sources: number): keyof typeof START_FACTORS {
  if (kind === 2 * sources) return 'agreed'
  return kind < sources ? 'alone' : 'contradicted'
}

/** Classes of equal width in log-odds, from 1 in 150 to 150 in 151. */
const CLASSES = 16
const WIDEST = 5

function chanceClass(chance: number): number {
  const odds = Math.log(chance / (1 - chance))
  const at = Math.floor(((odds + WIDEST) / (2 * WIDEST)) * CLASSES)
  return Math.min(CLASSES - 1, Math.max(0, at))
}

function classCentre(bin: number): number {
  const odds = (((bin % CLASSES) + 0.5) / CLASSES) * 2 * WIDEST - WIDEST
  return 1 / (1 + Math.exp(-odds))
}
