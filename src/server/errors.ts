/**
 * What goes wrong, as OpenAI's error object with the right status. One table from our own errors to HTTP; whatever is in
 * no table is our mistake, and its words stay in the log.
 */
import { HeterospecError, systemErrorCode, type ErrorCode } from '../util/errors.ts'

/** Statuses that this server answers errors with. */
export type ErrorStatus = 400 | 401 | 403 | 404 | 405 | 413 | 415 | 500 | 503

/** OpenAI's error object. */
export interface ErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    /** The field at fault. */
    readonly param: string | null
    readonly code: string | null
  }
}

/** An answer that is an error, thrown from anywhere below a route. */
export class ApiError extends Error {
  readonly status: ErrorStatus
  readonly body: ErrorBody
  /** Seconds after which the same request may be accepted. */
  readonly retryAfter: number | undefined

  constructor(
    status: ErrorStatus,
    message: string,
    details: {
      readonly param?: string
      readonly code?: string
      readonly retryAfter?: number
      readonly cause?: unknown
    } = {},
  ) {
    super(message, { cause: details.cause })
    this.name = 'ApiError'
    this.status = status
    this.retryAfter = details.retryAfter
    const type = status >= 500 ? 'server_error' : 'invalid_request_error'
    this.body = { error: { message, type, param: details.param ?? null, code: details.code ?? null } }
  }
}

/** The answer to any error. Unknown ones become a 500 that tells nothing but where to look. */
export function apiErrorOf(error: unknown, requestId: string): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof HeterospecError) {
    const known = answers[error.code]
    if (known) return new ApiError(known.status, error.message, { ...known, cause: error })
  }
  if (isGone(error)) {
    const message = 'expected a whole request, the connection ended before; send it again'
    return new ApiError(400, message, { code: 'incomplete_request', cause: error })
  }
  if (isHttpError(error)) return new ApiError(error.status, sentences[error.status] ?? error.message, { cause: error })
  const message = `internal error; the server's log has the reason under request ${requestId}`
  return new ApiError(500, message, { code: 'internal_error', cause: error })
}

// ---------------------------------------------------------------------------------------------------------------

interface Answer {
  readonly status: ErrorStatus
  readonly code: string
  readonly param?: string
  readonly retryAfter?: number
}

const answers: Partial<Record<ErrorCode, Answer>> = {
  'bad-option': { status: 400, code: 'invalid_value' },
  'bad-prompt': { status: 400, code: 'invalid_prompt' },
  'prompt-too-long': { status: 400, code: 'context_length_exceeded' },
  'drafter-mismatch': { status: 400, code: 'invalid_value', param: 'speculative' },
  aborted: { status: 503, code: 'aborted', retryAfter: 1 },
  busy: { status: 503, code: 'busy', retryAfter: 1 },
  disposed: { status: 503, code: 'shutting_down', retryAfter: 10 },
  'out-of-memory': { status: 503, code: 'out_of_memory', retryAfter: 10 },
}

const httpStatuses: readonly number[] = [400, 401, 403, 404, 405, 413, 415] satisfies ErrorStatus[]

/** hono's own refusals (malformed JSON, wrong media type). */
function isHttpError(error: unknown): error is Error & { readonly status: ErrorStatus } {
  return error instanceof Error && 'status' in error && httpStatuses.includes(error.status as number)
}

const sentences: Partial<Record<ErrorStatus, string>> = {
  400: 'expected a body of valid JSON, got another one; correct it',
  415: 'expected a body of the media type application/json, got another one; send "Content-Type: application/json"',
}

/** What is wrong with a body that says nothing, or does not say that it is JSON; undefined where it does. */
export function bodyError(text: string, contentType: string | undefined): ApiError | undefined {
  if (text === '')
    return new ApiError(400, 'expected a body of JSON, got an empty one; send what /openapi.json describes')
  return contentType === undefined ? new ApiError(415, sentences[415] ?? '') : undefined
}

/** The client left while its body was read. Nobody hears the answer, but the log shall not call it a failure. */
function isGone(error: unknown): boolean {
  return systemErrorCode(error) === 'ECONNRESET'
}
