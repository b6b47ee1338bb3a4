/** What stands around answers: keys, origins, tokens, properties, metrics, the document. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drafters } from '../../src/draft/index.ts'
import type { Engine } from '../../src/engine/index.ts'
import type { ServerOptions } from '../../src/server/index.ts'
import { ask, closeTiny, openTiny, serverOf } from './open.ts'

const messages = [{ role: 'user', content: 'red blue red blue' }]
const body = { messages, temperature: 0, max_tokens: 20, ignore_eos: true }
const chat = '/v1/chat/completions'

let engine: Engine & { readonly folder: string }
beforeAll(async () => {
  engine = await openTiny()
})
afterAll(() => closeTiny(engine))

describe('keys', () => {
  it.each([
    [undefined, 401],
    ['Bearer wrong', 401],
    ['Basic first', 401],
    ['Bearer first', 200],
    ['bearer second', 200],
  ])('%s gets %i', async (authorization, status) => {
    const server = serverOf(engine, { apiKeys: ['first', 'second'] })
    const headers: Record<string, string> = authorization === undefined ? {} : { Authorization: authorization }
    const asked = await ask(server, '/v1/models', undefined, { headers })
    expect(asked.status).toBe(status)
    if (status === 401) expect(asked.json.error?.code).toBe('invalid_api_key')
  })

  it('are asked for everywhere but at /health and /ready, and before a body is read', async () => {
    const server = serverOf(engine, { apiKeys: ['first'] })
    const paths = ['/health', '/ready', '/metrics', '/props', '/openapi.json', '/v1/models']
    const statuses = await Promise.all(paths.map(async (path) => (await ask(server, path)).status))
    expect(statuses).toEqual([200, 200, 401, 401, 401, 401])
    expect((await ask(server, chat, '{')).status).toBe(401)
    const open = serverOf(engine, { apiKeys: ['first'], openMetrics: true })
    expect((await ask(open, '/metrics')).status).toBe(200)
    expect((await ask(open, '/slots')).status).toBe(401)
  })
})

describe('web pages', () => {
  const from = (origin: string): RequestInit => ({ headers: { Origin: origin, Host: 'localhost:8080' } })

  it('of other origins get nothing, of named ones the headers that let them read', async () => {
    const server = serverOf(engine, { corsOrigins: ['https://Good.example/'] })
    expect((await ask(server, chat, body, from('https://evil.example'))).status).toBe(403)
    expect((await ask(server, chat, body, from('http://localhost:8080'))).status).toBe(200)
    const good = await ask(server, '/v1/models', undefined, from('https://good.example'))
    expect(good.headers.get('access-control-allow-origin')).toBe('https://good.example')
    const any = await ask(
      serverOf(engine, { corsOrigins: ['*'] }),
      '/v1/models',
      undefined,
      from('https://any.example'),
    )
    expect([any.status, any.headers.get('access-control-allow-origin')]).toEqual([200, '*'])
    const none = await ask(serverOf(engine), '/v1/models', undefined, from('http://localhost:8080'))
    expect(none.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('do not reach a server of this machine under a name of their own', async () => {
    const server = serverOf(engine, { hostNames: ['localhost', '127.0.0.1', '[::1]', 'LOCALHOST', '127.1'] })
    const statusFor = async (host: string): Promise<number> =>
      (await ask(server, '/v1/models', undefined, { headers: { Host: host } })).status
    expect(await statusFor('evil.example:8080')).toBe(403)
    expect(await statusFor('localhost:8080')).toBe(200)
    expect(await statusFor('[::1]:8080')).toBe(200)
    expect(await statusFor('LocalHost:8080')).toBe(200)
    expect(await statusFor('localhost.')).toBe(200)
    expect(await statusFor('evil.example@localhost')).toBe(403)
    const { json } = await ask(server, '/v1/models', undefined, { headers: { Host: 'evil.example' } })
    expect(json.error?.message).toContain('a request to localhost or 127.0.0.1 or [::1], got the host evil.example;')
  })
})

describe('text', () => {
  it('goes to tokens and back', async () => {
    const server = serverOf(engine)
    const content = 'one <|im_end|> zwei ü'
    const { text } = await ask(server, '/tokenize', { content, with_pieces: true })
    const { tokens } = JSON.parse(text) as { tokens: { id: number; piece: string | number[] }[] }
    const bytes = tokens.flatMap(({ piece }) => (typeof piece === 'string' ? [...Buffer.from(piece)] : piece))
    expect(Buffer.from(bytes).toString()).toBe(content)
    const back = await ask(server, '/detokenize', { tokens: tokens.map(({ id }) => id) })
    expect(JSON.parse(back.text)).toEqual({ content })
    const plain = await ask(server, '/tokenize', { content, parse_special: false })
    expect((JSON.parse(plain.text) as { tokens: number[] }).tokens.length).toBeGreaterThan(tokens.length)
    expect((await ask(server, '/detokenize', { tokens: [100_000] })).status).toBe(400)
  })

  it('of a conversation is shown as the model reads it', async () => {
    const { text } = await ask(serverOf(engine), '/apply-template', { messages })
    expect(JSON.parse(text)).toEqual({
      prompt: '<|im_start|>user\nred blue red blue<|im_end|>\n<|im_start|>assistant\n',
    })
  })
})

describe('metrics', () => {
  /** Values by name and labels. */
  async function valuesOf(names: ('heterospec' | 'vllm' | 'llamacpp')[]): Promise<Map<string, number>> {
    const server = serverOf(engine, { metrics: names })
    for (let i = 0; i < 2; i++) await ask(server, chat, body)
    const { text, headers } = await ask(server, '/metrics')
    expect(headers.get('content-type')).toMatch(/^text\/plain/)
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(
      lines.map((line) => {
        const at = line.lastIndexOf(' ')
        return [line.slice(0, at), Number(line.slice(at + 1))] as const
      }),
    )
  }

  it("have vLLM's names and meanings", async () => {
    const values = await valuesOf(['vllm'])
    const labels = '{engine="0",model_name="tiny"}'
    const get = (name: string): number | undefined => values.get(`vllm:${name}${labels}`)
    expect(get('generation_tokens_total')).toBe(40)
    expect(get('num_requests_running')).toBe(0)
    expect(get('time_to_first_token_seconds_count')).toBe(2)
    expect(get('prompt_tokens_total')).toBe(get('prefix_cache_queries_total'))
    expect(get('prefix_cache_hits_total')).toBeGreaterThan(0)
    const drafted = get('spec_decode_num_draft_tokens_total') ?? 0
    const accepted = get('spec_decode_num_accepted_tokens_total') ?? 0
    const drafts = get('spec_decode_num_drafts_total') ?? 0
    expect(drafted).toBeGreaterThanOrEqual(drafts)
    // Rounds that drafted emit what was accepted and one token; the first of an answer comes from its prompt.
    expect(accepted + drafts).toBeLessThanOrEqual(38)
    const success = 'vllm:request_success_total{finished_reason="length",engine="0",model_name="tiny"}'
    expect(values.get(success)).toBe(2)
  })

  it("have llama-server's names and meanings", async () => {
    const values = await valuesOf(['llamacpp'])
    expect(values.get('llamacpp:tokens_predicted_total')).toBe(40)
    expect(values.get('llamacpp:requests_processing')).toBe(0)
    expect(values.get('llamacpp:n_busy_slots_per_decode')).toBe(1)
    expect(values.get('llamacpp:predicted_tokens_seconds')).toBeGreaterThan(0)
    expect(values.get('llamacpp:n_tokens_max')).toBeGreaterThan(20)
  })

  it('have names of our own, with trees', async () => {
    const values = await valuesOf(['heterospec', 'vllm'])
    const labels = '{engine="0",model_name="tiny"}'
    expect(values.get(`heterospec:generation_tokens_total${labels}`)).toBe(40)
    expect(values.get(`vllm:generation_tokens_total${labels}`)).toBe(40)
    expect(values.get(`heterospec:spec_tree_nodes_count${labels}`)).toBeGreaterThan(0)
  })
})

