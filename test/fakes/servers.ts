/** Servers on real sockets that behave as told, and a tokenizer that needs no model: each character is a token. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Tokenizer } from '../../src/text/index.ts'
import type { Task } from '../../src/bench/types.ts'

export interface FakeRequest {
  readonly path: string
  readonly body: Record<string, unknown>
  readonly headers: IncomingHttpHeaders
}

/** What a path does: answers, or does not. */
export type FakeAnswer = (response: ServerResponse, request: FakeRequest) => void | Promise<void>

export interface FakeServer extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly FakeRequest[]
  /** Connections that the other side has closed before the answer was complete. */
  readonly given: { up: number }
}

/** Starts one; paths that are not named answer 404. */
export async function fakeServer(answers: Readonly<Record<string, FakeAnswer>>): Promise<FakeServer> {
  const requests: FakeRequest[] = []
  const given = { up: 0 }
  const server = createServer((message, response) => {
    response.on('close', () => (given.up += response.writableFinished ? 0 : 1))
    let text = ''
    message.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    message.on('end', () => {
      const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
      const request = { path: message.url ?? '', body, headers: message.headers }
      requests.push(request)
      const answer = answers[request.path] ?? ((unknown) => void unknown.writeHead(404).end('no such path'))
      void answer(response, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    given,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Answers with JSON. */
export function json(value: unknown, status = 200): FakeAnswer {
  return (response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

/** Answers with pieces of an event stream as they are, a pause before each, and an end unless told otherwise. */
export function stream(
  pieces: readonly (string | Uint8Array)[],
  { pauseMs = 0, end = 'finish' }: { pauseMs?: number; end?: 'finish' | 'cut' | 'never' } = {},
): FakeAnswer {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    for (const piece of pieces) {
      await pause(pauseMs)
      response.write(piece)
    }
    await pause(pauseMs)
    if (end === 'finish') response.end()
    if (end === 'cut') response.destroy()
  }
}

/** One event of OpenAI's chat completions. */
export function chatEvent(content: string | null, finish: string | null = null): string {
  return `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`
}

/** Characters are tokens; 0 ends an answer. */
export const characterTokenizer: Tokenizer = {
  vocabSize: 0x20000,
  bos: undefined,
  eos: 0,
  addsBos: false,
  fingerprint: 'characters',
  isEnd: (token) => token === 0,
  isControl: (token) => token === 0,
  tokenize: (text) => Array.from(text, (character) => character.codePointAt(0)!),
  tokenizeAside: (text) => Promise.resolve(characterTokenizer.tokenize(text)),
  bytes: (token) => new TextEncoder().encode(String.fromCodePoint(token)),
  detokenize: (tokens) => String.fromCodePoint(...tokens),
  [Symbol.dispose]: () => undefined,
}

/** A greedy task of a few tokens. */
export function taskOf(text: string, changes: Partial<Task> = {}): Task {
  const tokens = characterTokenizer.tokenize(text)
  const messages = [{ role: 'user' as const, content: text }]
  return { messages, tokens, lookIn: tokens, maxTokens: 16, temperature: 0, seed: 7, ...changes }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
