/** Clients that go away, stall, or take their time. Each does its harm and ends; none waits for anything that may not come. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from './random.ts'
import { firstAnswer, open, request } from './wire.ts'

/** One client's visit. Throws when the server did what it should not. */
export type Client = (port: number, random: Random) => Promise<void>

const long = { messages: [{ role: 'user', content: 'red blue red' }], max_tokens: 400, ignore_eos: true }
const chat = '/v1/chat/completions'
const streamed = { ...long, stream: true, stream_options: { include_usage: true, include_rounds: true } }

/** Wishes that keep more than text while they are in work. */
const extras: readonly object[] = [
  {},
  { n: 2 },
  { logprobs: true, top_logprobs: 3 },
  { speculative: false },
  { response_format: { type: 'json_object' } },
  { tools: [{ type: 'function', function: { name: 'paint', parameters: { type: 'object' } } }] },
  { messages: [{ role: 'user', content: 'red blue '.repeat(100) }] },
  { stop: ['never said'] },
]

function post(body: object, random: Random): string {
  return request(chat, JSON.stringify({ ...body, ...random.pick(extras), seed: random.below(1000) }))
}

/** Clients by what they do. */
export const leavers: Readonly<Record<string, Client>> = {
  'leaves in a stream': async (port, random) => {
    using wire = await open(port)
    wire.socket.write(post(streamed, random))
    const events = random.below(6)
    await wire.until((bytes) => bytes.split('data: ').length > events)
  },
  'resets in a stream': async (port, random) => {
    using wire = await open(port)
    wire.socket.write(post(streamed, random))
    await wire.until((bytes) => bytes.includes('data: '))
    wire.socket.resetAndDestroy()
  },
  'leaves before its answer': async (port, random) => {
    using wire = await open(port)
    wire.socket.write(post(long, random))
    await sleep(random.below(30))
  },
  'leaves in its body': async (port, random) => {
    using wire = await open(port)
    const all = post(long, random)
    wire.socket.write(all.slice(0, 40 + random.below(all.length - 40)))
    await sleep(random.below(10))
  },
  'half-closes after its request': async (port, random) => {
    using wire = await open(port)
    wire.socket.end(post(random.pick([long, streamed]), random))
    await wire.closed
  },
  'half-closes in its head': async (port) => {
    using wire = await open(port)
    wire.socket.end('POST /v1/chat/completions HTTP/1.1\r\nHost: 127')
    await wire.closed
  },
  'stalls and leaves': async (port, random) => {
    using wire = await open(port)
    wire.socket.pause()
    wire.socket.write(post(streamed, random))
    await sleep(200 + random.below(300))
  },
  'stalls and reads on': async (port, random) => {
    using wire = await open(port)
    wire.socket.write(request(chat, JSON.stringify({ ...streamed, max_tokens: 100, seed: random.below(1000) })))
    await wire.until((bytes) => bytes.includes('data: '))
    wire.socket.pause()
    await sleep(100 + random.below(200))
    wire.socket.resume()
    await wire.until((bytes) => firstAnswer(bytes) !== undefined)
    const { status, text } = firstAnswer(wire.received())?.answer ?? { status: 0, text: '' }
    if (!(status === 503 || text.endsWith('data: [DONE]\n\n'))) throw new Error(`half a stream: ${text.slice(-300)}`)
  },
  'sends its head slowly': async (port, random) => {
    using wire = await open(port)
    for (const piece of chopped('POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ', 10)) {
      wire.socket.write(piece)
      await sleep(random.below(40))
    }
  },
  'sends its body slowly': async (port, random) => {
    using wire = await open(port)
    const short = { ...long, max_tokens: 4 }
    for (const piece of chopped(post(short, random), 15)) {
      wire.socket.write(piece)
      await sleep(random.below(30))
    }
    await wire.until((bytes) => firstAnswer(bytes) !== undefined)
    const status = firstAnswer(wire.received())?.answer.status
    if (status !== 200 && status !== 503) throw new Error(`a slow body got ${status}: ${wire.received().slice(0, 300)}`)
  },
  'says nothing': async (port, random) => {
    using wire = await open(port)
    await sleep(random.below(300))
    wire.socket.resetAndDestroy()
  },
}

function chopped(text: string, pieces: number): string[] {
  const size = Math.ceil(text.length / pieces)
  return Array.from({ length: pieces }, (_, index) => text.slice(index * size, (index + 1) * size))
}