describe('the server', () => {
  it('describes every path that it has', async () => {
    const server = serverOf(engine)
    const { text } = await ask(server, '/openapi.json')
    const { paths } = JSON.parse(text) as { paths: Record<string, object> }
    const served = server.app.routes.filter(({ method }) => method !== 'ALL').map(({ path }) => path)
    const described = Object.keys(paths).map((path) => path.replaceAll(/\{(.+?)\}/g, ':$1'))
    expect([...new Set(served)].sort()).toEqual([...described, '/openapi.json'].sort())
  })

  it('tells what it is without naming files', async () => {
    const { text } = await ask(serverOf(engine, { sampling: { topK: 40 } }), '/props')
    const props = JSON.parse(text) as object
    expect(props).toMatchObject({
      total_slots: 1,
      cache_eviction: null,
      model_alias: 'tiny',
      pooling: null,
      speculative_methods: ['lookup', 'recycling', 'combined'],
      default_generation_settings: { n_ctx: 2048 },
    })
    expect(text).not.toContain('.gguf')
  })

  it('tells which drafters requests may name', async () => {
    const combined = { drafter: { method: 'combined', model: { path: 'a.gguf' }, eagle3: { path: 'b.gguf' } } } as const
    const methods = async (speculative: ServerOptions['speculative']): Promise<string[]> => {
      const { text } = await ask(serverOf(engine, { speculative }), '/props')
      return (JSON.parse(text) as { speculative_methods: string[] }).speculative_methods
    }
    expect(await methods('auto')).not.toContain('eagle3')
    expect((await methods({ drafter: { method: 'eagle3', path: 'b.gguf' } })).at(-1)).toBe('eagle3')
    expect((await methods(combined)).sort()).toEqual(Object.keys(drafters).sort())
  })

  it('gives back the id of a request, or one of its own', async () => {
    const server = serverOf(engine)
    const own = await ask(server, '/health', undefined, { headers: { 'X-Request-Id': 'mine-1' } })
    expect(own.headers.get('x-request-id')).toBe('mine-1')
    const forged = await ask(server, '/health', undefined, { headers: { 'X-Request-Id': 'a b' } })
    expect(forged.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
  })
})
