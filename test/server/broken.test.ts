/** Requests that no client should send: they are the client's fault, in status and log, and cost nobody else anything. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import { listen, type ServerLogger } from '../../src/server/index.ts'
import { ask, closeTiny, openTiny, serverOf } from './open.ts'

let engine: Engine & { readonly folder: string }
beforeAll(async () => {
  engine = await openTiny()
})
afterAll(() => closeTiny(engine))

const messages = [{ role: 'user', content: 'red' }]

/** `inner` within as many lists or objects. */
function nested(depth: number, open: string, inner: string, close: string): string {
  return open.repeat(depth) + inner + close.repeat(depth)
}

describe('a body that nests deeply', () => {
  const deep = nested(20_000, '{"items":', '{}', '}')
  const tool = `{"type":"function","function":{"name":"a","parameters":${deep}}}`
  const chat = (field: string): string => `{"messages":${JSON.stringify(messages)},"max_tokens":2,${field}}`
  it.each([
    ['/v1/chat/completions', `{"messages":${nested(20_000, '[', '', ']')}}`],
    ['/v1/chat/completions', chat(`"response_format":{"type":"json_object","schema":${deep}}`)],
    ['/v1/chat/completions', chat(`"tools":[${tool}]`)],
    ['/v1/chat/completions', chat(`"speculative":{"method":"lookup","budget":${deep}}`)],
    ['/apply-template', `{"messages":${JSON.stringify(messages)},"tools":[${tool}]}`],
  ])('is refused at %s: %#', async (path, body) => {
    const { status, json } = await ask(serverOf(engine), path, body)
    expect(status).toBe(400)
    expect(json.error?.message).toContain('expected')
  })

  it('counts no brackets of texts', async () => {
    const content = `"\\${'['.repeat(1000)}`
    const body = { messages: [{ role: 'user', content }], max_tokens: 2, temperature: 0 }
    expect((await ask(serverOf(engine), '/v1/chat/completions', body)).status).toBe(200)
  })
})

it.each(['Content-Length: 900', 'Transfer-Encoding: chunked'])(
  'a client that leaves in its body is no failure of the server: %s',
  async (field) => {
    const lines: { readonly level: string; readonly message: string }[] = []
    const note = (level: string) => (_: object, message: string) => void lines.push({ level, message })
    const logger: ServerLogger = { info: note('info'), warn: note('warn'), error: note('error') }
    const listening = await listen(serverOf(engine, { logger }), { host: '127.0.0.1', port: 0 })
    const socket = connect(Number(new URL(listening.url).port), '127.0.0.1')
    const head = 'POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
    // With "Expect" the server says when it has the head and reads the body.
    socket.write(`${head}Expect: 100-continue\r\n${field}\r\n\r\n9\r\n{"prompt"`)
    await once(socket, 'data')
    socket.destroy()
    while (!lines.some(({ message }) => message === 'request')) await sleep(5)
    expect(lines.filter(({ level }) => level !== 'info')).toEqual([])
    await listening.close(100)
  },
)

it('a client that leaves a stream is no failure of the server', async () => {
  const lines: { readonly level: string; readonly message: string }[] = []
  const note = (level: string) => (_: object, message: string) => void lines.push({ level, message })
  const logger: ServerLogger = { info: note('info'), warn: note('warn'), error: note('error') }
  const listening = await listen(serverOf(engine, { logger }), { host: '127.0.0.1', port: 0 })
  const controller = new AbortController()
  const response = await fetch(`${listening.url}/v1/completions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ prompt: 'red', max_tokens: 1000, ignore_eos: true, stream: true }),
    signal: controller.signal,
  })
  await response.body?.getReader().read()
  controller.abort()
  while (!lines.some(({ message }) => message === 'ended early')) await sleep(5)
  expect(lines.filter(({ level }) => level !== 'info')).toEqual([])
  await listening.close(100)
})
