/** One request from prompt to last event: read the prompt, draw the first token, run rounds until something ends them. */
import { realClock } from '../util/clock.ts'
import { HeterospecError } from '../util/errors.ts'
import { omit } from '../util/omit.ts'
import type { RecordingSampler } from '../sample/index.ts'
import type { PromptListener } from '../draft/index.ts'
import type { CostModel } from '../policy/index.ts'
import type { Scores, TokenId } from '../tree/index.ts'
import { walk } from '../verify/index.ts'
import { openConstraint, openDraft, openSampler } from './choosing.ts'
import { resolveSpeculation, type Drafting } from './drafting.ts'
import type { EngineParts } from './engine.ts'
import { AnswerText } from './answer.ts'
import { callReader, offeredTools } from './form.ts'
import { encodePrompt } from './prompt.ts'
import { readPrompt } from './read-prompt.ts'
import { readRequest } from './request.ts'
import { decodeRound } from './round.ts'
import type { Seat } from './pass-types.ts'
import { Session } from './session.ts'
import { sharedPrefix, type Slot } from './slots.ts'
import { RoundTotals } from './trace.ts'
import type { FinishReason, GenerateEvent, GenerateRequest, GenerateResult, Timings } from './types.ts'

/** What an experiment puts in the place of the engine's own. */
export interface Conditions {
  readonly drafting?: Drafting
  readonly cost?: CostModel
}

/** Runs one request. Throws before any work on bad requests; ends with a `done` event otherwise. */
export async function* generate(
  parts: EngineParts,
  request: GenerateRequest,
  conditions: Conditions = {},
): AsyncGenerator<GenerateEvent, void, undefined> {
  const started = realClock()
  const speculation = request.speculative === undefined ? parts.speculation : resolveSpeculation(request.speculative)
  const { sampling, maxTokens, logProbs } = readRequest(request)
  const { tokenizer, template, model } = parts
  const prompt = encodePrompt(
    { tokenizer, template, spec: model.spec, context: model.context },
    request.prompt,
    offeredTools(request),
  )
  using constraint = await openConstraint(parts.formats, request, prompt.length)
  const drafting = conditions.drafting ?? (await parts.drafting.prepare(speculation))
  const cost = conditions.cost ?? (await parts.prices.for(speculation.budget.policy))
  const run = new Run(parts, request, drafting, prompt, started)
  const slot = await run.takeSlot()
  if (slot === undefined) {
    yield run.done(sampling.seed)
    return
  }
  using seat = parts.passes.join({ cost, priority: request.priority, signal: request.signal })
  try {
    using heard = drafting.drafter?.listen?.(prompt)
    const scores = await run.prefill(slot, seat, heard)
    if (scores === undefined || maxTokens === 0) {
      seat.away()
      yield run.done(sampling.seed)
      return
    }
    const { sampler, record } = openSampler({ sampling, logProbs, constraint, first: prompt.length })
    const first = sampler.draw(scores.logits(0), prompt, prompt.length)
    using draft = openDraft(drafting, [...prompt, first], { heard, constraint, room: () => session.context().room })
    const session: Session = new Session({
      sequence: slot.sequence,
      draft,
      policy: drafting.policy,
      sampler,
      cost,
      prompt,
      maxTokens,
      // Behind the end of a format nothing can come.
      isEnd: (token) => (request.ignoreEos !== true || constraint !== undefined) && parts.tokenizer.isEnd(token),
      signal: request.signal,
      batch: () => seat.batch,
      resting: () => seat.resting,
    })
    yield* run.rounds(session, seat, first, record)
    yield run.done(sampling.seed, session)
  } finally {
    slot.sequence.tap([])
    run.keepCached(slot)
    parts.slots.give(slot)
  }
}

/** Waits for the last event. */
export async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateResult> {
  for await (const event of events) {
    if (event.type === 'done') {
      return omit(event, 'type')
    }
  }
  throw new Error('internal: a request ended without a result')
}

// ---------------------------------------------------------------------------------------------------------------

/** The moving parts of one request that its stages share. */
class Run {
  readonly #parts: EngineParts
  readonly #request: GenerateRequest
  readonly #drafting: Drafting
  readonly #prompt: readonly TokenId[]
  readonly #started: number
  readonly #answer: AnswerText
  readonly #totals = new RoundTotals()
  #session: Session | undefined
  #record: RecordingSampler | undefined
  #reused = 0
  #promptMs = 0
  #firstTokenMs = 0
  #predictedMs = 0
  #failed = false

  constructor(
    parts: EngineParts,
    request: GenerateRequest,
    drafting: Drafting,
    prompt: readonly TokenId[],
    started: number,
  ) {
    this.#parts = parts
    this.#request = request
    this.#drafting = drafting
    this.#prompt = prompt
    this.#started = started
    this.#answer = new AnswerText(parts.tokenizer, request.stop ?? [], callReader(request))
  }

