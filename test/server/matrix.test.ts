/** Every feature of the interface with and without speculation: the same answer, down to the last logarithm. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import type { ServerApp } from '../../src/server/index.ts'
import { ask, closeTiny, eventsOf, openTiny, serverOf, type Body } from './open.ts'

const messages = [{ role: 'user', content: 'red blue red blue red' }]
const common = { messages, temperature: 0, max_tokens: 24, ignore_eos: true }

const ways = {
  chain: { method: 'combined', budget: { policy: 'fixed', depth: 4, width: 1, nodes: 4 } },
  tree: { method: 'combined', budget: { policy: 'fixed', depth: 4, width: 3, nodes: 10 } },
  auto: 'auto',
} as const

const schema = {
  type: 'object',
  properties: {
    colour: { enum: ['red', 'blue', 'violet'] },
    count: { type: 'integer', minimum: 0, maximum: 99 },
    tags: { type: 'array', items: { type: 'string', enum: ['x', 'yy', 'zzz'] }, maxItems: 2 },
    exact: { type: 'boolean' },
  },
  required: ['colour', 'count', 'tags', 'exact'],
  additionalProperties: false,
} as const
const json = { response_format: { type: 'json_schema', json_schema: { name: 'colours', schema, strict: true } } }

const tools = [
  {
    type: 'function',
    function: {
      name: 'paint',
      description: 'Paints.',
      parameters: {
        type: 'object',
        properties: { colour: { enum: ['red', 'blue'] }, coats: { type: 'integer', minimum: 1, maximum: 9 } },
        required: ['colour', 'coats'],
      },
    },
  },
  { type: 'function', function: { name: 'wait' } },
]
const call = { tools, tool_choice: 'required', max_tokens: 120 }

/** Fields of a request, and where they go. */
const features: Record<string, { readonly path?: string } & Record<string, unknown>> = {
  nothing: {},
  'temperature and seed': { temperature: 1, seed: 3 },
  'n and seed': { n: 3, temperature: 1.2, seed: 5 },
  logprobs: { logprobs: true, top_logprobs: 3 },
  'logprobs of sampled tokens': { logprobs: true, top_logprobs: 2, temperature: 1, seed: 9 },
  'logprobs of a text': { path: '/v1/completions', prompt: 'one two one', messages: undefined, logprobs: 2 },
  penalties: { frequency_penalty: 0.5, presence_penalty: 0.3, repeat_penalty: 1.2, repeat_last_n: 20 },
  logit_bias: { logit_bias: { 50: 4, 60: -100, 61: null } },
  stop: { stop: ['e', 'zz'], logprobs: true },
  'the end of an answer': { ignore_eos: false, logit_bias: { 2: 6 }, temperature: 1, seed: 1 },
  'a JSON object': { response_format: { type: 'json_object' } },
  'a JSON object, sampled, with logprobs': { ...json, temperature: 1, seed: 3, logprobs: true, top_logprobs: 2 },
  'a JSON schema': { ...json, max_tokens: 60 },
  'a JSON schema, sampled': { ...json, max_tokens: 60, temperature: 1, seed: 4, n: 2 },
  'a JSON schema and penalties': { ...json, repeat_penalty: 1.3, logit_bias: { 60: 3 } },
  'tools that may be called': { tools, temperature: 1, seed: 4, logprobs: true },
  'tools that may be called, or JSON': { ...json, tools, max_tokens: 120, temperature: 1, seed: 6 },
  'a call that must come': { ...call, parallel_tool_calls: false },
  'calls that must come, sampled': { ...call, temperature: 1, seed: 2 },
  'a certain call': { ...call, tool_choice: { type: 'function', function: { name: 'paint' } } },
  'no call': { ...call, tool_choice: 'none', max_tokens: 24 },
  'an answer to results': {
    messages: [
      ...messages,
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: '1', type: 'function', function: { name: 'wait', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: '1', content: 'red' },
    ],
    tools,
  },
  cuts: { top_k: 20, top_p: 0.9, min_p: 0.01, typical_p: 0.95, temperature: 1.5, seed: 2 },
}

