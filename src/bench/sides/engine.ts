/** heterospec itself as a side: one engine, one way to speculate. */
import { createHash } from 'node:crypto'
import { defined } from '../../util/assert.ts'
import { throwIfAborted } from '../../util/errors.ts'
import type { Drafter } from '../../draft/index.ts'
import type {
  Engine,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  RoundTrace,
  SpeculativeOptions,
} from '../../engine/index.ts'
import { createSyntheticDrafter } from '../synthetic.ts'
import type { Answer, Outcome, Side, SideInfo, Task } from '../types.ts'

/** The side that all others are compared with. */
export const BASELINE = 'off'

export interface EngineSideOptions {
  readonly name: string
  readonly speculative: SpeculativeOptions
  /** Budgets see real times, and what was learned stays from task to task. */
  readonly live: boolean
  /** Drafts from the true answer instead, right at each depth with these chances. */
  readonly synthetic?: readonly number[] | undefined
  /** Keep computation graphs for passes of the same form. Default true. */
  readonly keepGraphs?: boolean | undefined
}

/** A side that decodes with `engine`, which outlives it. Sides of one engine need a sequence each. */
export function engineSide(engine: Engine, options: EngineSideOptions): Side {
  const { name, speculative, live, synthetic, keepGraphs = true } = options
  const memory = engine.lab.openMemory()
  const info: SideInfo = {
    name,
    kind: 'heterospec',
    plain: BASELINE,
    details: {
      speculative,
      live,
      ...(synthetic ? { synthetic } : calibrationOf(engine, options)),
      ...(keepGraphs ? {} : { keepGraphs }),
      lossless: true,
    },
  }
  const start = async (task: Task): Promise<Answer> => {
    const drafter = synthetic && (await syntheticDrafter(engine, task, synthetic))
    if (!live) await memory.forget()
    const request = { ...requestOf(task), speculative }
    const events = engine.lab.generate(request, { drafter, memory, priced: !live })
    const answer = new EngineAnswer(events, task.signal, (keep) => {
      if (!keepGraphs) engine.lab.keepGraphs(keep)
    })
    try {
      await answer.advance(1)
    } catch (error) {
      await answer[Symbol.asyncDispose]() // nobody else will: the engine would wait for it for ever
      throw error
    }
    return answer
  }
  return {
    info,
    start,
    async run(task) {
      await using answer = await start(task)
      await answer.advance(Infinity)
      return answer.outcome()
    },
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Figures depend on where budgets start. */
function calibrationOf({ lab }: Engine, { speculative }: EngineSideOptions): { readonly calibration?: string } {
  const found = lab.calibration(speculative)
  if (found === undefined) return {}
  return { calibration: createHash('sha256').update(JSON.stringify(found)).digest('hex').slice(0, 16) }
}

function requestOf({ tokens, maxTokens, temperature, seed, signal }: Task): GenerateRequest {
  return { prompt: Int32Array.from(tokens), maxTokens, temperature, seed, signal, cachePrompt: false }
}

/** The answer is computed plainly first; that is not timed. */
async function syntheticDrafter(engine: Engine, task: Task, rates: readonly number[]): Promise<Drafter> {
  const { tokens } = await engine.complete({ ...requestOf(task), speculative: 'off' })
  return createSyntheticDrafter({ rates, seed: task.seed, answer: tokens })
}

/** The engine's clock stands still while nobody asks for the next event. */
class EngineAnswer implements Answer {
  readonly #events: AsyncIterator<GenerateEvent>
  readonly #signal: AbortSignal | undefined
  readonly #rounds: RoundTrace[] = []
  /** Called with false before a slice and with true after it: other sides may keep their graphs. */
  readonly #keepGraphs: (keep: boolean) => void
  #emitted = 0
  #result: GenerateResult | undefined

  constructor(
    events: AsyncIterable<GenerateEvent>,
    signal: AbortSignal | undefined,
    keepGraphs: (keep: boolean) => void,
  ) {
    this.#events = events[Symbol.asyncIterator]()
    this.#signal = signal
    this.#keepGraphs = keepGraphs
  }

  async advance(tokens: number): Promise<boolean> {
    this.#keepGraphs(false)
    try {
      await this.#goOn(tokens)
    } finally {
      this.#keepGraphs(true)
    }
    throwIfAborted(this.#signal)
    return this.#result !== undefined
  }

  async #goOn(tokens: number): Promise<void> {
    while (this.#emitted < tokens && this.#result === undefined) {
      const next = await this.#events.next()
      if (next.done === true) break
      const event = next.value
      if (event.type === 'round') this.#rounds.push(event.trace)
      else if (event.type === 'text') this.#emitted += event.tokens.length
      else this.#result = event
    }
  }

  outcome(): Outcome {
    const { tokens, text, finishReason, timings, speculation } = defined(this.#result, 'the end of an answer')
    const rounds = this.#rounds
    return {
      tokens,
      text,
      ended: finishReason === 'stop',
      firstTokenMs: timings.first_token_ms,
      decodeMs: timings.predicted_ms,
      calls: rounds.length,
      verified: speculation.drafted + rounds.length,
      drafted: speculation.drafted,
      accepted: speculation.accepted,
      ...byDepth(rounds),
      draftMs: speculation.draftMs,
      targetMs: speculation.targetMs,
      hostMs: speculation.hostMs,
      graphs: graphsOf(rounds),
      rounds,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events.return?.()
  }
}

function graphsOf(rounds: readonly RoundTrace[]): Outcome['graphs'] {
  const sum = { reused: 0, built: 0, buildMs: 0 }
  for (const { graphs } of rounds) {
    if (graphs === undefined) return undefined
    sum.reused += graphs.reused
    sum.built += graphs.built
    sum.buildMs += graphs.buildMs
  }
  return sum
}

function byDepth(rounds: readonly RoundTrace[]): Pick<Outcome, 'offeredByDepth' | 'acceptedByDepth'> {
  const offeredByDepth: number[] = []
  const acceptedByDepth: number[] = []
  for (const { tree, accepted } of rounds) {
    const depths: number[] = []
    for (const parent of tree.parents) depths.push(parent < 0 ? 0 : (depths[parent] ?? 0) + 1)
    for (let depth = 0; depth < Math.max(...depths); depth++) {
      offeredByDepth[depth] = (offeredByDepth[depth] ?? 0) + 1
      acceptedByDepth[depth] = (acceptedByDepth[depth] ?? 0) + (accepted > depth ? 1 : 0)
    }
  }
  return { offeredByDepth, acceptedByDepth }
}
