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

/** What is sent for a streamed answer, and where to. */
export interface StreamRequest {
  readonly path: 'v1/chat/completions' | 'v1/completions'
  readonly body: object
}

/** What a streamed answer tells. */
export interface StreamListener {
  onText(text: string): void
  onRound(round: Round, pieces: ReadonlyMap<number, Piece>): void
  /** The answer is over, for this reason. */
  onEnd(reason: string, timings: Timings | undefined): void
}

/** What the server says of its model. */
export interface About {
  readonly name: string
  /** Whether it answers conversations; others go on with a text. */
  readonly chats: boolean
  /** Whether it was made for vectors: its words may mean little. */
  readonly embeds: boolean
  /** Drafters that requests may name; undefined where the server does not say. */
  readonly drafters: readonly unknown[] | undefined
}

/** The server's interface, with one key. */
export class Api {
  /** Sent with every request; empty: none. Kept in memory only. */
  key = ''
  readonly #onKeyWanted: () => void

  /** `onKeyWanted`: whatever was asked, the server wants a key, or another one. */
  constructor(onKeyWanted: () => void) {
    this.#onKeyWanted = onKeyWanted
  }

  /** The model. Throws a `ServerProblem`. */
  async about(): Promise<About> {
    const body: unknown = await (await this.#send('props')).json()
    const props = isObject(body) ? body : {}
    const name = props['model_alias']
    const drafters: unknown = props['speculative_methods']
    return {
      name: typeof name === 'string' ? name : 'model',
      chats: props['chat_template'] !== '',
      embeds: typeof props['pooling'] === 'string',
      drafters: Array.isArray(drafters) ? drafters : undefined,
    }
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
  async stream({ path, body }: StreamRequest, listener: StreamListener, signal: AbortSignal): Promise<void> {
    const response = await this.#send(path, body, signal)
    if (!response.body) throw lost()
    const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
    const reader = events.getReader()
    for (;;) {
      const next = await reader.read().catch(() => {
        signal.throwIfAborted()
        throw lost()
      })
      // A proxy may end an answer in good order whose server is gone.
      if (next.done) throw lost()
      if (next.value.data === '[DONE]') return
      tell(JSON.parse(next.value.data) as unknown, listener)
    }
  }

  async #send(path: string, body?: object, signal?: AbortSignal): Promise<Response> {
    try {
      return await this.#fetch(path, body, signal)
    } catch (error) {
      if (error instanceof ServerProblem && error.status === 401) this.#onKeyWanted()
      throw error
    }
  }

  async #fetch(path: string, body?: object, signal?: AbortSignal): Promise<Response> {
    const headers = new Headers(body && { 'Content-Type': 'application/json' })
    if (this.key !== '') authorize(headers, this.key)
    const post = body && { method: 'POST', body: JSON.stringify(body) }
    let response: Response
    try {
      // Relative, as the page's own files are.
      response = await fetch(path, { ...post, headers, ...(signal && { signal }) })
    } catch {
      signal?.throwIfAborted()
      throw new ServerProblem('the server does not answer; is it still running?', 0)
    }
    if (!response.ok) throw new ServerProblem(await reasonOf(response), response.status)
    return response
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** A key that no header can hold is refused here: to send it would look like a network that is gone. */
function authorize(headers: Headers, key: string): void {
  try {
    headers.set('Authorization', `Bearer ${key}`)
  } catch {
    throw new ServerProblem('the API key has characters that no key can have; type it again', 401)
  }
}

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
  const { delta } = choice
  const text = isObject(delta) ? delta['content'] : choice['text']
  if (typeof text === 'string' && text !== '') listener.onText(text)
  if (typeof choice['finish_reason'] === 'string')
    listener.onEnd(choice['finish_reason'], isObject(timings) ? (timings as unknown as Timings) : undefined)
}

function lost(): ServerProblem {
  return new ServerProblem('the connection was lost before the answer was over; is the server still running?', 0)
}

/** The server's words, and when to come back if it says so. */
async function reasonOf(response: Response): Promise<string> {
  const wait = Number(response.headers.get('retry-after') ?? 0)
  const when = wait > 0 ? ` (in about ${wait} s)` : ''
  try {
    return `${messageOf(await response.json())}${when}`
  } catch {
    return `the server answered with status ${response.status}${when}`
  }
}

function messageOf(body: unknown): string {
  const error = isObject(body) && isObject(body['error']) ? body['error']['message'] : undefined
  return typeof error === 'string' ? error : 'the server gave no reason'
}