let engine: Engine & { readonly folder: string }
let server: ServerApp
beforeAll(async () => {
  engine = await openTiny()
  server = serverOf(engine)
})
afterAll(() => closeTiny(engine))

/** What of an answer must not depend on speculation. */
async function answerOf(feature: string, speculative: unknown): Promise<unknown> {
  const { path = '/v1/chat/completions', ...fields } = features[feature] ?? {}
  const { status, json } = await ask(server, path, { ...common, ...fields, speculative })
  expect(status, json.error?.message).toBe(200)
  return { choices: json.choices.map(withoutIds), tokens: json.usage?.completion_tokens }
}

describe.each(Object.keys(features))('%s', (feature) => {
  let plain: unknown
  beforeAll(async () => {
    plain = await answerOf(feature, false)
  })

  it.each(Object.keys(ways) as (keyof typeof ways)[])('is the same with %s', async (way) => {
    expect(await answerOf(feature, ways[way])).toEqual(plain)
  })

  it('is the same streamed', async () => {
    const { path = '/v1/chat/completions', ...fields } = features[feature] ?? {}
    const body = { ...common, ...fields, stream: true, speculative: ways.tree }
    const chunks = eventsOf((await ask(server, path, body)).text).slice(0, -1) as Body[]
    expect(joined(chunks)).toEqual(joinedWhole(plain as Pick<Body, 'choices'>))
  })
})

it('the tree of the matrix is one that drafts', async () => {
  const { json } = await ask(server, '/v1/chat/completions', { ...common, speculative: ways.tree })
  expect(json.timings['draft_n_accepted']).toBeGreaterThan(0)
})

describe('calls', () => {
  it('keep to the parameters, have names of their own, and end the answer', async () => {
    const body = { ...common, ...call, temperature: 1, seed: 2, speculative: ways.tree }
    const { json: answered } = await ask(server, '/v1/chat/completions', body)
    const [choice] = answered.choices
    expect(choice?.finish_reason).toBe('tool_calls')
    expect(choice?.message?.content).toBeNull()
    const calls = choice?.message?.tool_calls ?? []
    expect(calls.length).toBeGreaterThan(0)
    expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length)
    for (const { function: called } of calls) {
      const given = JSON.parse(called.arguments) as { colour?: string; coats?: number }
      expect(['paint', 'wait']).toContain(called.name)
      if (called.name === 'wait') expect(given).toEqual({})
      else
        expect(given).toEqual({
          colour: expect.stringMatching(/^(red|blue)$/) as string,
          coats: expect.any(Number) as number,
        })
    }
  })

  it('that a stop text cuts in two are no reason to call', async () => {
    const chosen = { type: 'function', function: { name: 'paint' } }
    const body = { ...common, ...call, temperature: 1, seed: 2, tool_choice: chosen }
    for (const [stop, reason] of [
      [undefined, 'tool_calls'],
      ['"coats', 'stop'],
    ] as const) {
      for (const speculative of [false, ways.tree]) {
        const { json: answered } = await ask(server, '/v1/chat/completions', { ...body, stop, speculative })
        expect(answered.choices[0]?.finish_reason).toBe(reason)
        const { text } = await ask(server, '/v1/chat/completions', { ...body, stop, speculative, stream: true })
        const chunks = eventsOf(text).slice(0, -1) as Body[]
        expect(chunks.map(({ choices }) => choices[0]?.finish_reason).find((end) => end != null)).toBe(reason)
      }
    }
  })

  it('of one tool, and only once, where that is asked for', async () => {
    for (const seed of [1, 2, 3]) {
      const chosen = { type: 'function', function: { name: 'wait' } }
      const body = { ...common, ...call, temperature: 1, seed, tool_choice: chosen }
      const { json: answered } = await ask(server, '/v1/chat/completions', body)
      expect(answered.choices[0]?.message?.tool_calls).toMatchObject([{ function: { name: 'wait', arguments: '{}' } }])
    }
  })

  it('are in the library too', async () => {
    const own = [{ name: 'wait' }]
    const prompt = [{ role: 'user', content: 'red' } as const]
    const result = await engine.complete({ prompt, tools: own, toolChoice: 'required', parallelToolCalls: false })
    expect(result).toMatchObject({ text: '', toolCalls: [{ name: 'wait', arguments: '{}' }], finishReason: 'stop' })
    const chat = engine.chat({ tools: own, toolChoice: 'required', parallelToolCalls: false })
    for await (const event of chat.send('red')) expect(event.type === 'text' ? event.text : '').toBe('')
    expect(chat.history.at(-1)).toMatchObject({ role: 'assistant', toolCalls: [{ name: 'wait' }] })
    await expect(engine.complete({ prompt, toolChoice: 'required' })).rejects.toThrow(/^expected tools/)
    const twice = engine.complete({ prompt, tools: [...own, ...own] })
    await expect(twice).rejects.toThrow(/^expected names of tools once each, got wait twice/)
  })
})