  /** Undefined when the request was aborted while it waited. */
  async takeSlot(): Promise<Slot | undefined> {
    const { signal, priority, maxTokens } = this.#request
    return orAborted(this.#parts.slots.take(this.#prompt, { signal, priority, maxTokens }))
  }

  /** Reads what of the prompt is not in the cache yet; undefined when aborted. */
  async prefill(slot: Slot, seat: Seat, heard: PromptListener | undefined): Promise<Scores | undefined> {
    const { sequence } = slot
    // The last token is always read again: its logits are where the answer begins.
    const shared = this.#shares ? sharedPrefix(slot.cached, this.#prompt) : 0
    sequence.truncate(Math.min(shared, this.#prompt.length - 1))
    sequence.tap(this.#drafting.drafter?.needs.taps ?? [])
    const began = realClock()
    const scores = await orAborted(
      readPrompt({
        prompt: this.#prompt,
        ...{ sequence, seat, heard },
        drafter: this.#drafting.drafter,
        prompts: this.#shares ? this.#parts.prompts : undefined,
        request: this.#request,
        onKnown: (tokens) => (this.#reused = tokens),
      }),
    )
    this.#promptMs = realClock() - began
    seat.decode()
    return scores
  }

  async *rounds(
    session: Session,
    seat: Seat,
    first: TokenId,
    record: RecordingSampler | undefined,
  ): AsyncGenerator<GenerateEvent, void, undefined> {
    this.#session = session
    this.#record = record
    const began = realClock()
    session.appendFirst(first)
    this.#firstTokenMs = realClock() - this.#started
    let sent = 0
    // What the reader of the events does meanwhile is not decoding, and others do not wait for it.
    let awayMs = 0
    const handOver = (): (() => void) => {
      const handedOver = realClock()
      seat.away()
      return () => {
        seat.back()
        awayMs += realClock() - handedOver
      }
    }
    for (;;) {
      const { used, ...said } = this.#answer.push(session.emitted.slice(sent))
      if (this.#answer.stopped) session.endAt(sent + used)
      if (said.text.length > 0 || session.emitted.length > sent) {
        const tokens = session.emitted.slice(sent)
        const logProbs = record?.slice(sent, session.emitted.length)
        const back = handOver()
        yield { type: 'text', ...said, tokens, origins: session.origins.slice(sent), ...(logProbs && { logProbs }) }
        back()
      }
      sent = session.emitted.length
      if (session.finished) break
      session.finished = this.#endedFromOutside(realClock() - began)
      if (session.finished) break
      const trace = await this.#round(session, seat)
      if (trace === undefined) break
      this.#totals.add(trace)
      this.#predictedMs = realClock() - began - awayMs
      const back = handOver()
      yield { type: 'round', trace }
      back()
    }
    const rest = this.#answer.end()
    handOver()
    if (rest.text.length > 0 || rest.calls?.length) {
      yield { type: 'text', ...rest, tokens: [], origins: [], ...(record && { logProbs: [] }) }
    }
  }

  done(seed: number | undefined, session?: Session): GenerateEvent {
    const aborted = this.#request.signal?.aborted === true
    const finishReason: FinishReason = session?.finished ?? (aborted ? 'aborted' : 'length')
    return {
      type: 'done',
      text: this.#answer.text,
      ...(this.#answer.calls && { toolCalls: this.#answer.calls }),
      tokens: session ? [...session.emitted] : [],
      finishReason,
      seed,
      ...(this.#record && { logProbs: this.#record.slice(0, session?.emitted.length ?? 0) }),
      timings: this.#timings(session?.emitted.length ?? 0),
      speculation: this.#totals.summary({
        drafter: this.#drafting.drafterName,
        budget: this.#drafting.policy.name,
        lossless: walk.lossless,
      }),
    }
  }

  /** The tokens whose rows the slot's sequence holds, for the next request; others get copies. */
  keepCached(slot: Slot): void {
    const { sequence } = slot
    if (this.#failed) sequence.truncate(0)
    slot.cached = [...(this.#session?.tokens ?? this.#prompt)].slice(0, sequence.length)
    if (this.#shares) this.#parts.prompts.save(sequence, slot.cached)
  }

  /** Does the request take rows of others, and leave its own to them? */
  get #shares(): boolean {
    return this.#request.cachePrompt !== false
  }

  /** The caller wants no more, or not for so long. */
  #endedFromOutside(ms: number): FinishReason | undefined {
    const { signal, maxPredictMs = Infinity } = this.#request
    if (signal?.aborted) return 'aborted'
    return ms > maxPredictMs ? 'length' : undefined
  }

  async #round(session: Session, seat: Seat): ReturnType<typeof orAborted<Awaited<ReturnType<typeof decodeRound>>>> {
    try {
      const trace = await orAborted(decodeRound(session, seat, this.#drafting.verifier ?? walk, realClock))
      if (trace === undefined) session.finished = 'aborted'
      const sourceNames = this.#drafting.drafter?.sources
      const isDrafted = trace !== undefined && (trace.drafted > 0 || trace.pruned !== undefined)
      return isDrafted && sourceNames ? { ...trace, sourceNames } : trace
    } catch (error) {
      this.#failed = true // rows of a half-finished round are not to be trusted
      throw error
    }
  }

  #timings(predicted: number): Timings {
    const read = this.#prompt.length - this.#reused
    const perSecond = (count: number, ms: number): number => (ms > 0 ? (count * 1000) / ms : 0)
    return {
      prompt_n: read,
      prompt_ms: this.#promptMs,
      prompt_per_second: perSecond(read, this.#promptMs),
      predicted_n: predicted,
      predicted_ms: this.#predictedMs,
      // The first token came from the prompt's pass and cost no round.
      predicted_per_second: perSecond(Math.max(0, predicted - 1), this.#predictedMs),
      cache_n: this.#reused,
      draft_n: this.#totals.drafted,
      draft_n_accepted: this.#totals.accepted,
      first_token_ms: this.#firstTokenMs,
    }
  }
}

/** An abort is a way to end, not a failure. */
async function orAborted<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof HeterospecError && error.code === 'aborted') return undefined
    throw error
  }
}
