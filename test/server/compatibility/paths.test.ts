/** Every path, small field and kind of error on the page of compatibility, and what it promises with speculation on. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../../src/engine/index.ts'
import { listen, type ServerApp } from '../../../src/server/index.ts'
import { UsageError } from '../../../src/util/errors.ts'
import { ask, closeTiny, failing, openTiny, serverOf, type Answered } from '../open.ts'
import { codeOf, codesOf, readTables, rowsOf, type Row } from './page.ts'
import { promises } from './promises.ts'
import { CHAT, messages, settled, TEXT, worldOf, type World } from './world.ts'

const tables = await readTables()
const paths = rowsOf(tables, 'Paths', 'Path').map((row): readonly [string, Row] => [codeOf(row['Path']), row])
const errors = rowsOf(tables, 'Errors', 'When').map((row): readonly [string, Row] => [
  `${row['Status']} ${codesOf(row['`code`'])[0] ?? 'none'}`,
  row,
])

let engine: Engine & { readonly folder: string }
let world: World
beforeAll(async () => {
  engine = await openTiny({ context: 512 })
  world = worldOf(engine)
})
afterAll(() => closeTiny(engine))

describe('paths', () => {
  const bodies: Readonly<Record<string, object>> = {
    [CHAT]: { messages, max_tokens: 1 },
    [TEXT]: { prompt: 'one', max_tokens: 1 },
    '/v1/embeddings': { input: 'red' },
    '/tokenize': { content: 'red' },
    '/detokenize': { tokens: [50] },
    '/apply-template': { messages },
  }

  it.each(paths)('%s', async (name, row) => {
    const [method = '', template = ''] = name.split(' ')
    const path = template.replace('{model}', 'tiny')
    const send = (way: string): Promise<Answered> =>
      world.send(path, way === 'POST' ? (bodies[path] ?? {}) : undefined, { method: way })
    const here = row['heterospec'] ?? ''
    if (here.startsWith('no: ')) {
      expect((await send(method)).status).toBe(404)
      return
    }
    expect(here).toMatch(/^yes/)
    const { status, text } = await send(method)
    expect(status, text).toBe(200)
    const wrong = await send(method === 'GET' ? 'POST' : 'GET')
    expect(wrong.status).toBe(405)
    expect(wrong.headers.get('allow')).toContain(method)
  })

  it('are all on the page', () => {
    const served = world.server.app.routes.filter((route) => route.method !== 'ALL').map((route) => route.path)
    const told = paths.map(([name]) => name.split(' ')[1]?.replaceAll(/\{(.+?)\}/g, ':$1'))
    expect([...new Set(served)].filter((path) => !told.includes(path))).toEqual([])
  })
})

describe('fields of small paths', () => {
  const cases: Readonly<Record<string, () => Promise<void>>> = {
    '/tokenize content': async () => expect(await posted('/tokenize', { content: 'red' })).toHaveProperty('tokens'),
    '/tokenize add_special': async () => {
      const [plain, marked] = await Promise.all(
        [false, true].map((add_special) => idsOf({ content: 'a', add_special })),
      )
      expect(marked?.slice(-(plain?.length ?? 0))).toEqual(plain)
    },
    '/tokenize parse_special': async () => {
      const content = '<|im_end|>'
      expect((await idsOf({ content, parse_special: false })).length).toBeGreaterThan((await idsOf({ content })).length)
    },
    '/tokenize with_pieces': async () =>
      expect(await posted('/tokenize', { content: 'red', with_pieces: true })).toHaveProperty('tokens[0].piece'),
    '/detokenize tokens': async () =>
      expect(await posted('/detokenize', { tokens: await idsOf({ content: 'red' }) })).toEqual({ content: 'red' }),
    '/detokenize with_pieces': async () =>
      expect(await posted('/detokenize', { tokens: [50], with_pieces: true })).toHaveProperty('pieces[0]'),
    '/apply-template messages': async () => expect(await prompt({})).toContain('red blue'),
    '/apply-template tools': async () =>
      expect(await prompt({ tools: [{ type: 'function', function: { name: 'paint' } }] })).toContain('paint'),
    '/apply-template add_generation_prompt': async () => {
      const open = await prompt({})
      expect(open.startsWith(await prompt({ add_generation_prompt: false }))).toBe(true)
      expect(await prompt({ add_generation_prompt: false })).not.toBe(open)
    },
  }
  const good: Readonly<Record<string, object>> = {
    '/tokenize': { content: 'red' },
    '/detokenize': { tokens: [50] },
    '/apply-template': { messages },
  }
  const rows = rowsOf(tables, 'Supported fields / Token paths', 'At')

  async function posted(path: string, body: object): Promise<unknown> {
    const { status, text } = await world.send(path, body)
    expect(status, text).toBe(200)
    return JSON.parse(text)
  }
  async function idsOf(body: object): Promise<number[]> {
    return ((await posted('/tokenize', body)) as { tokens: number[] }).tokens
  }
  async function prompt(more: object): Promise<string> {
    return ((await posted('/apply-template', { messages, ...more })) as { prompt: string }).prompt
  }

  it.each(rows.map((row): readonly [string, string] => [codeOf(row['At']), codeOf(row['Field'])]))(
    '%s %s',
    async (path, name) => {
      const check = cases[`${path} ${name}`]
      expect(check, 'a test').toBeDefined()
      await check?.()
      const { status, json } = await world.send(path, { ...good[path], [name]: 5 })
      expect([status, json.error?.param?.split(/[.[]/)[0]]).toEqual([400, name])
    },
  )
})

describe('embeddings', () => {
  const send = (fields: object): Promise<Answered> => world.send('/v1/embeddings', { input: 'red', ...fields })
  const vector = async (fields: object): Promise<unknown> => {
    const { status, text } = await send(fields)
    expect(status, text).toBe(200)
    return (JSON.parse(text) as { data: { embedding: unknown }[] }).data[0]?.embedding
  }
  const cases: Readonly<Record<string, readonly [() => Promise<void>, unknown]>> = {
    input: [async () => expect(await vector({ input: [[50], [51]] })).toHaveLength(engine.spec.width), []],
    encoding_format: [async () => expect(await vector({ encoding_format: 'base64' })).toBeTypeOf('string'), 'bytes'],
    dimensions: [async () => expect(await vector({ dimensions: engine.spec.width })).toEqual(await vector({})), 2],
    model: [async () => expect((await send({ model: 'tiny' })).json.model).toBe('tiny'), 'gpt-4'],
    priority: [async () => expect(await vector({ priority: 1 })).toEqual(await vector({})), 0.5],
    user: [async () => expect(await vector({ user: 'x' })).toEqual(await vector({})), 5],
  }

  it.each(rowsOf(tables, 'Embeddings', 'Meaning here').map((row) => codeOf(row['Field'])))('%s', async (name) => {
    const [check, bad] = cases[name] ?? []
    expect(check, 'a test').toBeDefined()
    await check?.()
    const { status, json } = await send({ [name]: bad })
    expect([status, json.error?.param?.split(/[.[]/)[0]]).toEqual([name === 'model' ? 404 : 400, name])
  })
})

describe('with speculation on', () => {
  it.each(rowsOf(tables, 'With speculation on', 'Asked for').map((row) => row['Asked for'] ?? ''))(
    '%s',
    async (row) => {
      const check = promises[row]
      expect(check, 'a test').toBeDefined()
      await check?.(world)
    },
  )
})

describe('errors', () => {
  const chat = { messages, max_tokens: 1 }
  const long = { messages, ...settled, max_tokens: 400 }
  const refused = (body: unknown): Promise<Answered> => world.send(CHAT, body)
  const header = (headers: Record<string, string>): RequestInit => ({ headers })
  /** A server that is at work, its answer, and what a request gets meanwhile. */
  async function meanwhile(next: (server: ServerApp) => Promise<Answered>): Promise<Answered> {
    const { server, first } = await atWork()
    const other = await next(server)
    await first
    return other
  }
  async function atWork(): Promise<{ server: ServerApp; first: Promise<Answered> }> {
    const server = serverOf(engine, { queueLimit: 0 })
    const first = ask(server, CHAT, long)
    while (server.gate.running === 0) await new Promise(setImmediate)
    return { server, first }
  }
  const cases: Readonly<Record<string, () => Promise<Pick<Answered, 'status' | 'json' | 'headers'>>>> = {
    '400 invalid_value': () => refused({ ...chat, temperature: -1 }),
    '400 missing_required_parameter': () => refused({}),
    '400 unknown_parameter': () => refused({ ...chat, nonsense: 1 }),
    '400 unsupported_parameter': () => refused({ ...chat, best_of: 2 }),
    '400 unsupported_model': () => ask(serverOf(engine), '/v1/embeddings', { input: 'red' }),
    '400 incomplete_request': incomplete,
    '400 context_length_exceeded': () => world.send(TEXT, { prompt: 'word '.repeat(600) }),
    '400 invalid_prompt': () => world.send(TEXT, { prompt: [100_000] }),
    '400 none': () => refused('{'),
    '401 invalid_api_key': () => ask(serverOf(engine, { apiKeys: ['key'] }), CHAT, chat),
    '403 origin_not_allowed': () => world.send(CHAT, chat, header({ Origin: 'https://evil.example', Host: 'a' })),
    '403 host_not_allowed': () => ask(serverOf(engine, { hostNames: ['a'] }), CHAT, chat, header({ Host: 'b' })),
    '404 not_found': () => world.send('/v2', undefined),
    '404 model_not_found': () => refused({ ...chat, model: 'gpt-4' }),
    '405 method_not_allowed': () => world.send(CHAT, undefined),
    '413 request_too_large': () => ask(serverOf(engine, { bodyLimit: 10 }), CHAT, chat),
    '415 none': () => world.send(CHAT, chat, header({ 'Content-Type': 'text/plain' })),
    '500 internal_error': () => ask(serverOf(failing(engine, new Error('secret'))), CHAT, chat),
    '503 queue_full': () => meanwhile((server) => ask(server, CHAT, chat)),
    '503 shutting_down': () =>
      meanwhile(async (server) => {
        const drained = server.drain(0)
        const refusal = await ask(server, CHAT, chat)
        await drained
        return refusal
      }),
    '503 aborted': async () => {
      const { server, first } = await atWork()
      await server.drain(0)
      return first
    },
    '503 timed_out': () => ask(serverOf(engine, { answerSeconds: 0.001 }), CHAT, long),
    '503 busy': () => meanwhile((server) => ask(server, '/slots?fail_on_no_slot=1')),
    '503 out_of_memory': () => ask(serverOf(failing(engine, new UsageError('out-of-memory', 'x'))), CHAT, chat),
  }

  it.each(errors)('%s', async (name) => {
    const bring = cases[name]
    expect(bring, 'a test').toBeDefined()
    const { status, json, headers } = (await bring?.()) ?? (await refused({}))
    expect(`${status} ${json.error?.code ?? 'none'}`).toBe(name)
    expect(json.error?.message).toBeTypeOf('string')
    expect(json.error?.message).not.toContain('secret')
    expect(json.error?.type).toBe(status >= 500 ? 'server_error' : 'invalid_request_error')
    if (status === 503) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    if (/param/.test(errors.find(([other]) => other === name)?.[1]['When'] ?? '')) {
      expect(json.error?.param).toBeTypeOf('string')
    }
  })

  /** Nobody hears this answer, but the log does. */
  async function incomplete(): Promise<Pick<Answered, 'status' | 'json' | 'headers'>> {
    const lines: { status?: number; code?: string }[] = []
    const note = (fields: object): void => void lines.push(fields)
    const logger = { info: note, warn: note, error: note }
    const listening = await listen(serverOf(engine, { logger }), { host: '127.0.0.1', port: 0 })
    const socket = connect(Number(new URL(listening.url).port), '127.0.0.1')
    socket.write(
      `POST ${CHAT} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"mess`,
    )
    await once(socket, 'connect')
    socket.end()
    const found = (): (typeof lines)[number] | undefined => lines.find(({ code }) => code !== undefined)
    while (!found()) await new Promise(setImmediate)
    socket.destroy()
    await listening.close(100)
    const { status = 0, code = '' } = found() ?? {}
    const error = { message: 'in the log', param: null, code, type: 'invalid_request_error' }
    return { status, headers: new Headers(), json: { error } as Answered['json'] }
  }
})
