/** Several answers at a time: who waits, who shares passes, what the places do, and how little is left of who leaves. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import type { ServerApp } from '../../src/server/index.ts'
import { ask, closeTiny, openTiny, serverOf, type Answered } from './open.ts'

const chat = '/v1/chat/completions'
const body = (content: string, more: object = {}): object => {
  return { messages: [{ role: 'user', content }], temperature: 0, max_tokens: 60, ignore_eos: true, ...more }
}
const textOf = ({ json }: Answered): string => json.choices[0]?.message?.content ?? ''
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

interface Slot {
  readonly is_processing: boolean
  readonly id_task?: number
  readonly n_prompt_tokens?: number
  readonly n_prompt_tokens_processed?: number
  readonly next_token?: readonly { readonly n_decoded: number; readonly n_remain: number }[]
}

async function slotsOf(server: ServerApp): Promise<Slot[]> {
  return JSON.parse((await ask(server, '/slots')).text) as Slot[]
}

/** The value of a metric without labels of its own. */
async function metric(server: ServerApp, name: string): Promise<number> {
  const { text } = await ask(server, '/metrics')
  const line = text.split('\n').find((candidate) => candidate.startsWith(`heterospec:${name}{`))
  return Number(line?.slice(line.lastIndexOf(' ') + 1))
}

let engine: Engine & { readonly folder: string }
beforeAll(async () => {
  engine = await openTiny({ sequences: 3, prefixCacheBytes: 1 << 20 })
})
afterAll(() => closeTiny(engine))

