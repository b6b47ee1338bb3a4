/** For each supported field of chats and plain texts: a request that shows what it does, and a value that is refused. */
import { expect } from 'vitest'
import { CHAT, form, label, messages, narrows, penalty, settled, type FieldCase } from './world.ts'

const schema = { type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'] }
const json = /^\{"a": [12]\}$/
const colour = /^(red|blue)$/

const tools = [
  {
    type: 'function',
    function: {
      name: 'paint',
      parameters: { type: 'object', properties: { colour: { enum: ['red', 'blue'] } }, required: ['colour'] },
    },
  },
  { type: 'function', function: { name: 'wait' } },
]
const calls = { tools, tool_choice: 'required', max_tokens: 100 }

/** Fields that chats and plain texts share. */
export const shared: Readonly<Record<string, FieldCase>> = {
  model: {
    check: async ({ chat }) => expect((await chat({ model: 'tiny' })).model).toBe('tiny'),
    bad: 'gpt-4',
    status: 404,
  },
  max_tokens: {
    check: async ({ chat }) => expect((await chat({ max_tokens: 3 })).usage?.completion_tokens).toBe(3),
    bad: 1.5,
  },
  temperature: {
    check: async ({ says }) => {
      expect(await says({ temperature: null, seed: 5 })).toBe(await says({ temperature: 1, seed: 5 }))
      expect(await says({ temperature: 2, seed: 5 })).not.toBe(await says({ temperature: 0, seed: 5 }))
    },
    bad: -1,
  },
  top_p: narrows('top_p', 1e-6, 2),
  top_k: narrows('top_k', 1, 'few'),
  min_p: narrows('min_p', 1, 2),
  typical_p: {
    check: async ({ says }) => {
      const [one, other] = [1, 2].map((seed) => ({ temperature: 2, seed }))
      expect(await says({ ...one, typical_p: 1e-6 })).toBe(await says({ ...other, typical_p: 1e-6 }))
      expect(await says({ ...one })).not.toBe(await says({ ...other }))
    },
    bad: 'x',
  },
  frequency_penalty: penalty('frequency_penalty', 2),
  presence_penalty: penalty('presence_penalty', 2),
  repeat_penalty: penalty('repeat_penalty', 5),
  repeat_last_n: {
    check: async ({ says }) => {
      expect(await says({ repeat_penalty: 5, repeat_last_n: 0 })).toBe(await says({}))
      expect(await says({ repeat_penalty: 5, repeat_last_n: -1 })).not.toBe(await says({}))
    },
    bad: 1.5,
  },
  logit_bias: {
    check: async ({ engine, says, chat }) => {
      expect(await says({ logit_bias: { 50: 1000 }, max_tokens: 2 })).toBe(engine.tokenizer.detokenize([50, 50]))
      const likely = { 50: 1000, 51: 900 }
      const { choices } = await chat({ logit_bias: { ...likely, 50: null }, max_tokens: 1, logprobs: true })
      expect(choices[0]?.logprobs?.content?.[0]?.bytes).toEqual([...engine.tokenizer.bytes(51)])
    },
    bad: { red: 1 },
  },
  seed: {
    check: async ({ says }) => {
      const hot = { temperature: 2 }
      expect(await says({ ...hot, seed: -1 })).toBe(await says({ ...hot, seed: -1, speculative: false }))
      expect(await says({ ...hot, seed: -1 })).not.toBe(await says({ ...hot, seed: 1 }))
    },
    bad: 0.5,
  },
  n: {
    check: async ({ chat, says }) => {
      const { choices } = await chat({ n: 2, temperature: 2, seed: 5 })
      const alone = [await says({ temperature: 2, seed: 5 }), await says({ temperature: 2, seed: 6 })]
      expect(choices.map(({ message }) => message?.content)).toEqual(alone)
    },
    bad: 17,
  },
  stop: {
    check: async ({ says }) => {
      const whole = await says({})
      const stop = whole.slice(5, 8)
      expect(await says({ stop })).toBe(whole.slice(0, whole.indexOf(stop)))
      expect(await says({ stop: ['never said', stop] })).toBe(whole.slice(0, whole.indexOf(stop)))
    },
    bad: [1],
  },
  stream: {
    check: async ({ chunks, says }) => {
      const said = (await chunks({})).map(({ choices }) => choices[0]?.delta?.content ?? '')
      expect(said.join('')).toBe(await says({}))
      expect((await chunks({})).at(-1)?.timings['predicted_n']).toBe(12)
    },
    bad: 'yes',
  },
  stream_options: {
    check: async ({ chunks }) => {
      const told = await chunks({ stream_options: { include_usage: true, include_rounds: true } })
      expect(told.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 12 } })
      expect(told.filter((chunk) => 'round' in chunk).length).toBeGreaterThan(0)
    },
    bad: { include_obfuscation: true },
    beside: { stream: true },
  },
  ignore_eos: {
    check: async ({ engine, chat }) => {
      const logit_bias = { [engine.tokenizer.eos ?? -1]: 1000 }
      const endOf = async (ignore_eos: boolean): Promise<string | null | undefined> =>
        (await chat({ logit_bias, ignore_eos })).choices[0]?.finish_reason
      expect([await endOf(false), await endOf(true)]).toEqual(['stop', 'length'])
    },
    bad: 1,
  },
  cache_prompt: {
    check: async ({ chat }) => {
      await chat({})
      const cached = async (cache_prompt: boolean): Promise<number> =>
        (await chat({ cache_prompt })).usage?.prompt_tokens_details.cached_tokens ?? -1
      expect(await cached(true)).toBeGreaterThan(0)
      expect(await cached(false)).toBe(0)
    },
    bad: 1,
  },
  priority: {
    check: async ({ chat }) => {
      const done: number[] = []
      const first = chat({ max_tokens: 300 })
      const others = [5, -1].map((priority) => chat({ priority }).then(() => done.push(priority)))
      await Promise.all([first, ...others])
      expect(done).toEqual([-1, 5])
    },
    bad: 0.5,
  },
  t_max_predict_ms: {
    check: async ({ chat }) => {
      const { choices, usage } = await chat({ t_max_predict_ms: 1, max_tokens: 1500 })
      expect(choices[0]?.finish_reason).toBe('length')
      expect(usage?.completion_tokens).toBeLessThan(1500)
    },
    bad: 0.5,
  },
  speculative: {
    check: async ({ chat }) => {
      expect((await chat({ speculative: false })).timings).not.toHaveProperty('draft_n')
      const drafted = await chat({ speculative: { method: 'combined', budget: { policy: 'fixed', nodes: 3 } } })
      expect(drafted.timings['draft_n']).toBeGreaterThan(0)
    },
    bad: 'fast',
  },
  speculative_metrics: {
    check: async ({ chat }) => {
      const { metrics } = await chat({ speculative_metrics: 'detailed' })
      expect(metrics?.speculative_decoding.num_spec_steps).toBeGreaterThan(0)
      expect(metrics?.speculative_decoding).toHaveProperty('tree')
      expect((await chat({ speculative_metrics: 'summary', n: 2 })).metrics).toBeNull()
    },
    bad: 'all',
  },
  json_schema: form({ json_schema: schema }, json, { type: 'nonsense' }),
  grammar: form({ grammar: 'root ::= "red" | "blue"' }, colour, 'root ::= nowhere'),
  guided_json: form({ guided_json: JSON.stringify(schema) }, json, 'no schema'),
  guided_regex: form({ guided_regex: 'red|blue' }, colour, '('),
  guided_choice: form({ guided_choice: ['red', 'blue'] }, colour, []),
  guided_grammar: form({ guided_grammar: 'root ::= "red" | "blue"' }, colour, 'root ::= nowhere'),
  structured_outputs: form({ structured_outputs: { regex: 'red|blue' } }, colour, { json: schema, regex: 'red' }),
  response_format: form({ response_format: { type: 'json_object', schema } }, json, { type: 'xml' }),
  user: label('user'),
  safety_identifier: label('safety_identifier'),
  prompt_cache_key: label('prompt_cache_key'),
  metadata: label('metadata', { a: 'b' }),
}

