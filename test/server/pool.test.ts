/** Answers whose rows come from one pool: short ones go beside each other, long ones wait, and what can never fit is refused at once. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import { ask, closeTiny, openTiny, serverOf, type Answered } from './open.ts'

const chat = '/v1/chat/completions'
const body = (content: string, more: object = {}): object => {
  return { messages: [{ role: 'user', content }], temperature: 0, max_tokens: 60, ignore_eos: true, ...more }
}
const textOf = ({ json }: Answered): string => json.choices[0]?.message?.content ?? ''
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const CONTEXT = 1024
let engine: Engine & { readonly folder: string }
beforeAll(async () => {
  // Rows for one answer that fills its context, or for five of up to 128 tokens.
  engine = await openTiny({
    sequences: 5,
    context: CONTEXT,
    cacheTokens: 1152,
    prefixCacheBytes: 1 << 14,
    cacheEviction: 'mark-predict',
  })
})
afterAll(() => closeTiny(engine))

it('as many short answers as have room are in work at once, with the texts that they have alone', async () => {
  const server = serverOf(engine)
  expect(engine.cacheTokens).toBe(1152)
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
