/**
 * Answers to one HTTP request: each waits for its place, runs, and is told of as it grows. When one fails or the client leaves, all
 * end within a round of theirs.
 */
import type { Context } from 'hono'
import type { GenerateRequest, GenerateResult } from '../engine/index.ts'
import { apiErrorOf, ApiError } from './errors.ts'
import { eventStream, type Send } from './event-stream.ts'
import type { Ticket } from './gate.ts'
import type { Work } from './request.ts'
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
  const late = timeLimit(context)
  const signals = [c.req.raw.signal, context.closing.signal, leaving.signal, ...(late ? [late] : [])]
  const signal = AbortSignal.any(signals)
  const requestId = c.get('requestId')
  const head = headOf(format, context)
  const runAll = (onText: OnText): Promise<GenerateResult[]> =>
    runAnswers(context, work.requests, { tickets, signal, late, leaving, requestId, onText })
  if (!work.stream) {
    const results = await runAll(() => undefined)
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
      const results = await runAll((index, text) => chunk([format.delta(index, text)]))
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

type OnText = (index: number, text: string) => void

interface Conditions {
  readonly tickets: readonly Ticket[]
  readonly signal: AbortSignal
  /** Says that the request has taken too long. */
  readonly late: AbortSignal | undefined
  /** Ends all answers of the request. */
  readonly leaving: AbortController
  readonly requestId: string
  readonly onText: OnText
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
    const message = `expected an answer within ${context.options.answerSeconds} s, it was not ready; ask for fewer tokens or try again later`
    throw new ApiError(503, message, { code: 'timed_out', retryAfter: 1 })
  }
  // The first failure in time: those that it ended say only that they were ended.
  if (failures.length > 0) throw failures[0]
  return results.filter((result) => result !== undefined)
}

async function runAnswer(
  { engine, gate, slots, metrics, logger }: ServerContext,
  request: GenerateRequest,
  index: number,
  { tickets, signal, requestId, onText }: Conditions,
): Promise<GenerateResult> {
  const queueMs = (await tickets[index]?.enter(signal, request.priority)) ?? 0
  const observer = metrics.begin(queueMs)
  const task = slots.begin(request)
  let result: GenerateResult | undefined
  try {
    const onPrefill = task.prefill.bind(task)
    for await (const event of engine.generate({ ...request, signal, onPrefill })) {
      task.see(event)
      if (event.type === 'round') observer.round(event.trace)
      else if (event.type === 'done') result = event
      else {
        if (event.tokens.length > 0) observer.tokens(event.tokens.length)
        if (event.text !== '') onText(index, event.text)
      }
    }
    if (result) observer.done(result)
  } finally {
    task.end()
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

/** Counted from the request's arrival. */
function timeLimit({ options: { answerSeconds } }: ServerContext): AbortSignal | undefined {
  return answerSeconds === undefined ? undefined : AbortSignal.timeout(1000 * answerSeconds)
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
