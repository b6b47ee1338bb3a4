/**
 * The engine's laboratory: what benchmarks, calibrations and experiments need and applications do not. It measures
 * passes and drafts, makes requests repeatable, and lets a drafter of one's own take part.
 */
import { median } from '../util/math.ts'
import { topK } from '../util/topk.ts'
import { createCostModel, createPolicy, pricedTime, type BudgetPolicy, type DraftPrice } from '../policy/index.ts'
import type { Sequence } from '../model/index.ts'
import type { Drafter } from '../draft/index.ts'
import { walk, type Verifier } from '../verify/index.ts'
import { DraftingTable, kept, resolveSpeculation, type Drafting } from './drafting.ts'
import type { EngineParts } from './engine.ts'
import { generate, type Conditions } from './generate.ts'
import type { ResolvedSpeculation } from './options.ts'
import { needsPrices } from './prices.ts'
import type { EngineLab, GenerateEvent, GenerateRequest, LabConditions } from './types.ts'

/** How the engine runs a request and knows of it. */
type RunRequest = (request: GenerateRequest, conditions: Conditions) => AsyncIterable<GenerateEvent>

/** The laboratory of an engine that is made of `parts`. */
export function openLab(parts: EngineParts, run: RunRequest): EngineLab {
  return {
    timePass: (rows, context) => withSlot(parts, (sequence) => parts.model.timePass(sequence, rows, context)),
    choose: (tokens) => withSlot(parts, (sequence) => choose(sequence, tokens)),
    openMemory: () => parts.openDrafting(),
    forget: () => parts.drafting.forget(),
    generate: (request, conditions) => generateIn(parts, run, request, conditions),
    draftPrice: (speculative, { anew = false } = {}) => draftPrice(parts, resolveSpeculation(speculative), anew),
    keepPrices: (prices) => parts.prices.keep(prices),
    keepGraphs: (keep) => void (parts.model.graphs.keep = keep),
    // Held for good: who asked may keep it.
    drafter: async (speculative) => (await parts.drafting.prepare(resolveSpeculation(speculative))).drafter,
    identity: parts.prices.identity,
    calibration: (speculative) => parts.calibrations.forRequest(parts.head.complete(resolveSpeculation(speculative))),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Draws the target's token at the root, whatever was drafted below it. */
const dropAll: Verifier = {
  name: 'drop all',
  lossless: true,
  verify({ tree }, scores, sampler, prefix) {
    return walk.verify({ kind: 'ranked', tree: tree.keep([]) }, scores, sampler, prefix)
  },
}

const FREE: DraftPrice = { roundMs: 0, levelMs: null }

async function* generateIn(
  parts: EngineParts,
  run: RunRequest,
  request: GenerateRequest,
  { drafter, memory, priced = false, acceptNothing = false }: LabConditions,
): AsyncGenerator<GenerateEvent, void, undefined> {
  const { speculative } = request
  const speculation = speculative === undefined ? parts.speculation : resolveSpeculation(speculative)
  const table = memory instanceof DraftingTable ? memory : parts.drafting
  using drafting: Drafting = {
    ...(drafter
      ? { drafter, drafterName: drafter.method, policy: createPolicy(speculation.budget), ...kept }
      : await table.prepare(speculation)),
    ...(acceptNothing ? { verifier: dropAll } : {}),
  }
  if (priced === false || !needsPrices(speculation.budget.policy)) {
    yield* run(request, { drafting })
    return
  }
  const given = priced === true ? undefined : priced
  const list = given ? createCostModel(given.target) : await parts.prices.list()
  const price = drafter ? FREE : (given?.draft ?? (await draftPrice(parts, speculation)))
  const { policy, cost } = pricedTime(drafting.policy, list, price)
  yield* run(request, { drafting: { ...drafting, policy }, cost })
}

async function withSlot<Result>(parts: EngineParts, use: (sequence: Sequence) => Promise<Result>): Promise<Result> {
  const slot = await parts.slots.take([])
  slot.sequence.truncate(0)
  try {
    return await use(slot.sequence)
  } finally {
    slot.sequence.truncate(0)
    slot.cached = []
    parts.slots.give(slot)
  }
}

async function choose(sequence: Sequence, tokens: readonly number[]): Promise<{ token: number; gap: number }> {
  const { ids, values } = topK((await sequence.prefill(tokens)).logits(0), 2)
  return { token: ids[0] ?? -1, gap: (values[0] ?? NaN) - (values[1] ?? NaN) }
}

/** The list's price of a draft, measured at first need. */
async function draftPrice(parts: EngineParts, speculation: ResolvedSpeculation, anew = false): Promise<DraftPrice> {
  using drafting = await parts.drafting.prepare(speculation)
  const { drafter, key } = drafting
  if (!drafter || key === undefined) return FREE
  return await parts.prices.ofDraft(key, () => measureDraft(parts, drafter), anew)
}

/** A list with repetitions and new words, so that every drafter has something to propose. */
const TEXT =
  'The three rivers of the valley are the Alder, the Birch and the Cedar. The Alder is long, the Birch is wide and the Cedar is deep. The three bridges of the valley are'
const TOKENS = 80
const BUDGET = { policy: 'fixed', depth: 6, width: 4, nodes: 15 } as const

/** Times the drafts of one short answer under a fixed budget. The drafter forgets it again. */
async function measureDraft(parts: EngineParts, drafter: Drafter): Promise<DraftPrice> {
  const policy = new LevelCounter(createPolicy(BUDGET))
  const drafting: Drafting = { drafter, drafterName: drafter.method, policy, ...kept }
  const roundMs: number[] = []
  const levelMs: number[] = []
  const request = { prompt: TEXT, maxTokens: TOKENS, ignoreEos: true, cachePrompt: false }
  for await (const event of generate(parts, request, { drafting })) {
    // A session's first draft reads the prompt: its price says nothing about the others.
    if (event.type !== 'round' || event.trace.round === 0) continue
    roundMs.push(event.trace.draftMs)
    if (policy.levels > 0) levelMs.push(event.trace.draftMs / policy.levels)
  }
  drafter.forget?.()
  if (roundMs.length === 0) return FREE // the context ended before anything could be timed
  return { roundMs: median(roundMs), levelMs: levelMs.length > 0 ? median(levelMs) : null }
}

/** Remembers how many levels the last tree was grown by. */
class LevelCounter implements BudgetPolicy {
  readonly name: string
  levels = 0
  readonly #policy: BudgetPolicy

  constructor(policy: BudgetPolicy) {
    this.name = policy.name
    this.#policy = policy
  }

  plan(...args: Parameters<BudgetPolicy['plan']>): ReturnType<BudgetPolicy['plan']> {
    this.levels = 0
    return this.#policy.plan(...args)
  }

  revise(...args: Parameters<BudgetPolicy['revise']>): ReturnType<BudgetPolicy['revise']> {
    const [level] = args
    if (level.frontier.length > 0 || this.levels > 0) this.levels = level.depth
    return this.#policy.revise(...args)
  }

  observe(...args: Parameters<BudgetPolicy['observe']>): void {
    this.#policy.observe(...args)
  }
}
