/** The end of a server: what is in work finishes, what comes later is refused, what lasts too long is ended. */
import { describe, expect, it } from 'vitest'
import { listen } from '../../src/server/index.ts'
import { ask, closeTiny, eventsOf, openTiny, serverOf } from './open.ts'

const chat = '/v1/chat/completions'
const body = {
  messages: [{ role: 'user', content: 'red blue' }],
  temperature: 0,
  ignore_eos: true,
  // Long enough to be seen at work, however seldom one looks: a round takes a turn of the event loop.
  max_tokens: 1000,
}

describe('a server that is told to end', () => {
  it('finishes what is in work and refuses what comes', async () => {
    const engine = await openTiny()
    const server = serverOf(engine)
    const listening = await listen(server, { host: '127.0.0.1', port: 0 })
    const working = fetch(`${listening.url}${chat}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    }).then((response) => response.json() as Promise<{ usage: { completion_tokens: number } }>)
    while (server.gate.running === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    const closed = listening.close(3_600_000)
    const late = await ask(server, chat, body)
    expect(late).toMatchObject({ status: 503, json: { error: { code: 'shutting_down' } } })
    expect(late.headers.get('retry-after')).not.toBeNull()
    expect((await ask(server, '/ready')).status).toBe(503)
    expect((await ask(server, '/health')).status).toBe(200)
    expect((await working).usage.completion_tokens).toBe(1000)
    await closed
    await expect(fetch(listening.url)).rejects.toThrow()
    await closeTiny(engine)
  })

  it('ends what lasts too long with a 503, or an error event', async () => {
    const engine = await openTiny({ sequences: 2 })
    const server = serverOf(engine)
    const long = { ...body, max_tokens: 2000 }
    const whole = ask(server, chat, long)
    const streamed = ask(server, chat, { ...long, stream: true })
    while (server.gate.running < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    await server.drain(0)
    expect((await whole).status).toBe(503)
    const events = eventsOf((await streamed).text)
    expect(events.at(-2)).toMatchObject({ error: { code: 'aborted' } })
    expect(events.at(-1)).toBe('[DONE]')
    await closeTiny(engine)
  })
})
