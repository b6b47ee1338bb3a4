/** The most time that a request may take, waiting included (`--answer-seconds`). */
import { ApiError } from './errors.ts'
import type { ServerContext } from './types.ts'

/** Aborted when the time is over, counted from now; undefined where there is no limit. */
export function timeLimit({ options: { answerSeconds } }: ServerContext): AbortSignal | undefined {
  return answerSeconds === undefined ? undefined : AbortSignal.timeout(1000 * answerSeconds)
}

/** What a request is told whose time is over. */
export function lateError({ options: { answerSeconds } }: ServerContext): ApiError {
  const message = `expected an answer within ${answerSeconds} s, it was not ready; ask for fewer tokens or try again later`
  return new ApiError(503, message, { code: 'timed_out', retryAfter: 1 })
}
