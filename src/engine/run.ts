/** What one request carries through its stages: its place, its text, its figures. */
import { realClock } from '../util/clock.ts'
import { HeterospecError } from '../util/errors.ts'
import type { RecordingSampler } from '../sample/index.ts'
import type { PromptListener } from '../draft/index.ts'
import type { Scores, TokenId } from '../tree/index.ts'
import { walk } from '../verify/index.ts'
import { type Drafting } from './drafting.ts'
import type { EngineParts } from './engine.ts'
import { AnswerText } from './answer.ts'
import { callReader } from './form.ts'
import { readPrompt } from './read-prompt.ts'
import { decodeRound } from './round.ts'
import { RoundAhead } from './round-ahead.ts'
import type { Seat } from './pass-types.ts'
import type { Session } from './session.ts'
import { sharedPrefix, type Slot } from './slots.ts'
import { RoundTotals } from './trace.ts'
import type { FinishReason, GenerateEvent, GenerateRequest, Timings } from './types.ts'

/** Where rounds begin. */
export interface Beginning {
  readonly seat: Seat
  readonly first: TokenId
  readonly record: RecordingSampler | undefined
  /** Rounds wait for the reader of their events. */
  readonly inStep: boolean
}

/** The moving parts of one request that its stages share. */
export class Run {
  readonly #parts: EngineParts
  readonly #request: GenerateRequest
  readonly #drafting: Drafting
  readonly #prompt: readonly TokenId[]
  readonly #started: number
  readonly #answer: AnswerText
  readonly #totals = new RoundTotals()
  /** The reader of the events has left. */
  readonly leaving = new AbortController()
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
    { seat, first, record, inStep }: Beginning,
  ): AsyncGenerator<GenerateEvent, void, undefined> {
    this.#session = session
    this.#record = record
    const began = realClock()
    await using ahead = new RoundAhead({ seat, inStep, leaving: this.leaving, clock: realClock })
    session.appendFirst(first)
    this.#firstTokenMs = realClock() - this.#started
    let sent = 0
    let events: GenerateEvent[] = []
    for (;;) {
      const { used, ...said } = this.#answer.push(session.emitted.slice(sent))
      if (this.#answer.stopped) session.endAt(sent + used)
      const tokens = session.emitted.slice(sent)
      if (said.text.length > 0 || tokens.length > 0) {
        const logProbs = record?.slice(sent, session.emitted.length)
        events.push({
          type: 'text',
          ...said,
          tokens,
          origins: session.origins.slice(sent),
          ...(logProbs && { logProbs }),
        })
      }
      sent = session.emitted.length
      session.finished ??= this.#endedFromOutside(realClock() - began)
      const ended = session.finished !== undefined
      if (!ended) ahead.begin(() => this.#round(session, seat))
      yield* ahead.hand(events)
      if (ended) break
      const trace = await ahead.end()
      // Who aborts hears nothing more.
      if (this.#request.signal?.aborted) session.endAt(sent, 'aborted')
      if (trace === undefined || session.finished === 'aborted') break
      this.#totals.add(trace)
      this.#predictedMs = ahead.ms
      events = [{ type: 'round', trace }]
    }
    const rest = this.#answer.end()
    seat.away()
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

  /** The next request gets the slot, whatever fails: a place that is not given back is lost. */
  giveSlot(slot: Slot): void {
    try {
      this.#keepCached(slot)
    } finally {
      this.#parts.slots.give(slot)
    }
  }

  /** Does the request take rows of others, and leave its own to them? */
  get #shares(): boolean {
    return this.#request.cachePrompt !== false
  }

  /** The tokens whose rows the slot's sequence holds, for the next request; others get copies. */
  #keepCached(slot: Slot): void {
    const { sequence } = slot
    const tokens = this.#session?.tokens ?? this.#prompt
    sequence.tap([])
    // An accepted path may go on behind the token that ended the answer: those rows are of what was never said.
    sequence.truncate(this.#failed ? 0 : Math.min(sequence.length, tokens.length))
    slot.cached = tokens.slice(0, sequence.length)
    if (this.#shares) this.#parts.prompts.save(sequence, slot.cached)
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
