/** The most time that a request may take, waiting included (`--answer-seconds`). */
import { UsageError } from '../util/errors.ts'
import { ApiError } from './errors.ts'
import type { ServerContext } from './types.ts'

/** A week. Timers take no more than 24 days, and fire at once for what is longer. */
export const MOST_ANSWER_SECONDS = 7 * 24 * 3600

/** Throws `bad-option` for what is no limit. */
export function checkTimeLimit(seconds: number | undefined): void {
  if (seconds === undefined || (seconds > 0 && seconds <= MOST_ANSWER_SECONDS)) return
  const message = `expected answerSeconds to be more than 0 and at most ${MOST_ANSWER_SECONDS}, got ${seconds}; leave it out for no limit`
  throw new UsageError('bad-option', message)
}

/** Aborted when the time is over, counted from now; undefined where there is no limit. */
export function timeLimit({ options: { answerSeconds } }: ServerContext): AbortSignal | undefined {
  return answerSeconds === undefined ? undefined : AbortSignal.timeout(Math.ceil(1000 * answerSeconds))
}

/** What a request is told whose time is over. */
export function lateError({ options: { answerSeconds } }: ServerContext): ApiError {
  const message = `expected an answer within ${answerSeconds} s, it was not ready; ask for fewer tokens or try again later`
  return new ApiError(503, message, { code: 'timed_out', retryAfter: 1 })
}
