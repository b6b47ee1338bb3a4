/** Decodes recorded prompts for real, with the same budgets, and compares with what the simulation said of them. */
import { defined } from '../../util/assert.ts'
import { throwIfAborted, UsageError } from '../../util/errors.ts'
import type { Engine, GenerateResult, RoundTrace, SpeculativeOptions } from '../../engine/index.ts'
import type { DraftPrice } from '../../policy/index.ts'
import { geometricMean } from '../statistics.ts'
import { PLAIN } from './budgets.ts'
import { measuredMachine, typicalDraftPrice, type VirtualMachine } from './machine.ts'
import type { NamedBudget, RecordedAnswer, Recording, SimulatedSummary, Validation } from './types.ts'

export interface ValidateSetup {
  readonly engine: Engine
  readonly recording: Recording
  /** The recorded drafter's options; its files are those of this machine. */
  readonly drafter: Exclude<SpeculativeOptions, string | false>['drafter']
  readonly budgets: readonly NamedBudget[]
  /** The predictions, over all groups. */
  readonly predicted: readonly SimulatedSummary[]
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
}

/** Runs every budget on every recorded prompt, in turns. Throws `bad-option` for another model, `aborted`. */
export async function validateBudgets(setup: ValidateSetup): Promise<Validation[]> {
  const { engine, recording, budgets, predicted, signal } = setup
  requireSameModel(engine, recording)
  const sides = [PLAIN, ...budgets.filter(({ options }) => options.policy !== 'off')]
  const runs = new Map<string, Run[]>(sides.map(({ name }) => [name, []]))
  for (const side of sides) await decode(setup, side, { ...defined(recording.answers[0]), room: WARM_UP_TOKENS })
  let done = 0
  for (const [turn, answer] of recording.answers.entries()) {
    for (let place = 0; place < sides.length; place++) {
      throwIfAborted(signal)
      const side = defined(sides[(place + turn) % sides.length])
      defined(runs.get(side.name)).push(await decode(setup, side, answer))
      setup.onProgress(++done, sides.length * recording.answers.length)
    }
  }
  const plain = new Map(defined(runs.get(PLAIN.name)).map((run) => [run.answer, run]))
  return sides.slice(1).map(({ name }) => {
    const foreseen = defined(predicted.find(({ budget }) => budget === name))
    return compare(defined(runs.get(name)), plain, foreseen)
  })
}

// ---------------------------------------------------------------------------------------------------------------

const WARM_UP_TOKENS = 16
/** What goodput asks of drafters. */
const TYPICAL = { nodes: 31, depth: 16, width: 4 }

/** One side on one prompt. */
interface Run {
  readonly answer: RecordedAnswer
  readonly tokens: number
  readonly rounds: number
  /** By the clock, and what the same rounds take by the recorded prices. */
  readonly ms: number
  readonly pricedMs: number
}

function compare(
  own: readonly Run[],
  plain: ReadonlyMap<RecordedAnswer, Run>,
  { budget, tau, speedup }: SimulatedSummary,
): Validation {
  const rounds = own.reduce((sum, run) => sum + run.rounds, 0)
  const tokens = own.reduce((sum, run) => sum + run.tokens, 0)
  const over = (time: (run: Run) => number) =>
    geometricMean(own.map((run) => time(defined(plain.get(run.answer))) / time(run)))
  const [measured, priced] = [over(({ ms }) => ms), over(({ pricedMs }) => pricedMs)]
  return {
    budget,
    questions: own.length,
    tau: { predicted: tau, measured: tokens / rounds, error: (tau * rounds) / tokens - 1 },
    speedup: {
      predicted: speedup.mean,
      ...{ priced, pricedError: speedup.mean / priced.mean - 1 },
      ...{ measured, error: speedup.mean / measured.mean - 1 },
    },
  }
}

/** Budgets see the same price list as in the simulation, and nothing is known from other questions. */
async function decode(
  { engine, recording, drafter, signal }: ValidateSetup,
  { options }: NamedBudget,
  answer: RecordedAnswer,
): Promise<Run> {
  await engine.lab.forget()
  const { prices, drafter: recorded } = recording
  const machine = measuredMachine('as recorded', prices, recorded.name)
  const maxTokens = Math.min(recording.maxTokens, answer.room + 1)
  const request = {
    ...{ prompt: Int32Array.from(answer.prompt), maxTokens, cachePrompt: false, signal },
    speculative: { drafter, budget: options },
  }
  const priced = { target: prices.target, draft: typicalDraftPrice(prices, recorded.name, TYPICAL) }
  let pricedMs = 0
  for await (const event of engine.lab.generate(request, { priced })) {
    if (event.type === 'round') pricedMs += priceOf(event.trace, machine, priced.draft)
    if (event.type !== 'done') continue
    throwIfAborted(signal)
    requireSameText(answer, event, maxTokens)
    const { speculation, timings } = event
    const { rounds, tau } = speculation
    return { answer, rounds, tokens: rounds * tau, ms: timings.predicted_ms, pricedMs }
  }
  throw new Error('internal: a request ended without a result')
}

/** How many levels a tree was grown by is not told, so those drafts count as long as they took. */
function priceOf(
  { budget, context, drafted, draftMs }: RoundTrace,
  machine: VirtualMachine,
  draft: DraftPrice,
): number {
  const drafting = budget.nodes === 0 ? 0 : draft.levelMs === null ? machine.draftMs(budget) : draftMs
  return drafting + machine.cost.targetMs(drafted + 1, context) + machine.hostMs(drafted)
}

function requireSameModel({ lab, spec }: Engine, { identity, provenance }: Recording): void {
  if (lab.identity.model === identity.model) return
  throw new UsageError(
    'bad-option',
    `expected the model that was recorded (${provenance.model.name}), got ${spec.name}; name it with --model, or leave --validate out`,
  )
}

/** Another text would be another experiment. An interrupted recording may end before the answer does. */
function requireSameText({ first, places }: RecordedAnswer, { tokens }: GenerateResult, maxTokens: number): void {
  const recorded = [first, ...places.map(({ next }) => next)]
  const common = Math.min(recorded.length, tokens.length, maxTokens)
  const at = tokens.slice(0, common).findIndex((token, index) => token !== recorded[index])
  if (at < 0) return
  throw new UsageError(
    'bad-option',
    `expected the recorded text, got another token at place ${at}; use the model file, the kernels and the cache type of the recording`,
  )
}
