/** Limits of time: the largest ones hold, larger ones are refused, and no failure keeps a place or the end of the server. */
import dns from 'node:dns'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import { createApp, listen } from '../../src/server/index.ts'
import { ask, closeTiny, openTiny, serverOf } from './open.ts'

const chat = '/v1/chat/completions'
// Drawn anew, one first token of some hundred would end the answer before its first round.
const body = { messages: [{ role: 'user', content: 'red' }], temperature: 0, ignore_eos: true, max_tokens: 2 }
const week = 7 * 24 * 3600

let engine: Engine & { readonly folder: string }
beforeAll(async () => {
  engine = await openTiny()
})
afterAll(() => closeTiny(engine))

describe('answerSeconds', () => {
  it.each([week, 1e5 + 0.0001])('of %d lets answers be', async (answerSeconds) => {
    const server = serverOf(engine, { answerSeconds, pooling: 'mean' })
    expect((await ask(server, chat, body)).status).toBe(200)
    expect((await ask(server, '/v1/embeddings', { input: 'red' })).status).toBe(200)
  })

  it.each([0, -1, NaN, week + 1, 1e7, Infinity])('of %d is refused', (answerSeconds) => {
    expect(() => serverOf(engine, { answerSeconds })).toThrow(
      /expected answerSeconds to be more than 0 and at most 604800/,
    )
  })

  it('of less than a millisecond is one', async () => {
    const { status, json } = await ask(serverOf(engine, { answerSeconds: 1e-9 }), chat, { ...body, max_tokens: 2000 })
    expect({ status, code: json.error?.code }).toEqual({ status: 503, code: 'timed_out' })
  })
})

describe('a failure where nobody expects one', () => {
  it.each([false, true])('keeps no place (stream: %j)', async (stream) => {
    const server = serverOf(engine, {
      queueLimit: 0,
      onRound: () => {
        throw new Error('broken')
      },
    })
    for (let times = 0; times < 3; times++) {
      expect((await ask(server, chat, { ...body, stream })).text).toContain('internal_error')
    }
    expect(server.gate).toMatchObject({ running: 0, waiting: 0 })
  })
})

describe('listen', () => {
  const refusedHost = /^expected an address of this machine, got .*--host$/

  // What resolvers say differs from machine to machine, and some take minutes for it: here they are none.
  it.each(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA'])('says that a host is unknown: %s', async (code) => {
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation((_host: string, ...rest: unknown[]) => {
      const done = rest.at(-1) as (error: Error) => void
      process.nextTick(done, Object.assign(new Error(`getaddrinfo ${code}`), { code, syscall: 'getaddrinfo' }))
    })
    try {
      await expect(listen(serverOf(engine), { host: 'no.such.host.invalid', port: 0 })).rejects.toThrow(refusedHost)
      expect(lookup).toHaveBeenCalled()
    } finally {
      lookup.mockRestore()
    }
  })

  it('says which of host and port cannot be had', async () => {
    const server = serverOf(engine)
    await expect(listen(server, { host: '192.0.2.1', port: 0 })).rejects.toThrow(refusedHost)
    const listening = await listen(server, { host: '127.0.0.1', port: 0 })
    const port = Number(new URL(listening.url).port)
    await expect(listen(server, { host: '127.0.0.1', port })).rejects.toThrow(/^expected a free port, got .*--port$/)
    await listening.close(0)
  })
})

describe('the end of a server', () => {
  it.each([2_147_484_000, 1e12, Infinity])('lets answers finish for as long as %d ms', async (limitMs) => {
    const server = serverOf(engine)
    const [ticket] = server.gate.admit(1)
    const { signal } = new AbortController()
    await ticket?.enter(signal)
    const answered = ask(server, chat, body)
    while (server.gate.waiting < 1) await new Promise((resolve) => setTimeout(resolve, 5))
    const drained = server.drain(limitMs)
    // Longer than a timer takes that overflowed.
    await new Promise((resolve) => setTimeout(resolve, 20))
    ticket?.leave()
    expect((await answered).status).toBe(200)
    await drained
  })

  it('comes although a place is never given back', async () => {
    const server = createApp(engine)
    server.gate.admit(1)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const drained = server.drain(1000)
      await vi.advanceTimersByTimeAsync(10_000)
      await drained
    } finally {
      vi.useRealTimers()
    }
    expect(server.gate.waiting).toBe(1)
  })
})
