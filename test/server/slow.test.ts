/** Clients that are too slow lose their connection, and only they. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { OpenAPIHono } from '@hono/zod-openapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, firstAnswer, open, request, type Answered, type Wire } from '../../scripts/faults/wire.ts'
import { Gate } from '../../src/server/gate.ts'
import { createApp, listen, type Listening } from '../../src/server/index.ts'
import type { ServerEnv } from '../../src/server/types.ts'
import { closeTiny, openTiny } from './open.ts'

const chat = '/v1/chat/completions'
const body = JSON.stringify({ messages: [{ role: 'user', content: 'red' }], max_tokens: 3, temperature: 0 })

let engine: Awaited<ReturnType<typeof openTiny>>
let server: Listening
let port: number
const logged: string[] = []

beforeAll(async () => {
  engine = await openTiny({ sequences: 1 })
  const told = (level: string) => (about: object, what: string) => void logged.push(`${level}: ${what} ${JSON.stringify(about)}`) // prettier-ignore
  const logger = { info: () => undefined, warn: told('warn'), error: told('error') }
  server = await listen(createApp(engine, { logger }), { host: '127.0.0.1', port: 0, clientSeconds: 0.4 })
  port = Number(new URL(server.url).port)
})
afterAll(async () => {
  await server.close(0)
  await closeTiny(engine)
})

/** Sends `text` byte by byte until the server has enough of it; how many bytes it took. */
async function trickle(text: string): Promise<{ readonly sent: number; readonly received: string }> {
  using wire = await open(port)
  const state = { over: false, sent: 0 }
  void wire.closed.then(() => (state.over = true))
  for (const byte of text) {
    if (state.over) break
    wire.socket.write(byte)
    state.sent++
    await sleep(20)
    // An answer that is there is read first: a write to a closed connection would throw it away.
    await nextTurn()
  }
  await wire.closed
  return { sent: state.sent, received: wire.received() }
}

/** A client in time. Where this process stood still between its connection and its request it was not, and asks again. */
async function askInTime(at: number, path: string, asked?: unknown): Promise<Answered> {
  for (;;) {
    const answered = await ask(at, path, asked)
    if (answered.status !== 408) return answered
  }
}

/** A client that takes the first bytes of an answer and no more. */
async function stall(at: number, path: string): Promise<Wire> {
  for (;;) {
    const wire = await open(at)
    wire.socket.once('data', () => wire.socket.pause()).write(request(path))
    await wire.until((text) => text !== '')
    if (wire.received().startsWith('HTTP/1.1 200 ')) return wire
    wire[Symbol.dispose]()
  }
}

describe('a client that is too slow', () => {
  it.each([
    ['its head', `POST ${chat} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ${'a'.repeat(2000)}`],
    ['its body', request(chat, body.padEnd(2000))],
  ])('with %s, byte by byte, gets a 408 and no more time', async (_, text) => {
    const { sent, received } = await trickle(text)
    expect(sent).toBeLessThan(text.length)
    expect(firstAnswer(received)?.answer.status).toBe(408)
  })

  it('with its first byte loses its connection', async () => {
    using wire = await open(port)
    await wire.closed
    expect(firstAnswer(wire.received())?.answer.status ?? 408).toBe(408)
  })

  it('to take its answer loses it, but may wait for it as long as it takes', async () => {
    const state = { left: false }
    const app = new OpenAPIHono<ServerEnv>()
    const endless = (): Response => {
      const pull = (controller: ReadableStreamDefaultController): void => controller.enqueue(new Uint8Array(2 ** 20))
      return new Response(new ReadableStream({ pull, cancel: () => void (state.left = true) }))
    }
    app.get('/endless', endless).get('/late', async (c) => {
      await sleep(1500)
      return c.text('at last')
    })
    const bare = { app, gate: new Gate(1, 1), drain: () => Promise.resolve() }
    const listening = await listen(bare, { host: '127.0.0.1', port: 0, clientSeconds: 0.4 })
    try {
      const at = Number(new URL(listening.url).port)
      using stalled = await stall(at, '/endless')
      expect((await askInTime(at, '/late')).text).toBe('at last')
      while (!state.left) await sleep(20)
      expect(stalled.socket.isPaused()).toBe(true)
    } finally {
      await listening.close(0)
    }
  })

  it('leaves no place behind, is no failure of the server, and others get their answers', async () => {
    const slow = [request(chat, body.padEnd(2000)), 'POST / HTTP/1.1\r\nX-'.padEnd(2000, 'a')].map(trickle)
    const answers = await Promise.all([1, 2, 3].map(() => askInTime(port, chat, JSON.parse(body))))
    expect(new Set(answers.map(({ text }) => JSON.stringify((JSON.parse(text) as { choices: object }).choices))).size).toBe(1) // prettier-ignore
    await Promise.all(slow)
    const { text } = await askInTime(port, '/metrics')
    expect(text).toMatch(/^heterospec:num_requests_running\{.*\} 0$/m)
    expect(logged).toEqual([])
  })
})
