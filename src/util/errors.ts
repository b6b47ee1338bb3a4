/**
 * Errors are for people: "expected X, got Y; do Z". Each class says who can mend it,
 * each code is stable, so that scripts and the server can tell them apart.
 */

export type ErrorCode =
  | 'bad-option'
  | 'unknown-model'
  | 'model-unavailable'
  | 'download-failed'
  | 'output-failed'
  | 'disk-full'
  | 'prompt-too-long'
  | 'bad-prompt'
  | 'drafter-mismatch'
  | 'busy'
  | 'bad-file'
  | 'unsupported-model'
  | 'library-missing'
  | 'library-broken'
  | 'out-of-memory'
  | 'native-failure'
  | 'peer-failed'
  | 'disposed'
  | 'aborted'

/** Base of all errors that heterospec throws on purpose. */
export class HeterospecError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** The caller asked for something that cannot be done as asked. */
export class UsageError extends HeterospecError {}

/** The bytes of a model file are not what they should be. */
export class ModelFileError extends HeterospecError {}

/** The native library is missing, broken, or failed. */
export class NativeError extends HeterospecError {}

/** Something was used after its life ended. */
export class DisposedError extends HeterospecError {
  constructor(what: string) {
    super('disposed', `expected a live ${what}, got one that was disposed; open a new one`)
  }
}

/** Throws the signal's reason as an `aborted` error. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new UsageError('aborted', 'the work was stopped by its abort signal', { cause: signal.reason })
}

/** `code` of a system error (`ENOENT`, ...), `undefined` for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
