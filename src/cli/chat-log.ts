/**
 * `--log-chats`: conversations appended to a file, only where the user asks for it: one line each, as `heterospec head train
 * --data` reads them. Only the user can read the file.
 */
import { appendFileSync } from 'node:fs'
import type { ChatMessage } from '../text/index.ts'
import { UsageError } from '../util/errors.ts'

/** A conversation that ended. */
export interface LoggedChat {
  /** In order, with at least one answer. */
  readonly messages: readonly ChatMessage[]
  readonly temperature: number
  /** False when the last answer was cut short. */
  readonly finished: boolean
}

/** Appends a conversation; one without answers is left out. Throws `output-failed`. */
export function logChat(path: string, { messages, temperature, finished }: LoggedChat): void {
  if (!messages.some(({ role, content }) => role === 'assistant' && content !== '')) return
  try {
    appendFileSync(path, `${JSON.stringify({ messages, temperature, finished })}\n`, { mode: 0o600 })
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** Throws `bad-option` where nothing can be appended, before a model is loaded. */
export function checkChatLog(path: string): void {
  try {
    appendFileSync(path, '', { mode: 0o600 })
  } catch (error) {
    throw unwritable(path, error, 'bad-option')
  }
}

// ---------------------------------------------------------------------------------------------------------------

function unwritable(path: string, error: unknown, code: 'bad-option' | 'output-failed' = 'output-failed'): UsageError {
  const why = error instanceof Error ? error.message : String(error)
  const message = `expected a file that can be written for --log-chats, got ${path} (${why}); name another`
  return new UsageError(code, message, { cause: error })
}