/** Fields of chats. */
export const chats: Readonly<Record<string, FieldCase>> = {
  messages: {
    check: async ({ chat }) => {
      const two = await chat({ messages: [...messages, { role: 'assistant', content: 'red' }, ...messages] })
      expect(two.usage?.prompt_tokens).toBeGreaterThan((await chat({})).usage?.prompt_tokens ?? 0)
    },
    bad: [],
  },
  max_completion_tokens: {
    check: async ({ chat, send }) => {
      const limits = { max_tokens: null, max_completion_tokens: 4 }
      expect((await chat(limits)).usage?.completion_tokens).toBe(4)
      expect((await send(CHAT, { messages, ...settled, max_completion_tokens: 4 })).json.error?.param).toBe(
        'max_tokens',
      )
    },
    bad: 1.5,
  },
  logprobs: {
    check: async ({ chat }) => {
      const content = (await chat({ logprobs: true })).choices[0]?.logprobs?.content ?? []
      expect(content).toHaveLength(12)
      expect(content.every(({ logprob, bytes }) => logprob < 0 && bytes.length > 0)).toBe(true)
    },
    bad: 1,
  },
  top_logprobs: {
    check: async ({ chat }) => {
      const content = (await chat({ logprobs: true, top_logprobs: 3 })).choices[0]?.logprobs?.content ?? []
      expect(content.map(({ top_logprobs: top }) => top.length)).toEqual(new Array<number>(12).fill(3))
    },
    bad: 3, // without logprobs
  },
  tools: {
    check: async ({ chat }) => {
      const [call] = (await chat(calls)).choices[0]?.message?.tool_calls ?? []
      expect(['paint', 'wait']).toContain(call?.function.name)
    },
    bad: [{ type: 'function', function: { name: 'a b' } }],
  },
  tool_choice: {
    check: async ({ chat, says }) => {
      const { choices } = await chat({ ...calls, tool_choice: { type: 'function', function: { name: 'paint' } } })
      expect(choices[0]?.message?.tool_calls?.[0]?.function.arguments).toMatch(/^\{"colour": "(red|blue)"\}$/)
      expect(choices[0]?.finish_reason).toBe('tool_calls')
      expect(await says({ tools, tool_choice: 'none' })).toBe(await says({}))
    },
    bad: 'required', // without tools
  },
  parallel_tool_calls: {
    check: async ({ chat }) => {
      const { choices } = await chat({ ...calls, parallel_tool_calls: false })
      expect(choices[0]?.message?.tool_calls).toHaveLength(1)
    },
    bad: 1,
  },
}

/** Fields of plain texts. */
export const texts: Readonly<Record<string, FieldCase>> = {
  prompt: {
    check: async ({ engine, text }) => {
      const ids = engine.tokenizer.tokenize('one two')
      const said = (await text({})).choices[0]?.text
      expect((await text({ prompt: [ids, ids] })).choices.map((choice) => choice.text)).toEqual([said, said])
    },
    bad: 5,
  },
  logprobs: {
    check: async ({ text }) => {
      const told = (await text({ logprobs: 2 })).choices[0]?.logprobs
      expect([told?.tokens?.length, told?.text_offset?.length]).toEqual([12, 12])
      expect(told?.top_logprobs?.every((top) => Object.keys(top).length >= 2)).toBe(true)
    },
    bad: true,
  },
}
