/** Requests to the server that the page came from. */
import { EventSourceParserStream } from 'eventsource-parser/stream'
import type { Piece, Round, Timings } from '../types.ts'
import { isObject, isPiece, readPieces, readRound } from './rounds.ts'

/** What the server refused, or that it could not be reached. */
export class ServerProblem extends Error {
  /** HTTP status; 0: no answer at all. */
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.name = 'ServerProblem'
    this.status = status
  }
}

/** What a streamed answer tells. */
export interface StreamListener {
  onText(text: string): void
  onRound(round: Round, pieces: ReadonlyMap<number, Piece>): void
  /** The answer is over, for this reason. */
  onEnd(reason: string, timings: Timings | undefined): void
}

/** The server's interface, with one key. */
export class Api {
  /** Sent with every request; empty: none. Kept in memory only. */
  key = ''

  /** Name of the model. Throws a `ServerProblem`. */
  async model(): Promise<string> {
    const body: unknown = await (await this.#send('v1/models')).json()
    const first: unknown = isObject(body) && Array.isArray(body['data']) ? body['data'][0] : undefined
    return isObject(first) && typeof first['id'] === 'string' ? first['id'] : 'model'
  }

  /** Texts of tokens. Throws a `ServerProblem`, for example when the model does not have them. */
  async pieces(tokens: readonly number[], signal?: AbortSignal): Promise<Map<number, Piece>> {
    const response = await this.#send('detokenize', { tokens, with_pieces: true }, signal)
    const body: unknown = await response.json()
    const list: readonly unknown[] = isObject(body) && Array.isArray(body['pieces']) ? body['pieces'] : []
    const known = tokens.flatMap((token, index): [number, Piece][] => {
      const piece = list[index]
      return isPiece(piece) ? [[token, piece]] : []
    })
    return new Map(known)
  }

  /** Asks for an answer and tells of it while it comes. Throws a `ServerProblem`; an abort throws its reason. */
  async chat(body: object, listener: StreamListener, signal: AbortSignal): Promise<void> {
    const response = await this.#send('v1/chat/completions', body, signal)
    if (!response.body) throw new ServerProblem('expected a stream, got an answer without a body', 0)
    const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
    const reader = events.getReader()
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (next.value.data === '[DONE]') return
      tell(JSON.parse(next.value.data) as unknown, listener)
    }
  }

  async #send(path: string, body?: object, signal?: AbortSignal): Promise<Response> {
    const headers = {
      ...(body && { 'Content-Type': 'application/json' }),
      ...(this.key !== '' && { Authorization: `Bearer ${this.key}` }),
    }
    const post = body && { method: 'POST', body: JSON.stringify(body) }
    let response: Response
    try {
      // Relative, as the page's own files are.
      response = await fetch(path, { ...post, headers, ...(signal && { signal }) })
    } catch (error) {
      signal?.throwIfAborted()
      throw new ServerProblem(`the server does not answer (${String(error)}); is it still running?`, 0)
    }
    if (!response.ok) throw new ServerProblem(await reasonOf(response), response.status)
    return response
  }
}

// ---------------------------------------------------------------------------------------------------------------

function tell(chunk: unknown, listener: StreamListener): void {
  if (!isObject(chunk)) return
  if (isObject(chunk['error'])) throw new ServerProblem(messageOf(chunk), 500)
  const { round, choices, timings } = chunk
  if (isObject(round)) {
    const trace = readRound(round['trace'])
    if (typeof trace === 'string') throw new ServerProblem(`the server sent a round that is none: ${trace}`, 0)
    listener.onRound(trace, readPieces(round['pieces']))
  }
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  if (!isObject(choice)) return
  const delta = choice['delta']
  if (isObject(delta) && typeof delta['content'] === 'string' && delta['content'] !== '')
    listener.onText(delta['content'])
  if (typeof choice['finish_reason'] === 'string')
    listener.onEnd(choice['finish_reason'], isObject(timings) ? (timings as unknown as Timings) : undefined)
}

async function reasonOf(response: Response): Promise<string> {
  try {
    return messageOf(await response.json())
  } catch {
    return `the server answered with status ${response.status}`
  }
}

function messageOf(body: unknown): string {
  const error = isObject(body) && isObject(body['error']) ? body['error']['message'] : undefined
  return typeof error === 'string' ? error : 'the server gave no reason'
}
