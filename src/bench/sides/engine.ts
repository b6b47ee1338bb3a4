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
}

/** A side that decodes with `engine`, which outlives it. Sides of one engine need a sequence each. */
export function engineSide(engine: Engine, options: EngineSideOptions): Side {
  const { name, speculative, live, synthetic } = options
  const memory = engine.lab.openMemory()
  const info: SideInfo = {
    name,
    kind: 'heterospec',
    plain: BASELINE,
    details: { speculative, live, ...(synthetic ? { synthetic } : calibrationOf(engine, options)), lossless: true },
  }
  const start = async (task: Task): Promise<Answer> => {
    const drafter = synthetic && (await syntheticDrafter(engine, task, synthetic))
    if (!live) await memory.forget()
    const request = { ...requestOf(task), speculative }
    const answer = new EngineAnswer(engine.lab.generate(request, { drafter, memory, priced: !live }), task.signal)
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
  #emitted = 0
  #result: GenerateResult | undefined

  constructor(events: AsyncIterable<GenerateEvent>, signal: AbortSignal | undefined) {
    this.#events = events[Symbol.asyncIterator]()
    this.#signal = signal
  }

  async advance(tokens: number): Promise<boolean> {
    while (this.#emitted < tokens && this.#result === undefined) {
      const next = await this.#events.next()
      if (next.done === true) break
      const event = next.value
      if (event.type === 'round') this.#rounds.push(event.trace)
      else if (event.type === 'text') this.#emitted += event.tokens.length
      else this.#result = event
    }
    throwIfAborted(this.#signal)
    return this.#result !== undefined
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
      rounds,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events.return?.()
  }
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