describe('a JSON schema', () => {
  const seeds = [1, 2, 3, 4, 5, 6]

  it.each(seeds)('holds whatever the model would rather say (seed %i)', async (seed) => {
    const body = { ...common, ...json, max_tokens: 120, temperature: 1, seed, speculative: ways.tree }
    const { json: answered } = await ask(server, '/v1/chat/completions', body)
    expect(answered.choices[0]?.finish_reason).toBe('stop')
    const value = JSON.parse(answered.choices[0]?.message?.content ?? '') as Record<
      keyof typeof schema.properties,
      unknown
    >
    expect(Object.keys(value)).toEqual(Object.keys(schema.properties))
    expect(['red', 'blue', 'violet']).toContain(value.colour)
    expect(value.count).toBeLessThan(100)
    expect(typeof value.exact).toBe('boolean')
  })

  it('drafts what must come, so that it takes fewer passes than tokens', async () => {
    // A drafter that knows nothing of this text: what is accepted was forced.
    const lookup = { method: 'lookup', minNgram: 8, maxNgram: 8, budget: { policy: 'fixed', nodes: 1 } }
    const body = { ...common, ...json, max_tokens: 120, temperature: 1, seed: 1, speculative: lookup }
    const { json: answered } = await ask(server, '/v1/chat/completions', body)
    const { predicted_n: tokens = 0, draft_n_accepted: accepted = 0 } = answered.timings
    expect(accepted).toBeGreaterThan(tokens / 2)
  })
})

// ---------------------------------------------------------------------------------------------------------------

interface Joined {
  text: string
  end: string | null
  logProbs: unknown[]
  calls: { name: string; given: string }[]
}

/** Calls are named anew every time. */
function withoutIds<Choice extends Body['choices'][number]>(choice: Choice): Choice {
  const calls = choice.message?.tool_calls?.map((one) => ({ ...one, id: '' }))
  return calls ? { ...choice, message: { ...choice.message, tool_calls: calls } } : choice
}

function joined(chunks: readonly Pick<Body, 'choices'>[]): Joined[] {
  const answers: Joined[] = []
  for (const choice of chunks.flatMap(({ choices }) => choices)) {
    const answer = (answers[choice.index] ??= { text: '', end: null, logProbs: [], calls: [] })
    answer.text += choice.text ?? choice.delta?.content ?? ''
    answer.end = choice.finish_reason ?? answer.end
    answer.logProbs.push(...logProbsOf(choice))
    for (const { index, function: called } of choice.delta?.tool_calls ?? []) {
      const one = (answer.calls[index] ??= { name: '', given: '' })
      one.name += called.name ?? ''
      one.given += called.arguments
    }
  }
  return answers
}

function joinedWhole({ choices }: Pick<Body, 'choices'>): Joined[] {
  return choices.map((choice) => ({
    text: choice.text ?? choice.message?.content ?? '',
    end: choice.finish_reason,
    logProbs: logProbsOf(choice),
    calls: choice.message?.tool_calls?.map(({ function: { name, arguments: given } }) => ({ name, given })) ?? [],
  }))
}

/** One entry per token, in either spelling. */
function logProbsOf({ logprobs }: Body['choices'][number]): unknown[] {
  if (!logprobs) return []
  if (logprobs.content) return [...logprobs.content]
  return (logprobs.tokens ?? []).map((token, i) => [token, logprobs.token_logprobs?.[i], logprobs.top_logprobs?.[i]])
}
