/** Refusals: the right status, OpenAI's error object, the field at fault; and no request that is answered with a 500. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import type { SampleOptions } from '../../src/sample/index.ts'
import type { ServerApp } from '../../src/server/index.ts'
import { ask, closeTiny, openTiny, serverOf, type Body } from './open.ts'

const messages = [{ role: 'user', content: 'red blue' }]
const chat = '/v1/chat/completions'
const strictTool = {
  type: 'function',
  function: { name: 'a', strict: true, parameters: { type: 'object', not: {} } },
}
const aCall = { id: '1', type: 'function', function: { name: 'a', arguments: '{}' } }

let engine: Engine & { readonly folder: string }
let server: ServerApp
beforeAll(async () => {
  engine = await openTiny({ context: 64 })
  server = serverOf(engine, { maxTokens: 2 })
})
afterAll(() => closeTiny(engine))

describe('a field', () => {
  it.each([
    ['functions', [{ name: 'a' }], 'functions'],
    ['n_probs', 3, 'n_probs'],
    ['best_of', 2, 'best_of'],
    ['repetition_penalty', 1.1, 'repetition_penalty'],
    ['speculative.n_max', 4, 'speculative.n_max'],
  ])('that is known and not supported is refused by name: %s', async (name, value, param) => {
    const { status, json } = await ask(server, chat, { messages, [name]: value })
    expect(status).toBe(400)
    expect(json.error).toMatchObject({ param, code: 'unsupported_parameter', type: 'invalid_request_error' })
    expect(json.error?.message).toMatch(/^expected .* to be .*, got .*; .*$/)
  })

  it.each([
    ['tools', []],
    ['response_format', { type: 'text' }],
    ['structured_outputs', {}],
    ['logit_bias', { 5: 1e6, 6: -1e6, 7: null }],
    ['logprobs', false],
    ['logprobs', null],
    ['repetition_penalty', 1],
    ['temperature', null],
    ['user', 'somebody'],
  ])('that asks for nothing is taken: %s %j', async (name, value) => {
    expect((await ask(server, chat, { messages, [name]: value })).status).toBe(200)
  })

  it.each([
    ['temperature', -1, 'invalid_value'],
    ['top_p', 'much', 'invalid_value'],
    ['n', 17, 'invalid_value'],
    ['max_tokens', 1.5, 'invalid_value'],
    ['stop', [1], 'invalid_value'],
    ['seed', 0.5, 'invalid_value'],
    ['top_logprobs', 3, 'invalid_value'],
    ['top_logprobs', 21, 'invalid_value'],
    ['logit_bias', { 100000: 1 }, 'invalid_value'],
    ['logit_bias', { 5: 3.5e38 }, 'invalid_value'],
    ['logit_bias', { 5: -1e7 }, 'invalid_value'],
    ['response_format', { type: 'xml' }, 'invalid_value'],
    ['response_format', { type: 'json_schema', json_schema: { name: 'a', schema: { not: {} } } }, 'invalid_value'],
    ['response_format', { type: 'json_object', schema: { $ref: '#' } }, 'invalid_value'],
    ['json_schema', { type: 'nonsense' }, 'invalid_value'],
    ['json_schema', { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }, 'invalid_value'],
    ['guided_json', 'no json', 'invalid_value'],
    ['guided_regex', '(', 'invalid_value'],
    ['grammar', 'root ::= nowhere', 'invalid_value'],
    ['grammar', 'root ::= "a" root', 'invalid_value'],
    ['tools', [{ type: 'function', function: { name: 'a b' } }], 'invalid_value'],
    ['tools', [strictTool], 'invalid_value'],
    ['tool_choice', 'required', 'invalid_value'],
    ['nonsense', 1, 'unknown_parameter'],
    ['messages', [], 'invalid_value'],
    ['messages', undefined, 'missing_required_parameter'],
    ['model', 'gpt-4', 'model_not_found'],
  ])('that makes no sense is refused: %s %j', async (name, value, code) => {
    const { status, json } = await ask(server, chat, { messages, [name]: value })
    expect(status).toBe(code === 'model_not_found' ? 404 : 400)
    expect(json.error?.code).toBe(code)
    expect(json.error?.param?.split(/[.[]/)[0]).toBe(name)
  })

  it('of a tool that is only a wish is left out where it cannot be kept', async () => {
    const wish = { ...strictTool, function: { ...strictTool.function, strict: false } }
    const { json } = await ask(server, chat, { messages, tools: [wish] })
    // Too long for this small context, and no longer refused for its schema.
    expect(json.error?.code).toBe('context_length_exceeded')
  })

  it.each([
    ['content', { role: 'user' }],
    ['content', { role: 'user', content: null }],
    ['tool_calls', { role: 'user', content: 'a', tool_calls: [aCall] }],
    ['tool_call_id', { role: 'tool', content: 'a' }],
    ['tool_call_id', { role: 'user', content: 'a', tool_call_id: '1' }],
    ['name', { role: 'user', content: 'a', name: 'b' }],
  ])('of a message that does not belong there is refused: %s', async (field, message) => {
    const { status, json } = await ask(server, chat, { messages: [...messages, message] })
    expect(status).toBe(400)
    expect(json.error?.param).toBe(`messages[1].${field}`)
  })
})

describe('sampling of the server', () => {
  it.each<[SampleOptions, string]>([
    [{ logitBias: { 999999: 1 } }, "in the server's logitBias (--logit-bias), got 999999; remove it"],
    [{ temperature: -1 }, 'expected temperature to be'],
  ])('that no request could be answered with is refused when it starts: %j', (sampling, words) => {
    expect(() => serverOf(engine, { sampling })).toThrow(words)
    expect(() => serverOf(engine, { sampling: { logitBias: { 50: 1 }, temperature: 2 } })).not.toThrow()
  })
})

describe('speculative', () => {
  it.each([
    [{ method: 'model' }, '--draft-model'],
    [{ method: 'eagle3', path: '/etc/passwd' }, 'path'],
    [{ method: 'combined', sources: ['model'], model: { path: '/etc/passwd' } }, 'path'],
    [{ method: 'lookup', nonsense: 1 }, 'nonsense'],
    [{ method: 'none' }, 'drafter.method'],
    [{ budget: 'none' }, 'budget.policy'],
    [{ maxNgram: 3 }, 'method'],
    [{ method: 'lookup', maxNgram: 999 }, 'drafter.maxNgram: at most 16, got 999; change it'],
    [{ method: 'lookup', maxDepth: 0 }, 'drafter.maxDepth: at least 1, got 0; change it'],
    [{ method: 'lookup', maxNgram: 'many' }, 'drafter.maxNgram: of type number, got "many"; change it'],
    [{ budget: { policy: 'fixed', nodes: 1e9 } }, 'budget.nodes: at most '],
  ])('refuses %j', async (speculative, word) => {
    const { status, json } = await ask(server, chat, { messages, speculative })
    expect(status).toBe(400)
    expect(json.error?.param).toBe('speculative')
    expect(json.error?.message).toContain(word)
  })

  it.each([
    { method: null },
    { budget: null },
    { method: null, budget: null },
    { method: 'lookup', maxNgram: null },
    { budget: { policy: 'fixed', nodes: null } },
  ])(
    // prettier-ignore
    'takes null for not given: %j',
    async (speculative) => {
      expect((await ask(server, chat, { messages, speculative })).status).toBe(200)
    },
  )

  it('takes ever new settings, as many as come', async () => {
    const own = serverOf(engine, { maxTokens: 6 })
    const texts = new Set<string>()
    for (let maxDepth = 1; maxDepth <= 40; maxDepth++) {
      const speculative = { method: 'lookup', maxDepth, budget: { policy: 'fixed', nodes: maxDepth } }
      const { status, json } = await ask(own, chat, { messages, temperature: 0, speculative })
      expect(status).toBe(200)
      texts.add(json.choices[0]?.message?.content ?? '')
    }
    expect(texts.size).toBe(1)
  })
})

describe('a request', () => {
  it('of several answers is told of the seed that it sent', async () => {
    const seed = Number.MAX_SAFE_INTEGER
    expect((await ask(server, chat, { messages, seed })).status).toBe(200)
    const { status, json } = await ask(server, chat, { messages, seed, n: 2 })
    expect({ status, param: json.error?.param }).toEqual({ status: 400, param: 'seed' })
    expect(json.error?.message).toContain(`got ${seed};`)
  })

  it('that is a list, or has an empty one, is told so', async () => {
    expect((await ask(server, chat, [])).json.error).toMatchObject({
      param: null,
      message: 'expected the body to be of type object, got an empty list; change it',
    })
    const { json } = await ask(server, chat, { messages: [] })
    expect(json.error?.message).toBe(
      'expected messages to be a list of at least one message, got an empty list; change it',
    )
  })

  it('that is too long is told both numbers', async () => {
    const { status, json } = await ask(server, '/v1/completions', { prompt: 'word '.repeat(100) })
    expect(status).toBe(400)
    expect(json.error?.code).toBe('context_length_exceeded')
    expect(json.error?.message).toMatch(/at most 64 tokens .*, got \d{3}/)
  })

  it.each([
    ['{', 400],
    ['', 400],
    ['null', 400],
    ['[]', 400],
    ['[[[[', 400],
  ])('whose body is %j gets %i', async (body, status) => {
    const answered = await ask(server, chat, body)
    expect(answered.status).toBe(status)
    expect(answered.json.error?.message).toMatch(/^expected .*, got .*; /)
  })

  const noBody: RequestInit[] = [
    {},
    { headers: { 'Content-Length': '0' } },
    { headers: { 'Content-Type': 'application/json' } },
  ]
  const paths = [chat, '/v1/completions', '/v1/embeddings', '/tokenize', '/detokenize', '/apply-template']
  it.each(paths)('without a body, or without its media type, is refused: %s', async (path) => {
    const send = async (init: RequestInit): Promise<object> => {
      const response = await server.app.request(path, { method: 'POST', ...init })
      return { status: response.status, ...((await response.json()) as Body) }
    }
    for (const init of noBody) {
      expect(await send(init)).toMatchObject({ status: 400, error: { param: null } })
    }
    const untold = new TextEncoder().encode(JSON.stringify({ messages, prompt: 'a', input: 'a' }))
    expect(await send({ body: untold })).toMatchObject({
      status: 415,
      error: { message: expect.stringContaining('application/json') as string },
    })
  })

  it('of another media type, path, method or size gets 415, 404, 405, 413', async () => {
    const headers = { 'Content-Type': 'text/plain' }
    expect((await ask(server, chat, '{}', { headers })).status).toBe(415)
    expect(await ask(server, '/v1/nothing')).toMatchObject({ status: 404, json: { error: { code: 'not_found' } } })
    const wrong = await ask(server, chat)
    expect(wrong).toMatchObject({ status: 405, json: { error: { code: 'method_not_allowed' } } })
    expect(wrong.headers.get('allow')).toBe('POST')
    const small = serverOf(engine, { bodyLimit: 100 })
    expect(await ask(small, chat, { messages, user: 'x'.repeat(100) })).toMatchObject({
      status: 413,
      json: { error: { code: 'request_too_large' } },
    })
  })

  it('never gets a 500, whatever it says', async () => {
    const small = fc.oneof(
      fc.constantFrom(0, 1, -1, 0.5, 1e308, null, true, '', 'a', '\ud800', [], {}, [null], ['x'], [[1]], { a: 1 }),
      fc.jsonValue({ maxDepth: 2 }),
    )
    const fields = await fieldsOf(server)
    const request = fc.record({
      path: fc.constantFrom(
        '/v1/chat/completions',
        '/v1/completions',
        '/v1/embeddings',
        '/tokenize',
        '/detokenize',
        '/apply-template',
      ),
      good: fc.boolean(),
      body: fc.dictionary(fc.constantFrom(...fields), small, { maxKeys: 4 }),
    })
    const property = fc.asyncProperty(request, async ({ path, good, body }) => {
      const subject =
        path === '/v1/completions' ? { prompt: 'a' } : path === '/v1/embeddings' ? { input: 'a' } : { messages }
      const { status, json, text } = await ask(server, path, { ...(good && subject), ...body })
      expect(text === '' ? 0 : status).toBeLessThan(500)
      if (status >= 400) expect(json.error?.message).toMatch(/^expected /)
    })
    await fc.assert(property, { numRuns: 400, seed: 8 })
  })
})

/** Names of all fields of all requests, from the server's own document. */
async function fieldsOf(server: ServerApp): Promise<string[]> {
  const { text } = await ask(server, '/openapi.json')
  const { components } = JSON.parse(text) as {
    components: { schemas: Record<string, { properties?: Record<string, unknown> }> }
  }
  const requests = Object.entries(components.schemas).filter(([name]) => name.endsWith('Request'))
  return [...new Set(requests.flatMap(([, { properties = {} }]) => Object.keys(properties)))]
}
