/**
 * Questions over HTTP, one connection each, so that no server can close one just when it is used again. Node's own client
 * and not its `fetch`: that gives up after five minutes without a header, and a slow machine may read a prompt longer.
 */
import * as http from 'node:http'
import * as https from 'node:https'
import { UsageError, throwIfAborted } from '../../util/errors.ts'

export interface Question {
  /** Sent as JSON with POST; without one it is a GET. */
  readonly body?: unknown
  /** Sent as a bearer token. */
  readonly key?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Longest time without a byte. */
  readonly silenceMs?: number | undefined
}

/** What a server said; the body may be read once. */
export interface Answer {
  readonly type: string
  /** Pieces of the text as they come. Throws like `ask`. */
  pieces(): AsyncIterable<string>
}

/** Half an hour: one pass of a large model over a long prompt on a slow machine. */
const SILENCE_MS = 30 * 60_000

/** Asks. Throws `peer-failed` with one sentence when there is no answer or one that says no; `aborted` on an abort. */
export async function ask(url: URL, question: Question = {}): Promise<Answer> {
  const response = await send(url, question)
  response.setEncoding('utf8')
  const answer: Answer = {
    type: response.headers['content-type'] ?? '',
    pieces: () => pieces(url, question, response),
  }
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) return answer
  const why = await readText(answer)
  throw failure(url, `HTTP ${status}${why === '' ? '' : `: ${messageIn(why)}`}`, adviceFor(status))
}

/** Asks for JSON. */
export async function askJson(url: URL, question: Question = {}): Promise<unknown> {
  const text = await askText(url, question)
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw failure(url, `no JSON: ${shorten(text)}`, "correct the address if it is another's")
  }
}

/** Asks for text. */
export async function askText(url: URL, question: Question = {}): Promise<string> {
  return readText(await ask(url, question))
}

/** The sentence for an answer that is not what it should be. */
export function failure(url: URL, got: string, advice: string, cause?: unknown): UsageError {
  const place = `${url.protocol}//${url.host}${url.pathname}`
  return new UsageError('peer-failed', `expected an answer from ${place}, got ${got}; ${advice}`, { cause })
}

/** The words of a server's error, whatever it wraps them in. */
export function messageIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } | string }
    const message = typeof error === 'string' ? error : error?.message
    if (typeof message === 'string') return shorten(message)
  } catch {
    return shorten(text)
  }
  return shorten(text)
}

// ---------------------------------------------------------------------------------------------------------------

const SEE_SERVER = "see the server's own output"

/** Error codes of connections in words. */
const troubles: Partial<Record<string, { readonly got: string; readonly advice: string }>> = {
  ECONNREFUSED: { got: 'a refused connection', advice: 'start the server or correct its address' },
  ENOTFOUND: { got: 'no such host', advice: 'correct the address' },
  EAI_AGAIN: { got: 'no such host', advice: 'correct the address' },
  ECONNRESET: { got: 'a connection that was closed half way', advice: SEE_SERVER },
}

function send(url: URL, question: Question): Promise<http.IncomingMessage> {
  const { key, signal, silenceMs = SILENCE_MS } = question
  throwIfAborted(signal)
  const text = question.body === undefined ? undefined : JSON.stringify(question.body)
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      method: text === undefined ? 'GET' : 'POST',
      agent: false,
      ...(signal ? { signal } : {}),
      headers: {
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
    })
    let body: http.IncomingMessage | undefined
    request.setTimeout(silenceMs, () => (body ?? request).destroy(silence(url, silenceMs)))
    request.once('response', (response) => {
      body = response
      resolve(response)
    })
    request.once('error', (error) => reject(explain(url, question, error)))
    request.end(text)
  })
}

async function* pieces(url: URL, question: Question, response: http.IncomingMessage): AsyncGenerator<string> {
  try {
    for await (const piece of response) yield piece as string
  } catch (error) {
    throw explain(url, question, error)
  }
}

async function readText(answer: Answer): Promise<string> {
  let text = ''
  for await (const piece of answer.pieces()) text += piece
  return text
}

function silence(url: URL, ms: number): UsageError {
  return failure(url, `nothing for ${ms / 1000} s`, 'see whether the server is still at work')
}

function explain(url: URL, { signal }: Question, error: unknown): Error {
  if (signal?.aborted)
    return new UsageError('aborted', 'the work was stopped by its abort signal', { cause: signal.reason })
  if (error instanceof UsageError) return error
  const { code, message } = error as NodeJS.ErrnoException
  const known = code === undefined ? undefined : troubles[code]
  return failure(url, known?.got ?? message, known?.advice ?? SEE_SERVER, error)
}

function adviceFor(status: number): string {
  if (status === 401 || status === 403) return 'give its key'
  if (status === 404) return 'correct the address: it should be the part before /v1'
  return SEE_SERVER
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > 200 ? `${line.slice(0, 200)}...` : line
}
