/** OpenAI's own client against a real port: chat, stream, abort, errors; and what the port does to clients that leave. */
import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import { listen, type Listening, type ServerApp } from '../../src/server/index.ts'
import { closeTiny, openTiny, serverOf, untilIdle } from './open.ts'

const messages = [{ role: 'user', content: 'red blue red blue' }] as const
const chat = { model: 'tiny', messages: [...messages], temperature: 0, max_completion_tokens: 24 }
/** llama-server's and vLLM's fields go through the client as they are. */
const endless = { ignore_eos: true } as object

let engine: Engine & { readonly folder: string }
let server: ServerApp
let listening: Listening
let client: OpenAI
/** How answers ended, by the log. */
const endings: unknown[] = []
beforeAll(async () => {
  engine = await openTiny()
  const info = (fields: object): void => {
    if ('finishReason' in fields) endings.push(fields.finishReason)
  }
  const logger = { info, warn: () => undefined, error: () => undefined }
  server = serverOf(engine, { apiKeys: ['first', 'second'], queueLimit: 1, logger })
  listening = await listen(server, { host: '127.0.0.1', port: 0 })
  client = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: 'second', maxRetries: 0 })
})
afterAll(async () => {
  await listening.close(1000)
  await closeTiny(engine)
})

describe('the official client', () => {
  it('gets the same chat whole and streamed', async () => {
    const whole = await client.chat.completions.create({ ...chat, ...endless })
    expect(whole.usage?.completion_tokens).toBe(24)
    const stream = await client.chat.completions.create({
      ...{ ...chat, ...endless },
      ...{ stream: true as const, stream_options: { include_usage: true } },
    })
    let text = ''
    let usage: OpenAI.CompletionUsage | null | undefined
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      usage = chunk.usage
    }
    expect(text).toBe(whole.choices[0]?.message.content)
    expect(usage?.completion_tokens).toBe(24)
  })

  it("may send its helper's answers back as history", async () => {
    const first = await client.chat.completions.create(chat)
    const history = [...chat.messages, first.choices[0]!.message, { role: 'user' as const, content: 'more' }]
    const second = await client.chat.completions.create({ ...chat, messages: history })
    expect(second.usage?.prompt_tokens).toBeGreaterThan(first.usage!.prompt_tokens)
  })

  it('gets completions and models', async () => {
    const { choices } = await client.completions.create({ model: 'tiny', prompt: 'one two', max_tokens: 4 })
    expect(choices).toHaveLength(1)
    const models = await client.models.list()
    expect(models.data.map(({ id }) => id)).toEqual(['tiny'])
    expect((await client.models.retrieve('tiny')).id).toBe('tiny')
    await expect(client.models.retrieve('other')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
  })

  it('gets errors as its own classes, with the field', async () => {
    const stranger = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: 'third', maxRetries: 0 })
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
    await expect(client.chat.completions.create({ ...chat, model: 'gpt-4' })).rejects.toBeInstanceOf(
      OpenAI.NotFoundError,
    )
    const refused = client.chat.completions.create({ ...chat, store: true })
    await expect(refused).rejects.toMatchObject({ status: 400, param: 'store', code: 'unsupported_parameter' })
    await expect(refused).rejects.toBeInstanceOf(OpenAI.BadRequestError)
  })

  it('that aborts a stream ends the work', async () => {
    const stream = await client.chat.completions.create({
      ...{ ...chat, ...endless, max_completion_tokens: 2000 },
      stream: true as const,
    })
    let chunks = 0
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content && ++chunks === 3) break
    }
    await untilIdle(server)
    expect(endings.at(-1)).toBe('aborted')
    expect((await client.chat.completions.create({ ...chat, max_completion_tokens: 1 })).choices).toHaveLength(1)
  })

  it('that aborts while it waits for a whole answer ends the work, at once', async () => {
    const controller = new AbortController()
    const body = { ...chat, ...endless, max_completion_tokens: 2000 }
    const waiting = client.chat.completions.create(body, { signal: controller.signal })
    while (server.gate.running === 0) await sleep(5)
    controller.abort()
    await expect(waiting).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
    await untilIdle(server)
    expect(endings.at(-1)).toBe('aborted')
  })

  it('is told to come back when the queue is full, and waits its turn when it is not', async () => {
    const long = { ...chat, ...endless, max_completion_tokens: 600 }
    const asked = [1, 2, 3].map(() => client.chat.completions.create(long).then(() => 200, statusOf))
    const statuses = (await Promise.all(asked)).sort()
    expect(statuses).toEqual([200, 200, 503])
    await untilIdle(server)
  })
})

describe('a client that', () => {
  it.each(['vanishes after half a request', 'vanishes while it is answered'])(
    '%s leaves nothing behind',
    async (how) => {
      const { hostname, port } = new URL(listening.url)
      const socket = connect(Number(port), hostname)
      await once(socket, 'connect')
      const body = JSON.stringify({ ...chat, ...endless, max_completion_tokens: 2000, stream: true })
      const half = how.includes('half')
      // With "Expect" the server says when it has the head and reads the body; else its answer is what comes first.
      const expects = half ? 'Expect: 100-continue\r\n' : ''
      const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer first\r\n${expects}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
      socket.write(head + (half ? body.slice(0, 20) : body))
      const [first] = (await once(socket, 'data')) as [Buffer]
      expect(first.toString()).toMatch(half ? /^HTTP\/1\.1 100 / : /^HTTP\/1\.1 200 /)
      socket.destroy()
      await untilIdle(server)
      expect((await client.models.list()).data).toHaveLength(1)
    },
  )

  it('sends garbage gets a 400 or is hung up on, and others do not notice', async () => {
    const { hostname, port } = new URL(listening.url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    // Not with `once` of node:events, which fails where the connection is reset.
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.resume() // the end is seen by who reads
    socket.end('\u0000\u0001 nonsense\r\n\r\n')
    await closed
    expect((await client.models.list()).data).toHaveLength(1)
  })
})

function statusOf(error: unknown): number {
  if (!(error instanceof OpenAI.APIError)) throw error
  expect(Number((error.headers as Headers).get('retry-after'))).toBeGreaterThan(0)
  return error.status as number
}
