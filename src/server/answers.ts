/**
 * Answers to one HTTP request: each waits for its place, runs, and is told of as it grows. When one fails or the client leaves, all
 * end within a round of theirs.
 */
import type { Context } from 'hono'
import type { GenerateRequest, GenerateResult, RoundTrace } from '../engine/index.ts'
import type { TokenLogProbs } from '../sample/index.ts'
import type { ToolCallPiece } from '../text/index.ts'
import { joinSignals } from '../util/signals.ts'
import { apiErrorOf, ApiError } from './errors.ts'
import { eventStream, type Send } from './event-stream.ts'
import type { Ticket } from './gate.ts'
import type { Work } from './request.ts'
import { RoundEvents } from './round-events.ts'
import { SpeculativeMetrics } from './speculative-metrics.ts'
import { lateError, timeLimit } from './time-limit.ts'
import { timingsOf, usageOf, type Usage } from './timings.ts'
import type { ServerContext, ServerEnv } from './types.ts'

/** A piece of an answer, or all of it. */
export interface AnswerPiece {
  readonly text: string
  /** Of the tokens since the last piece, where the request asked for them. */
  readonly logProbs?: readonly TokenLogProbs[] | undefined
  /** What is new of calls of tools. */
  readonly calls?: readonly ToolCallPiece[] | undefined
}

/** How the answers to one request are spelled. */
export interface AnswerFormat {
  readonly idPrefix: string
  readonly object: string
  readonly chunkObject: string
  /** A finished answer. */
  choice(index: number, answer: GenerateResult, finishReason: string): object
  /** What opens a streamed answer, if anything does. */
  opening?(index: number): object
  delta(index: number, piece: AnswerPiece): object
  /** `rest`: what came after the last delta. */
  closing(index: number, rest: AnswerPiece, finishReason: string): object
}

/** Runs the work and answers in one piece or as a stream. Throws before any work when there is no room for it. */
export async function answer(
  c: Context<ServerEnv>,
  context: ServerContext,
  format: AnswerFormat,
  work: Work,
): Promise<Response> {
  const leaving = new AbortController()
  const late = timeLimit(context)
  const signals = [c.req.raw.signal, context.closing.signal, leaving.signal, ...(late ? [late] : [])]
  const requestId = c.get('requestId')
  const head = headOf(format, context)
  const counts = new SpeculativeMetrics()
  // From here on nothing may fail that does not give the tickets back.
  const tickets = context.gate.admit(work.requests.length)
  const runAll = async ({ onPiece, onRound }: AnswerListener): Promise<GenerateResult[]> => {
    using reasons = joinSignals(signals)
    return await runAnswers(context, work.requests, {
      ...{ tickets, signal: reasons.signal, late, leaving, requestId, onPiece },
      onRound: (index, trace) => {
        counts.round(trace)
        onRound?.(index, trace)
      },
    })
  }
  const metrics = (results: readonly GenerateResult[]): object =>
    work.detail === 'none' ? {} : { metrics: counts.block(results, work.detail) }
  if (!work.stream) {
    const results = await runAll({ onPiece: () => undefined })
    return c.json({
      ...head(format.object),
      choices: results.map((result, index) => format.choice(index, result, endOf(result))),
      usage: usage(results, work),
      timings: timingsOf(results),
      ...metrics(results),
    })
  }
  return eventStream(
    (send) =>
      writeAnswers(send, { context, format, work, requestId, head, runAll, metrics }).finally(() => {
        for (const ticket of tickets) ticket.leave()
      }),
    () => leaving.abort(),
  )
}

// ---------------------------------------------------------------------------------------------------------------

/** What a stream of answers is made of. */
interface Streaming {
  readonly context: ServerContext
  readonly format: AnswerFormat
  readonly work: Work
  readonly requestId: string
  readonly head: (object: string) => object
  readonly runAll: (listener: AnswerListener) => Promise<GenerateResult[]>
  readonly metrics: (results: readonly GenerateResult[]) => object
}

async function writeAnswers(
  send: Send,
  { context, format, work, requestId, head, runAll, metrics }: Streaming,
): Promise<void> {
  const chunk = (choices: readonly object[], more: object = {}): void =>
    send({ ...head(format.chunkObject), choices, ...(work.includeUsage && { usage: null }), ...more })
  try {
    if (format.opening) for (const index of work.requests.keys()) chunk([format.opening(index)])
    const streamed = work.requests.map(() => new StreamedAnswer())
    const rounds = work.includeRounds ? new RoundEvents(context.engine.tokenizer) : undefined
    const results = await runAll({
      onPiece: (index, piece) => {
        const delta = streamed[index]?.add(piece)
        if (delta) chunk([format.delta(index, delta)])
      },
      onRound: rounds && ((index, trace) => chunk([], { round: rounds.event(index, trace) })),
    })
    for (const [index, result] of results.entries()) {
      const last = index === results.length - 1
      const rest = streamed[index]?.rest() ?? { text: '' }
      chunk(
        [format.closing(index, rest, endOf(result))],
        last ? { timings: timingsOf(results), ...(!work.includeUsage && metrics(results)) } : {},
      )
    }
    if (work.includeUsage) chunk([], { usage: usage(results, work), ...metrics(results) })
  } catch (error) {
    const { status, body } = apiErrorOf(error, requestId)
    const fields = { requestId, status, code: body.error.code }
    // Clients leave, times run out: only what is our mistake has a place in the program to tell of.
    if (status === 500) context.logger.error({ ...fields, error: reasonOf(error) }, 'failed')
    else context.logger.info(fields, 'ended early')
    send(body)
  }
}

