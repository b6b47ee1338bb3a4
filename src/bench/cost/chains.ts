/**
 * Are the prices right? Chains of invented guesses with known chances: what prices promise of them, and what decoding
 * with them gives. Their drafts cost nothing, so that only passes and the work around them count.
 */
import { assert, defined } from '../../util/assert.ts'
import { throwIfAborted } from '../../util/errors.ts'
import { createCostModel, type BudgetOptions, type CostModel } from '../../policy/index.ts'
import type { Engine, GenerateRequest, GenerateResult, SpeculativeOptions } from '../../engine/index.ts'
import { createSyntheticDrafter, expectedTau } from '../synthetic.ts'
import { hostMs } from './host.ts'
import type { MeasureSettings } from './target.ts'
import type { ChainRow, HostCost, TargetPrice } from './types.ts'

export interface ChainSettings extends MeasureSettings {
  /** By depth - 1. */
  readonly rates: readonly number[]
  readonly target: readonly TargetPrice[]
  readonly host: HostCost
  readonly quick?: boolean | undefined
}

const PROMPT =
  'Some rivers are long and some are short. A short history of the rivers of Europe, and of the towns on their banks:'
const TOKENS = 160
const REPEATS = 4

/** Chains of every depth and goodput's choice, predicted and decoded by turns. Throws `aborted`. */
export async function tryChains(engine: Engine, settings: ChainSettings): Promise<ChainRow[]> {
  const { rates, signal, onShare, quick = false } = settings
  const maxTokens = Math.min(TOKENS, Math.floor(engine.context / 2))
  const request = { prompt: PROMPT, maxTokens, ignoreEos: true, cachePrompt: false, signal }
  const plain = await engine.complete({ ...request, speculative: 'off' })
  throwIfAborted(signal)
  const forecasts = predictChains(rates, {
    cost: createCostModel(settings.target.map(({ rows, context, ms }) => ({ rows, context, ms }))),
    host: settings.host,
    context: plain.timings.prompt_n + plain.tokens.length / 2,
  })
  const repeats = quick ? 2 : REPEATS
  const sums = forecasts.map(() => ({ ms: 0, tokens: 0, rounds: 0 }))
  for (let turn = 0; turn < repeats * forecasts.length; turn++) {
    const repeat = Math.floor(turn / forecasts.length)
    const at = (turn + repeat) % forecasts.length
    const drafter = createSyntheticDrafter({ rates, seed: 1 + repeat, answer: plain.tokens })
    const { budget } = defined(forecasts[at])
    const result = await complete(engine, { ...request, speculative: speculationOf(budget) }, drafter)
    throwIfAborted(signal)
    assert(result.tokens.join() === plain.tokens.join(), 'a synthetic drafter changed the text')
    const sum = defined(sums[at])
    sum.ms += result.timings.predicted_ms
    sum.tokens += result.speculation.tau * result.speculation.rounds
    sum.rounds += result.speculation.rounds
    onShare?.((turn + 1) / (repeats * forecasts.length))
  }
  return forecasts.map((forecast, at) => compare(forecast, defined(sums[at]), defined(sums[0])))
}

// ---------------------------------------------------------------------------------------------------------------

interface ChainForecast {
  readonly name: string
  readonly depth: number
  readonly budget: BudgetOptions
  readonly tau: number
  /** Of a round, in plain rounds. */
  readonly price: number
}

interface Prices {
  readonly cost: CostModel
  readonly host: HostCost
  readonly context: number
}

/** Plain decoding first, then chains by depth, then what goodput will choose. */
function predictChains(rates: readonly number[], { cost, host, context }: Prices): ChainForecast[] {
  const roundMs = (depth: number): number => cost.targetMs(depth + 1, context) + hostMs(host, depth)
  const chains = expectedTau(rates).map((tau, depth): ChainForecast => {
    const budget: BudgetOptions = depth === 0 ? { policy: 'off' } : chainBudget(depth)
    const name = depth === 0 ? 'off' : `chain of ${depth}`
    return { name, depth, budget, tau, price: roundMs(depth) / roundMs(0) }
  })
  const best = chains.reduce((a, b) => (b.tau / b.price > a.tau / a.price ? b : a))
  const goodput = { policy: 'goodput', depth: Math.max(1, rates.length), width: 1 } as const
  return [...chains, { ...best, name: `goodput (${best.name})`, budget: goodput }]
}

function chainBudget(depth: number): BudgetOptions {
  return { policy: 'fixed', depth, width: 1, nodes: depth }
}

function speculationOf(budget: BudgetOptions): SpeculativeOptions {
  return { drafter: { method: 'lookup' }, budget }
}

async function complete(
  engine: Engine,
  request: GenerateRequest,
  drafter: ReturnType<typeof createSyntheticDrafter>,
): Promise<GenerateResult> {
  for await (const event of engine.lab.generate(request, { drafter, priced: true })) {
    if (event.type === 'done') return event
  }
  throw new Error('internal: a request ended without a result')
}

function compare(
  { name, depth, tau, price }: ChainForecast,
  own: { readonly ms: number; readonly tokens: number; readonly rounds: number },
  off: { readonly ms: number },
): ChainRow {
  const measured = { tau: own.tokens / own.rounds, speedup: off.ms / own.ms }
  return {
    name,
    depth,
    tau: { predicted: tau, measured: measured.tau },
    speedup: { predicted: tau / price, measured: measured.speedup },
    error: tau / price / measured.speedup - 1,
    priceError: measured.tau / price / measured.speedup - 1,
  }
}
