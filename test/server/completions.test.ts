/** Answers: what is said, in which form, and that it is what the engine says with the same settings. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import type { ServerApp } from '../../src/server/index.ts'
import { ask, closeTiny, eventsOf, openTiny, serverOf, spelled, type Body } from './open.ts'

const messages = [{ role: 'user', content: 'red blue red blue' }]
const settings = { temperature: 0, max_tokens: 24, ignore_eos: true }

let engine: Engine & { readonly folder: string }
let server: ServerApp
let plain: string
let plainTokens: readonly number[]
beforeAll(async () => {
  engine = await openTiny({ sequences: 2 })
  server = serverOf(engine)
  const prompt = [{ role: 'user', content: 'red blue red blue' } as const]
  const { text, tokens } = await engine.complete({ prompt, maxTokens: 24, ignoreEos: true, speculative: 'off' })
  plain = text
  plainTokens = tokens
})
afterAll(() => closeTiny(engine))

describe('a chat', () => {
  it('is answered as plain decoding would, with counts and timings', async () => {
    const { status, json } = await ask(server, '/v1/chat/completions', { model: 'tiny', messages, ...settings })
    expect(status).toBe(200)
    expect(json).toMatchObject({
      object: 'chat.completion',
      model: 'tiny',
      choices: [{ index: 0, message: { role: 'assistant', content: plain }, finish_reason: 'length' }],
      usage: { completion_tokens: 24 },
      timings: { predicted_n: 24 },
    })
    expect(json.usage!.prompt_tokens).toBe(json.timings['prompt_n']! + json.timings['cache_n']!)
  })

  it.each([
    false,
    'off',
    true,
    'auto',
    { method: 'lookup', budget: { policy: 'fixed', nodes: 3 } },
    { budget: 'goodput' },
  ])('has the same text with speculative %j', async (speculative) => {
    const { json } = await ask(server, '/v1/chat/completions', { messages, ...settings, speculative })
    expect(json.choices[0]?.message?.content).toBe(plain)
    if (speculative === false || speculative === 'off') expect(json.timings).not.toHaveProperty('draft_n')
  })

  it('streams the same text, with role, end, usage and [DONE]', async () => {
    const body = { messages, ...settings, stream: true, stream_options: { include_usage: true } }
    const { status, headers, text } = await ask(server, '/v1/chat/completions', body)
    expect(status).toBe(200)
    expect(headers.get('content-type')).toContain('text/event-stream')
    const events = eventsOf(text)
    expect(events.at(-1)).toBe('[DONE]')
    const chunks = events.slice(0, -1) as Body[]
    expect(chunks[0]).toMatchObject({ object: 'chat.completion.chunk', choices: [{ delta: { role: 'assistant' } }] })
    expect(chunks.map(({ choices }) => choices[0]?.delta?.content ?? '').join('')).toBe(plain)
    expect(chunks.at(-2)).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      timings: { predicted_n: 24 },
      usage: null,
    })
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 24 } })
    expect(new Set(chunks.map((chunk) => (chunk as unknown as { id: string }).id)).size).toBe(1)
  })

  it('finds its beginning in the cache the second time, unless told not to', async () => {
    const body = { messages: [{ role: 'user', content: 'something else' }], ...settings }
    await ask(server, '/v1/chat/completions', body)
    const again = await ask(server, '/v1/chat/completions', body)
    expect(again.json.usage!.prompt_tokens_details.cached_tokens).toBeGreaterThan(0)
    const unshared = await ask(server, '/v1/chat/completions', { ...body, cache_prompt: false })
    expect(unshared.json.usage!.prompt_tokens_details.cached_tokens).toBe(0)
  })

  it('takes texts in parts, developers as system, and both names of the limit', async () => {
    const parts = [{ role: 'user', content: [{ type: 'text', text: 'red blue red blue' }] }]
    const { json } = await ask(server, '/v1/chat/completions', {
      ...{ messages: parts, temperature: 0, ignore_eos: true },
      max_completion_tokens: 24,
    })
    expect(json.choices[0]?.message?.content).toBe(plain)
    const prompts = await Promise.all(
      ['developer', 'system'].map(async (role) =>
        ask(server, '/apply-template', { messages: [{ role, content: 'be short' }, ...messages] }),
      ),
    )
    expect(prompts[0]?.text).toBe(prompts[1]?.text)
  })
})

describe('metrics of speculation', () => {
  const body = { messages, ...settings, speculative_metrics: 'detailed' }

  it("are vLLM's, with the tree beside them, and add up", async () => {
    const { json } = await ask(server, '/v1/chat/completions', body)
    const { speculative_decoding: told } = json.metrics ?? {}
    const total = (values: Readonly<Record<string, number>>): number => Object.values(values).reduce((a, b) => a + b, 0)
    expect(told).toMatchObject({
      num_draft_tokens: json.timings['draft_n'],
      num_accepted_draft_tokens: json.timings['draft_n_accepted'],
      tree: { drafter: 'combined', budget: 'fixed' },
    })
    const { num_spec_steps: steps = 0, per_step_accepted: accepted = [], per_step_drafted: drafted = [] } = told ?? {}
    expect([accepted.length, drafted.length]).toEqual([steps, steps])
    expect(total(told?.acceptance_histogram ?? {})).toBe(steps)
    const byLength = Object.values(told?.acceptance_histogram_by_draft_length ?? {})
    expect(byLength.reduce((sum, histogram) => sum + total(histogram), 0)).toBe(steps)
    expect(told?.mean_acceptance_length).toBeCloseTo(1 + accepted.reduce((a, b) => a + b, 0) / steps)
    const plainly = await ask(server, '/v1/chat/completions', { ...body, speculative: false })
    expect(plainly.json.metrics?.speculative_decoding.num_spec_steps).toBe(0)
  })

  it('come with the usage of a stream, else with its end; for several answers not at all', async () => {
    const stream = { ...body, stream: true }
    const last = async (more: object): Promise<Body> =>
      eventsOf((await ask(server, '/v1/chat/completions', { ...stream, ...more })).text).at(-2) as Body
    expect((await last({ stream_options: { include_usage: true } })).metrics).toBeTruthy()
    expect((await last({})).metrics).toBeTruthy()
    expect((await ask(server, '/v1/chat/completions', { ...body, n: 2 })).json.metrics).toBeNull()
    expect((await last({ speculative_metrics: 'none' })).metrics).toBeUndefined()
  })
})

describe('several answers', () => {
  it('have seeds of their own: answer i is that of seed + i', async () => {
    const body = { messages, ...settings, temperature: 1.5, seed: 40 }
    const several = await ask(server, '/v1/chat/completions', { ...body, n: 3 })
    const texts = several.json.choices.map(({ message }) => message?.content)
    const alone = await Promise.all(
      [40, 41, 42].map((seed) => ask(server, '/v1/chat/completions', { ...body, seed, speculative: false })),
    )
    expect(texts).toEqual(alone.map(({ json }) => json.choices[0]?.message?.content))
    expect(new Set(texts).size).toBe(3)
    expect(several.json.usage).toMatchObject({
      completion_tokens: 72,
      prompt_tokens: alone[0]?.json.usage?.prompt_tokens,
    })
  })

  it('stream side by side', async () => {
    const { text } = await ask(server, '/v1/chat/completions', { messages, ...settings, n: 2, stream: true })
    const chunks = eventsOf(text).slice(0, -1) as Body[]
    const choices = chunks.flatMap((chunk) => chunk.choices)
    for (const index of [0, 1]) {
      const own = choices.filter((choice) => choice.index === index)
      expect(own.map(({ delta }) => delta?.content ?? '').join('')).toBe(plain)
      expect(own.at(-1)?.finish_reason).toBe('length')
    }
  })
})

describe('log-probabilities', () => {
  const exp = (logProb: number): number => Math.exp(logProb)

  it('of a chat come with bytes, belong to the text, and are those of the whole vocabulary', async () => {
    const { vocabSize } = engine.spec
    const body = { messages, ...settings, logprobs: true, top_logprobs: 20 }
    const { json } = await ask(server, '/v1/chat/completions', body)
    const content = json.choices[0]?.logprobs?.content ?? []
    expect(content).toHaveLength(24)
    expect(content.flatMap(({ bytes }) => bytes)).toEqual(spelled(engine, plainTokens))
    for (const { token, logprob, top_logprobs: top } of content) {
      // Greedy: the token is the likeliest one, and the others follow in order.
      expect(top[0]).toMatchObject({ token, logprob })
      expect(top.map((other) => other.logprob)).toEqual(top.map((other) => other.logprob).sort((a, b) => b - a))
      const sum = top.reduce((total, other) => total + exp(other.logprob), 0)
      const least = exp(top.at(-1)?.logprob ?? 0)
      expect(sum).toBeLessThanOrEqual(1 + 1e-6)
      expect(sum + (vocabSize - 20) * least).toBeGreaterThanOrEqual(1 - 1e-6)
    }
  })

  it('are those before bias and temperature', async () => {
    const body = { messages, ...settings, max_tokens: 1, logprobs: true, top_logprobs: 20 }
    const { json } = await ask(server, '/v1/chat/completions', body)
    const pushed = await ask(server, '/v1/chat/completions', {
      ...{ ...body, temperature: 3, seed: 1, logit_bias: { 50: 1000 } },
    })
    const [usual, biased] = [json, pushed.json].map(({ choices }) => choices[0]?.logprobs?.content?.[0])
    expect(biased?.token).toBe(engine.tokenizer.detokenize([50]))
    expect(biased?.top_logprobs).toEqual(usual?.top_logprobs)
    expect(biased?.logprob).toBeLessThan(-1)
  })

  it('of a plain text have offsets into it', async () => {
    const body = { prompt: 'one two', ...settings, logprobs: 1 }
    const { json } = await ask(server, '/v1/completions', body)
    const { text = '', logprobs } = json.choices[0] ?? {}
    expect(logprobs?.tokens).toHaveLength(24)
    const places = logprobs?.tokens?.map((token, i) => [token, logprobs.text_offset?.[i] ?? 0] as const) ?? []
    for (const [token, offset] of places) {
      // Half a character and a control token are no part of the text.
      if (!/^(bytes:|<\|)/.test(token)) expect(text.slice(offset, offset + token.length)).toBe(token)
    }
    expect(places.length).toBe(logprobs?.top_logprobs?.length)
  })

  it('are in the library too, one per token', async () => {
    const result = await engine.complete({ prompt: 'one two', maxTokens: 8, ignoreEos: true, logProbs: 2 })
    expect(result.logProbs?.map(({ token }) => token)).toEqual(result.tokens)
    expect(result.logProbs?.every(({ top }) => top.length === 2)).toBe(true)
    await expect(engine.complete({ prompt: 'one', logProbs: 21 })).rejects.toThrow(/^expected logProbs .* 0 to 20/)
    expect(await engine.complete({ prompt: 'one', maxTokens: 1 })).not.toHaveProperty('logProbs')
  })
})

describe('a plain text', () => {
  it('is continued from text and from tokens alike', async () => {
    const text = await ask(server, '/v1/completions', { prompt: 'one two one two', ...settings })
    const tokens = engine.tokenizer.tokenize('one two one two')
    const ids = await ask(server, '/v1/completions', { prompt: tokens, ...settings })
    const both = await ask(server, '/v1/completions', { prompt: [tokens, tokens], ...settings })
    const said = text.json.choices[0]?.text
    expect(said).not.toBe('')
    expect(ids.json.choices[0]?.text).toBe(said)
    expect(both.json.choices.map((choice) => choice.text)).toEqual([said, said])
    expect(both.json.usage?.prompt_tokens).toBe(2 * tokens.length)
  })

  it('ends at a stop text, before it', async () => {
    const whole = (await ask(server, '/v1/completions', { prompt: 'one two', ...settings })).json.choices[0]!.text!
    const stop = whole.slice(8, 11)
    const { json } = await ask(server, '/v1/completions', { prompt: 'one two', ...settings, stop: [stop] })
    expect(json.choices[0]).toMatchObject({ text: whole.slice(0, whole.indexOf(stop)), finish_reason: 'stop' })
  })

  it('has 16 tokens where nobody says, and what the server was started with where somebody did', async () => {
    const body = { prompt: 'one two', temperature: 0, ignore_eos: true }
    expect((await ask(server, '/v1/completions', body)).json.usage?.completion_tokens).toBe(16)
    const other = serverOf(engine, { maxTokens: 5 })
    expect((await ask(other, '/v1/completions', body)).json.usage?.completion_tokens).toBe(5)
  })

  it('is biased as asked', async () => {
    const { json } = await ask(server, '/v1/completions', { prompt: 'one', ...settings, logit_bias: { 50: 1000 } })
    expect(json.choices[0]?.text).toBe(engine.tokenizer.detokenize(new Array<number>(24).fill(50)))
  })
})