/** Hears of answers while they grow, by index. */
interface AnswerListener {
  readonly onPiece: (index: number, piece: AnswerPiece) => void
  readonly onRound?: ((index: number, trace: RoundTrace) => void) | undefined
}

/** What of one answer was sent: tokens without a text of their own wait for the next piece that has one. */
class StreamedAnswer {
  #waiting: readonly TokenLogProbs[] | undefined

  /** The piece to send now, if it has a text or calls. */
  add({ text, calls, logProbs }: AnswerPiece): AnswerPiece | undefined {
    if (logProbs) this.#waiting = [...(this.#waiting ?? []), ...logProbs]
    return text === '' && !calls?.length ? undefined : this.#take(text, calls)
  }

  /** What has waited to the end. */
  rest(): AnswerPiece {
    return this.#waiting?.length ? this.#take('') : { text: '' }
  }

  #take(text: string, calls?: readonly ToolCallPiece[]): AnswerPiece {
    const piece = { text, calls, logProbs: this.#waiting }
    if (this.#waiting) this.#waiting = []
    return piece
  }
}

interface Conditions extends AnswerListener {
  readonly tickets: readonly Ticket[]
  readonly signal: AbortSignal
  /** Says that the request has taken too long. */
  readonly late: AbortSignal | undefined
  /** Ends all answers of the request. */
  readonly leaving: AbortController
  readonly requestId: string
}

async function runAnswers(
  context: ServerContext,
  requests: readonly GenerateRequest[],
  conditions: Conditions,
): Promise<GenerateResult[]> {
  const failures: unknown[] = []
  const runs = requests.map(async (request, index) => {
    try {
      return await runAnswer(context, request, index, conditions)
    } catch (error) {
      failures.push(error)
      conditions.leaving.abort() // the others would work for nobody
      return undefined
    } finally {
      conditions.tickets[index]?.leave()
    }
  })
  const results = await Promise.all(runs)
  if (failures.length > 0 && conditions.late?.aborted) {
    throw lateError(context)
  }
  // The first failure in time: those that it ended say only that they were ended.
  if (failures.length > 0) throw failures[0]
  return results.filter((result) => result !== undefined)
}

async function runAnswer(
  { engine, gate, slots, metrics, logger, options }: ServerContext,
  request: GenerateRequest,
  index: number,
  { tickets, signal, requestId, onPiece, onRound }: Conditions,
): Promise<GenerateResult> {
  const queueMs = (await tickets[index]?.enter(signal, request.priority)) ?? 0
  const observer = metrics.begin(queueMs)
  const task = slots.begin(request)
  let result: GenerateResult | undefined
  try {
    const onPrefill = task.prefill.bind(task)
    for await (const event of engine.generate({ ...request, signal, onPrefill })) {
      task.see(event)
      if (event.type === 'round') {
        observer.round(event.trace)
        onRound?.(index, event.trace)
        options.onRound?.({ request: requestId, answer: task.id, ...event.trace })
      } else if (event.type === 'done') result = event
      else {
        if (event.tokens.length > 0) observer.tokens(event.tokens.length)
        onPiece(index, event)
      }
    }
    if (result) observer.done(result)
  } finally {
    task.end()
    if (!result) observer.gone(signal.aborted ? 'abort' : 'error')
  }
  if (!result) throw new Error('internal: a request ended without a result')
  const { timings, speculation, finishReason } = result
  logger.info(
    {
      requestId,
      choice: index,
      answer: task.id,
      finishReason,
      promptTokens: timings.prompt_n + timings.cache_n,
      cachedTokens: timings.cache_n,
      completionTokens: timings.predicted_n,
      queueMs: Math.round(queueMs),
      firstTokenMs: Math.round(timings.first_token_ms),
      tau: Math.round(100 * speculation.tau) / 100,
      waiting: gate.waiting,
    },
    'answer',
  )
  if (finishReason === 'aborted') {
    throw new ApiError(503, 'expected time to finish, the answer was ended; send the request again', {
      code: 'aborted',
      retryAfter: 1,
    })
  }
  return result
}

/** How the answer ended, in OpenAI's words. A call that a stop text cut in two is none that anybody could make. */
function endOf({ finishReason, toolCalls }: GenerateResult): string {
  const last = toolCalls?.at(-1)
  return finishReason === 'stop' && last && isJson(last.arguments) ? 'tool_calls' : finishReason
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function headOf({ idPrefix }: AnswerFormat, { engine, modelNames }: ServerContext): (object: string) => object {
  const id = `${idPrefix}-${crypto.randomUUID().replaceAll('-', '')}`
  const shared = {
    created: Math.floor(Date.now() / 1000),
    model: modelNames[0],
    // Same fingerprint, seed and request: same text.
    system_fingerprint: `fp_${engine.spec.fingerprint.slice(0, 10)}`,
  }
  return (object) => ({ id, object, ...shared })
}

function usage(results: readonly GenerateResult[], { promptTokens, answersPerPrompt }: Work): Usage {
  return usageOf(results, promptTokens, answersPerPrompt)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
