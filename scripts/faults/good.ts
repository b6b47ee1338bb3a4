/** Well-behaved requests whose answers are known: what the others do must not show in them. */
import type { Random } from './random.ts'
import { ask, type Answered } from './wire.ts'

/** What of an answer depends on the request alone. */
interface Comparable {
  readonly choices: unknown
}

/** A request and what it is answered with when nobody else asks. */
export interface Known {
  readonly path: string
  readonly body: object
  readonly expected: string
}

/** Asks each request alone, twice: an answer that differs then proves nothing later. */
export async function learn(port: number): Promise<Known[]> {
  const known: Known[] = []
  for (const { path, body } of requests) {
    const expected = comparable(await ask(port, path, body))
    const again = comparable(await ask(port, path, body))
    if (again !== expected)
      throw new Error(`${path} gave two answers to ${JSON.stringify(body)}: ${expected}, ${again}`)
    known.push({ path, body, expected })
  }
  return known
}

/** Asks one of them, whole or streamed. Throws when the answer is another; `refused` when the server has no room. */
export async function askKnown(port: number, known: readonly Known[], random: Random): Promise<'right' | 'refused'> {
  const { path, body, expected } = random.pick(known)
  const streams = random.below(2) === 0 && !('n' in body) && !('logprobs' in body)
  const answered = await ask(port, path, streams ? { ...body, stream: true } : body)
  if (answered.status === 503) {
    if (Number(answered.headers['retry-after']) >= 1) return 'refused'
    throw new Error(`a 503 without Retry-After: ${answered.text}`)
  }
  const got = streams ? textOf(answered.text) : comparable(answered)
  const wanted = streams ? wholeText(expected) : expected
  if (got !== wanted) throw new Error(`a wrong answer to ${JSON.stringify(body)}: ${got}, not ${wanted}`)
  return 'right'
}

// ---------------------------------------------------------------------------------------------------------------

const message = (content: string): object => ({ messages: [{ role: 'user', content }] })
const colours = 'red blue green red blue green red blue'

/** Greedy and drawn, with and without drafts, a form, several answers. Short: there are many of them. */
const requests: readonly { readonly path: string; readonly body: object }[] = [
  ['/v1/chat/completions', { ...message(colours), temperature: 0, max_tokens: 24 }],
  ['/v1/chat/completions', { ...message(colours), temperature: 0, max_tokens: 24, speculative: false }],
  ['/v1/chat/completions', { ...message('one two three'), seed: 7, temperature: 1, max_tokens: 16 }],
  ['/v1/chat/completions', { ...message('what now?'), seed: 8, max_tokens: 12, logprobs: true, top_logprobs: 2 }],
  [
    '/v1/chat/completions',
    {
      ...message('a colour'),
      seed: 9,
      max_tokens: 40,
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'a',
          schema: { type: 'object', properties: { a: { enum: ['red', 'blue'] } }, required: ['a'] },
        },
      },
    },
  ],
  [
    '/v1/completions',
    { prompt: 'red blue red blue red', temperature: 0, max_tokens: 20, speculative: { method: 'lookup' } },
  ],
  ['/v1/completions', { prompt: 'the end', seed: 3, n: 2, max_tokens: 8 }],
  ['/v1/completions', { prompt: [5, 6, 7, 5, 6], seed: 4, max_tokens: 16 }],
].map(([path, body]) => ({ path: path as string, body: body as object }))

function comparable({ status, text }: Answered): string {
  if (status !== 200) throw new Error(`expected an answer, got ${status}: ${text}`)
  return JSON.stringify((JSON.parse(text) as Comparable).choices)
}

interface Choice {
  readonly text?: string
  readonly message?: { readonly content: string | null }
  readonly delta?: { readonly content?: string }
}

function wholeText(choices: string): string {
  const [choice] = JSON.parse(choices) as Choice[]
  return choice?.text ?? choice?.message?.content ?? ''
}

/** The text of a stream. */
function textOf(stream: string): string {
  const events = stream.split('\n\n').filter((event) => event.startsWith('data: {'))
  if (!stream.endsWith('data: [DONE]\n\n')) throw new Error(`expected a stream with an end, got ${stream.slice(-200)}`)
  const parsed = events.map((event) => JSON.parse(event.slice(6)) as { choices?: Choice[]; error?: unknown })
  const failed = parsed.find(({ error }) => error)
  if (failed) throw new Error(`expected a stream, got ${JSON.stringify(failed)}`)
  return parsed.flatMap(({ choices = [] }) => choices.map(({ text, delta }) => text ?? delta?.content ?? '')).join('')
}