describe('answers at the same time', () => {
  it('share passes and have the texts that they have alone, sampled ones too', async () => {
    const server = serverOf(engine)
    const bodies = [
      body('red blue red blue'),
      body('one two', { temperature: 1, seed: 4 }),
      body('a b c', { temperature: 0.8, top_k: 20, seed: 5, speculative: false }),
      body('one two', { temperature: 1, seed: 6 }),
    ]
    const alone: string[] = []
    for (const one of bodies) alone.push(textOf(await ask(server, chat, one)))
    const before = await metric(server, 'pass_requests_sum')
    const passes = await metric(server, 'pass_requests_count')
    expect(before).toBe(passes)
    const together = await Promise.all(bodies.map((one) => ask(server, chat, one)))
    expect(together.map(textOf)).toEqual(alone)
    const shared = (await metric(server, 'pass_requests_sum')) - before
    expect(shared).toBeGreaterThan(1.5 * ((await metric(server, 'pass_requests_count')) - passes))
  })

  it('tell what their places do, and no word of what is said', async () => {
    const server = serverOf(engine)
    expect(await slotsOf(server)).toEqual([0, 1, 2].map((id) => idle(id)))
    const long = ask(server, chat, body('red blue', { max_tokens: 800 }))
    while (((await slotsOf(server))[0]!.next_token?.[0]!.n_decoded ?? 0) < 20) await turns(1)
    const [first, second] = await slotsOf(server)
    expect(first).toMatchObject({ id: 0, id_task: 0, is_processing: true, speculative: true })
    expect(first!.n_prompt_tokens).toBeGreaterThan(5)
    const [next] = first!.next_token!
    expect(next!.n_decoded + next!.n_remain).toBe(800)
    expect(second).toEqual(idle(1))
    expect(JSON.stringify(first)).not.toMatch(/red|blue/)
    const others = [1, 2].map(() => ask(server, chat, body('one', { max_tokens: 800 })))
    while ((await slotsOf(server)).some((slot) => !slot.is_processing)) await turns(1)
    expect((await ask(server, '/slots?fail_on_no_slot=1')).status).toBe(503)
    await Promise.all([long, ...others])
    expect((await ask(server, '/slots?fail_on_no_slot=1')).status).toBe(200)
    expect(await slotsOf(server)).toEqual([0, 1, 2].map((id) => idle(id)))
  })

  it('lose one whose client leaves within a round, and go on with their own text', async () => {
    const server = serverOf(engine)
    const staying = body('red blue', { max_tokens: 600 })
    const alone = textOf(await ask(server, chat, staying))
    const leaving = new AbortController()
    const left = server.app.request(chat, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body('one two three', { max_tokens: 2000 })),
      signal: leaving.signal,
    })
    const stayed = ask(server, chat, staying)
    while (server.gate.running < 2) await turns(1)
    await turns(20)
    leaving.abort()
    await left
    expect(server.gate.running).toBe(1)
    expect(textOf(await stayed)).toBe(alone)
    expect((await slotsOf(server)).every((slot) => !slot.is_processing)).toBe(true)
  })

  it('leave no stuck place and no wrong text behind, whoever vanishes when', async () => {
    const server = serverOf(engine)
    const asked = body('salt bee', { max_tokens: 30, temperature: 1, seed: 9 })
    const expected = textOf(await ask(server, chat, asked))
    const texts: string[] = []
    const visits = Array.from({ length: 60 }, async (_, visit) => {
      await turns(visit * 3)
      if (visit % 4 === 0) return texts.push(textOf(await ask(server, chat, asked)))
      const leaving = new AbortController()
      const visited = ask(server, chat, body(`one ${visit} two`, { max_tokens: 500, stream: visit % 2 === 0 }), {
        signal: leaving.signal,
      })
      await turns(visit % 23)
      leaving.abort()
      return visited.catch(() => undefined)
    })
    await Promise.all(visits)
    expect(texts).toEqual(new Array(15).fill(expected))
    while (server.gate.running > 0) await turns(1)
    expect(server.gate.waiting).toBe(0)
    expect((await slotsOf(server)).some((slot) => slot.is_processing)).toBe(false)
  })

  it('wait by priority, then by arrival', async () => {
    const server = serverOf(engine)
    const order: string[] = []
    const send = (name: string, more: object): Promise<number> =>
      ask(server, chat, body('one', { max_tokens: 1, ...more })).then(() => order.push(name))
    const working = [1, 2, 3].map(() => send('working', { max_tokens: 300 }))
    while (server.gate.running < 3) await turns(1)
    const waiting = [send('usual', {}), send('later', { priority: 5 }), send('sooner', { priority: -1 })]
    while (server.gate.waiting < 3) await turns(1)
    await Promise.all([...working, ...waiting])
    expect(order.filter((name) => name !== 'working')).toEqual(['sooner', 'usual', 'later'])
  })

  it('end in time: what was written so far, or a 503, as one likes', async () => {
    const short = await ask(serverOf(engine), chat, body('red', { max_tokens: 2000, t_max_predict_ms: 1 }))
    expect(short.json.choices[0]!.finish_reason).toBe('length')
    expect(short.json.usage!.completion_tokens).toBeLessThan(1000)
    const server = serverOf(engine, { answerSeconds: 0.05 })
    const late = await ask(server, chat, body('red', { max_tokens: 2000, n: 4 }))
    expect(late).toMatchObject({ status: 503, json: { error: { code: 'timed_out' } } })
    expect(late.headers.get('retry-after')).toBe('1')
    expect(server.gate.running).toBe(0)
  })
})

describe('beginnings', () => {
  it('are read once for several answers, and counted as cached', async () => {
    const server = serverOf(engine)
    const content = 'these are words that nobody has said to this server before, and many of them'
    const first = await ask(server, chat, body(content, { n: 2 }))
    const again = await ask(server, chat, body(`${content} too`))
    expect(first.json.usage!.prompt_tokens_details.cached_tokens).toBeLessThan(10)
    const { prompt_tokens, prompt_tokens_details } = again.json.usage!
    expect(prompt_tokens_details.cached_tokens).toBeGreaterThan(prompt_tokens / 2)
    // The second answer to the first prompt copied what the first one had read.
    expect(first.json.timings['cache_n']).toBeGreaterThan(first.json.usage!.prompt_tokens / 2)
    expect(await metric(server, 'prefix_cache_usage_perc')).toBeGreaterThan(0)
    expect(await metric(server, 'prefix_cache_hits_total')).toBeGreaterThan(0)
  })
})

function idle(id: number): object {
  return { id, n_ctx: 2048, speculative: false, is_processing: false }
}
