/** Answers whose rows come from one pool: short ones go beside each other, long ones wait, and what can never fit is refused at once. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openEngine, type Engine } from '../../src/engine/index.ts'
import { listen, type Listening, type ServerApp } from '../../src/server/index.ts'
import { ask, closeTiny, openTiny, serverOf, type Answered } from './open.ts'

const chat = '/v1/chat/completions'
const body = (content: string, more: object = {}): object => {
  return { messages: [{ role: 'user', content }], temperature: 0, max_tokens: 60, ignore_eos: true, ...more }
}
const textOf = ({ json }: Answered): string => json.choices[0]?.message?.content ?? ''
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const CONTEXT = 1024
// Rows for one answer that fills its context, or for five of up to 128 tokens.
const POOL = {
  sequences: 5,
  context: CONTEXT,
  cacheTokens: 1152,
  prefixCacheBytes: 1 << 14,
  cacheEviction: 'mark-predict',
} as const
let engine: Engine & { readonly folder: string }
beforeAll(async () => {
  engine = await openTiny(POOL)
})
afterAll(() => closeTiny(engine))

it('as many short answers as have room are in work at once, with the texts that they have alone', async () => {
  // Its own, because a beginning that a long answer left behind is taken with all rows of that answer.
  const own = await openTiny(POOL)
  const server = serverOf(own)
  expect(own.cacheTokens).toBe(1152)
  const bodies = ['red blue', 'one two three', 'a b c', 'salt', 'bee'].map((words) => body(words))
  const alone: string[] = []
  for (const one of bodies) alone.push(textOf(await ask(server, chat, one)))
  const together = await Promise.all(bodies.map((one) => ask(server, chat, one)))
  expect(together.map(textOf)).toEqual(alone)
  const passes = (await ask(server, '/metrics')).text
    .split('\n')
    .find((line) => line.startsWith('heterospec:pass_requests_bucket{le="4"'))
  const all = (await ask(server, '/metrics')).text
    .split('\n')
    .find((line) => line.startsWith('heterospec:pass_requests_count'))
  // Some passes held all five.
  expect(Number(passes?.split(' ').at(-1))).toBeLessThan(Number(all?.split(' ').at(-1)))
  await closeTiny(own)
})

it('a long answer waits for rows, others wait behind it, and past the queue there is a 503', async () => {
  const server = serverOf(engine, { queueLimit: 0 })
  const order: string[] = []
  const send = async (name: string, maxTokens: number): Promise<Answered> => {
    const answered = await ask(server, chat, body('one', { max_tokens: maxTokens }))
    order.push(name)
    return answered
  }
  const first = send('first', 300)
  while (server.gate.running < 1) await turn()
  const long = send('long', 1000)
  while (server.gate.running < 2) await turn()
  const others = [send('other', 1), send('other', 1), send('other', 1)]
  while (server.gate.running < 5) await turn()
  const refused = await ask(server, chat, body('one'))
  expect(refused).toMatchObject({ status: 503, json: { error: { code: 'queue_full' } } })
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
  expect((await long).json.usage!.completion_tokens).toBe(1000)
  await Promise.all([first, ...others])
  expect(order).toEqual(['first', 'long', 'other', 'other', 'other'])
})

it('a prompt that no memory would hold is refused at once, whoever is at work', async () => {
  const server = serverOf(engine, { queueLimit: 0 })
  const long = ask(server, chat, body('one'))
  const refused = await ask(server, chat, body('word '.repeat(2 * CONTEXT)))
  expect(refused).toMatchObject({ status: 400, json: { error: { code: 'context_length_exceeded' } } })
  expect(refused.json.error!.message).toMatch(/^expected a prompt of at most 1024 tokens .*; shorten it/)
  expect((await long).status).toBe(200)
})

it('what goes from the memory for beginnings is told, and by which order', async () => {
  const server = serverOf(engine)
  for (let index = 0; index < 12; index++)
    await ask(server, chat, body(`word ${index} and more of it`, { max_tokens: 1 }))
  expect(JSON.parse((await ask(server, '/props')).text)).toMatchObject({ cache_eviction: 'mark-predict' })
  const { text } = await ask(server, '/metrics')
  const value = (name: string): number => Number(new RegExp(`^heterospec:${name}{.*} (.*)$`, 'm').exec(text)?.[1])
  expect(value('prefix_cache_evicted_tokens')).toBeGreaterThan(0)
  expect(value('prefix_cache_predicted_tokens')).toBeLessThanOrEqual(value('prefix_cache_evicted_tokens'))
  expect(value('prefix_cache_wrong_tokens')).toBeLessThanOrEqual(value('prefix_cache_predicted_tokens'))
})

it('less memory than one context is refused before anything is loaded', async () => {
  const refused = openTiny({ context: CONTEXT, cacheTokens: 1000 })
  await expect(refused).rejects.toThrow(/^expected at least 1024 tokens of shared cache .*got 1000; raise it/)
})

describe('eight clients of which only one fits at a time', () => {
  const LONG = 1900
  let small: Engine & { readonly folder: string }
  let server: ServerApp
  let listening: Listening
  beforeAll(async () => {
    small = await openTiny({ sequences: 8, context: 2048, cacheTokens: 2048 })
    server = serverOf(small, { queueLimit: 0 })
    listening = await listen(server, { host: '127.0.0.1', port: 0 })
  })
  afterAll(async () => {
    await listening.close(0)
    await closeTiny(small)
  })

  const post = async (bodyOf: object, signal?: AbortSignal): Promise<Answered> => {
    const response = await fetch(`${listening.url}${chat}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(bodyOf),
      ...(signal && { signal }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: JSON.parse(text) as Answered['json'] }
  }
  const admitted = async (count: number): Promise<void> => {
    while (server.gate.running < count) await turn()
  }
  /** Wants rows for a long answer, whose text is only its first words. */
  const brief = async (words: string): Promise<{ readonly body: object; readonly text: string }> => {
    const whole = textOf(await ask(server, chat, body(words)))
    const stop = whole.slice(20, 30)
    return { body: body(words, { max_tokens: LONG, stop: [stop] }), text: whole.slice(0, whole.indexOf(stop)) }
  }

  it('are all answered, with the texts that they get alone, and a ninth is told to come again', async () => {
    const briefs = await Promise.all(['red', 'blue', 'one', 'two', 'a b', 'salt', 'bee'].map(brief))
    const order: string[] = []
    const told = async (name: string, answer: Promise<Answered>): Promise<Answered> => {
      const answered = await answer
      order.push(name)
      return answered
    }
    const long = told('long', post(body('one two three', { max_tokens: LONG })))
    await admitted(1)
    const others = briefs.map((one) => told('brief', post(one.body)))
    await admitted(8)
    const ninth = await post(body('one'))
    expect(ninth).toMatchObject({ status: 503, json: { error: { code: 'queue_full' } } })
    expect(ninth.headers.get('retry-after')).toMatch(/^\d+$/)
    expect((await long).json.usage!.completion_tokens).toBe(LONG)
    expect((await Promise.all(others)).map(textOf)).toEqual(briefs.map(({ text }) => text))
    expect(order[0]).toBe('long')
  })

  it('lose nothing when one of them leaves while it waits for rows', async () => {
    const [leaver, last] = [await brief('red'), await brief('blue')]
    const long = post(body('one two three', { max_tokens: LONG }))
    await admitted(1)
    const leaving = new AbortController()
    const gone = post(leaver.body, leaving.signal)
    await admitted(2)
    const behind = post(last.body)
    await admitted(3)
    leaving.abort()
    await expect(gone).rejects.toThrow()
    expect((await long).json.usage!.completion_tokens).toBe(LONG)
    expect(textOf(await behind)).toBe(last.text)
    const { text } = await ask(server, '/metrics')
    expect(text).toMatch(/^heterospec:kv_cache_usage_perc\{.*\} 0$/m)
    expect(text).toMatch(/^heterospec:num_requests_running\{.*\} 0$/m)
  })
})

// More than the address space holds, at 512 bytes a token: a machine that promises more memory than it has refuses nothing less.
it.each([600_000_000_000, 900_719_925_474, 2 ** 50])(
  'rows for %d tokens are more than any machine has',
  async (cacheTokens) => {
    const refusal = /^expected \d+ MiB of memory on .*, got none; .*--parallel.*--cache-tokens/
    const opening = openEngine(inject('tinyModelPath'), { threads: 1, cacheTokens, speculative: false })
    await expect(opening).rejects.toThrow(refusal)
  },
)
