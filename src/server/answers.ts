/**
 * Answers to one HTTP request: each waits for its place, runs, and is told of as it grows. When one fails or the client leaves, all
 * end within a round of theirs.
 */
import type { Context } from 'hono'
import type { GenerateRequest, GenerateResult, RoundTrace } from '../engine/index.ts'
import { apiErrorOf, ApiError } from './errors.ts'
import { eventStream, type Send } from './event-stream.ts'
import type { Ticket } from './gate.ts'
import type { Work } from './request.ts'
import { RoundEvents } from './round-events.ts'
import { timingsOf, usageOf, type Usage } from './timings.ts'
import type { ServerContext, ServerEnv } from './types.ts'

/** How a kind of completion is spelled. */
export interface AnswerFormat {
  readonly idPrefix: string
  readonly object: string
  readonly chunkObject: string
  /** A finished answer. */
  choice(index: number, text: string, finishReason: string): object
  /** What opens a streamed answer, if anything does. */
  opening?(index: number): object
  delta(index: number, text: string): object
  closing(index: number, finishReason: string): object
}

/** Runs the work and answers in one piece or as a stream. Throws before any work when there is no room for it. */
export async function answer(
  c: Context<ServerEnv>,
  context: ServerContext,
  format: AnswerFormat,
  work: Work,
): Promise<Response> {
  const tickets = context.gate.admit(work.requests.length)
  const leaving = new AbortController()
  const signal = AbortSignal.any([c.req.raw.signal, context.closing.signal, leaving.signal])
  const requestId = c.get('requestId')
  const head = headOf(format, context)
  const runAll = (listener: AnswerListener): Promise<GenerateResult[]> =>
    runAnswers(context, work.requests, { tickets, signal, leaving, requestId, ...listener })
  if (!work.stream) {
    const results = await runAll({ onText: () => undefined })
    return c.json({
      ...head(format.object),
      choices: results.map((result, index) => format.choice(index, result.text, result.finishReason)),
      usage: usage(results, work),
      timings: timingsOf(results),
    })
  }
  const write = async (send: Send): Promise<void> => {
    const chunk = (choices: readonly object[], more: object = {}): void =>
      send({ ...head(format.chunkObject), choices, ...(work.includeUsage && { usage: null }), ...more })
    try {
      if (format.opening) for (const index of work.requests.keys()) chunk([format.opening(index)])
      const rounds = work.includeRounds ? new RoundEvents(context.engine.tokenizer) : undefined
      const results = await runAll({
        onText: (index, text) => chunk([format.delta(index, text)]),
        onRound: rounds && ((index, trace) => chunk([], { round: rounds.event(index, trace) })),
      })
      for (const [index, result] of results.entries()) {
        const last = index === results.length - 1
        chunk([format.closing(index, result.finishReason)], last ? { timings: timingsOf(results) } : {})
      }
      if (work.includeUsage) chunk([], { usage: usage(results, work) })
    } catch (error) {
      const { body } = apiErrorOf(error, requestId)
      context.logger.warn({ requestId, error: reasonOf(error) }, 'stream ended with an error')
      send(body)
    }
  }
  return eventStream(write, () => leaving.abort())
}

// ---------------------------------------------------------------------------------------------------------------

/** Hears of answers while they grow, by index. */
interface AnswerListener {
  readonly onText: (index: number, text: string) => void
  readonly onRound?: ((index: number, trace: RoundTrace) => void) | undefined
}

interface Conditions extends AnswerListener {
  readonly tickets: readonly Ticket[]
  readonly signal: AbortSignal
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
  // The first failure in time: those that it ended say only that they were ended.
  if (failures.length > 0) throw failures[0]
  return results.filter((result) => result !== undefined)
}

async function runAnswer(
  { engine, gate, metrics, logger }: ServerContext,
  request: GenerateRequest,
  index: number,
  { tickets, signal, requestId, onText, onRound }: Conditions,
): Promise<GenerateResult> {
  const queueMs = (await tickets[index]?.enter(signal)) ?? 0
  const observer = metrics.begin(queueMs)
  let result: GenerateResult | undefined
  try {
    for await (const event of engine.generate({ ...request, signal })) {
      if (event.type === 'round') {
        observer.round(event.trace)
        onRound?.(index, event.trace)
      } else if (event.type === 'done') result = event
      else {
        if (event.tokens.length > 0) observer.tokens(event.tokens.length)
        if (event.text !== '') onText(index, event.text)
      }
    }
    if (result) observer.done(result)
  } finally {
    if (!result) observer.gone()
  }
  if (!result) throw new Error('internal: a request ended without a result')
  const { timings, speculation, finishReason } = result
  logger.info(
    {
      requestId,
      choice: index,
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
