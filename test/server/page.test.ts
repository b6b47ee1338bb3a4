/** The page's files over HTTP, and what the page asks of the interface: rounds in streams, texts of tokens. */
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, RoundTrace } from '../../src/engine/index.ts'
import { policies } from '../../src/policy/index.ts'
import { listen } from '../../src/server/index.ts'
import { readSpeculation } from '../../src/server/speculation.ts'
import {
  budgets,
  defaultSettings,
  methods,
  requestOf,
  speculativeOf,
  type Speculation,
} from '../../src/page/data/settings.ts'
import { readRound } from '../../src/page/data/rounds.ts'
import type { Round } from '../../src/page/types.ts'
import { ask, closeTiny, eventsOf, openTiny, serverOf } from './open.ts'

let engine: Engine & { readonly folder: string }
let folder: string

beforeAll(async () => {
  engine = await openTiny()
  folder = await mkdtemp(join(tmpdir(), 'heterospec-page-'))
  await mkdir(join(folder, 'page', 'assets'), { recursive: true })
  await writeFile(join(folder, 'page', 'index.html'), '<!doctype html><title>the page</title>')
  await writeFile(join(folder, 'page', 'assets', 'index-1.js'), 'const one = 1')
  await writeFile(join(folder, 'page', 'notes.txt'), 'no file of a page')
  await writeFile(join(folder, 'secret.js'), 'const secret = 1')
})

afterAll(async () => {
  await closeTiny(engine)
  await rm(folder, { recursive: true, force: true })
})

const withPage = (options = {}): ReturnType<typeof serverOf> =>
  serverOf(engine, { page: join(folder, 'page'), ...options })

describe('the page', () => {
  it('comes with a policy that lets in nothing but its own files', async () => {
    const server = withPage()
    const page = await ask(server, '/')
    expect(page).toMatchObject({ status: 200, text: '<!doctype html><title>the page</title>' })
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self';")
    expect(policy).not.toMatch(/unsafe|https?:|\*/)
    expect(page.headers.get('cache-control')).toBe('no-cache')
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    const script = await ask(server, '/assets/index-1.js')
    expect(script).toMatchObject({ status: 200, text: 'const one = 1' })
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(script.headers.get('cache-control')).toContain('immutable')
    const head = await server.app.request('/', { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  it('needs no key, and what it asks for does', async () => {
    const server = withPage({ apiKeys: ['one'] })
    expect((await ask(server, '/')).status).toBe(200)
    expect((await ask(server, '/assets/index-1.js')).status).toBe(200)
    expect((await ask(server, '/v1/models')).status).toBe(401)
    expect((await ask(server, '/notes.txt')).status).toBe(401)
  })

  it('leads to no other file, however the path is spelled', async () => {
    const listening = await listen(withPage(), { host: '127.0.0.1', port: 0 })
    const { hostname, port } = new URL(listening.url)
    // fetch would tidy the paths up before it sends them.
    const get = async (path: string): Promise<{ readonly status: number | undefined; readonly text: string }> => {
      const [response] = (await once(request({ hostname, port, path }).end(), 'response')) as [IncomingMessage]
      return { status: response.statusCode, text: await text(response) }
    }
    const paths = [
      '/../secret.js',
      '/assets/../../secret.js',
      '/%2e%2e/secret.js',
      '/assets/..%2f..%2fsecret.js',
      '/..\\secret.js',
      '/assets/%00index-1.js',
      '/notes.txt',
      '/assets',
      '//secret.js',
      `${folder}/secret.js`,
    ]
    for (const path of paths) {
      const answer = await get(path)
      expect([400, 404], path).toContain(answer.status)
      expect(answer.text, path).not.toContain('const')
    }
    expect(await get('/assets/index-1.js')).toEqual({ status: 200, text: 'const one = 1' })
    await listening.close(0)
  })

  it('says what to do where it was not built, and is not there where nobody wants it', async () => {
    const unbuilt = await ask(withPage({ page: join(folder, 'nothing') }), '/')
    expect(unbuilt.status).toBe(404)
    expect(unbuilt.json.error?.message).toContain('npm run build')
    const unwanted = await ask(withPage({ page: false }), '/')
    expect(unwanted.status).toBe(404)
    expect(unwanted.json.error?.message).not.toContain('npm run build')
    expect((await ask(withPage(), '/', {})).status).toBe(405)
  })
})

describe('rounds in a stream', () => {
  const body = {
    messages: [{ role: 'user', content: 'red blue red blue' }],
    max_tokens: 30,
    temperature: 0,
    stream: true,
  }
  interface RoundChunk {
    readonly choices: readonly unknown[]
    readonly round?: { readonly index: number; readonly trace: RoundTrace; readonly pieces: Record<string, unknown> }
  }

  async function chunksOf(more: object): Promise<RoundChunk[]> {
    const answered = await ask(withPage(), '/v1/chat/completions', { ...body, ignore_eos: true, ...more })
    expect(answered.status).toBe(200)
    return eventsOf(answered.text).filter((event) => event !== '[DONE]')
  }

  it('come only when asked for, one event each, and tell every token of theirs once', async () => {
    const without = await chunksOf({ stream_options: { include_usage: true } })
    expect(without.some((chunk) => 'round' in chunk)).toBe(false)
    const chunks = await chunksOf({ stream_options: { include_rounds: true } })
    const rounds = chunks.flatMap(({ round }) => (round ? [round] : []))
    expect(chunks.filter(({ round, choices }) => round && choices.length > 0)).toEqual([])
    expect(rounds.map(({ trace }) => trace.round)).toEqual(rounds.map((_, index) => index))
    // The first token of an answer comes from its prompt and is the root of the first round.
    expect(rounds.reduce((sum, { trace }) => sum + trace.emitted.length, 1)).toBe(30)
    const told = rounds.flatMap(({ pieces }) => Object.keys(pieces))
    expect(new Set(told).size).toBe(told.length)
    const tokens = rounds.flatMap(({ trace }) => [
      ...trace.tree.tokens,
      ...(trace.pruned?.tokens ?? []),
      ...trace.emitted,
    ])
    expect(tokens.filter((token) => !told.includes(String(token)))).toEqual([])
    expect(rounds.find(({ trace }) => trace.drafted > 0)?.trace.sourceNames).toEqual(['lookup', 'recycling'])
  })

  it('are what the page reads', async () => {
    const chunks = await chunksOf({ stream_options: { include_rounds: true } })
    for (const { round } of chunks) if (round) expect(readRound(round.trace)).toEqual(round.trace)
    // The page's own idea of a round may not drift away from the engine's.
    const check = (trace: RoundTrace): Round => trace
    expect(check).toBeTypeOf('function')
  })

  it('do not change the answer, and tell their choice', async () => {
    const contents = (chunks: readonly RoundChunk[]): string =>
      (chunks as unknown as { choices: { index: number; delta: { content?: string } }[] }[])
        .flatMap(({ choices }) => choices.filter(({ index }) => index === 0))
        .map(({ delta }) => delta.content ?? '')
        .join('')
    const chunks = await chunksOf({ stream_options: { include_rounds: true }, n: 2 })
    expect(contents(chunks)).toBe(contents(await chunksOf({})))
    const choices = new Set(chunks.flatMap(({ round }) => (round ? [round.index] : [])))
    expect([...choices].sort()).toEqual([0, 1])
  })

  it('are refused where there is no stream', async () => {
    const asked = { ...body, stream: false, stream_options: { include_rounds: true } }
    const { status, json } = await ask(withPage(), '/v1/chat/completions', asked)
    expect(status).toBe(400)
    expect(json.error?.param).toBe('stream_options.include_rounds')
  })
})

it('tokens have texts one by one', async () => {
  const tokens = [...engine.tokenizer.tokenize('red ü', {})]
  const answered = await ask(withPage(), '/detokenize', { tokens, with_pieces: true })
  const { pieces, content } = JSON.parse(answered.text) as { pieces: (string | number[])[]; content: string }
  expect(pieces).toHaveLength(tokens.length)
  const bytes = pieces.flatMap((piece) => (typeof piece === 'string' ? [...Buffer.from(piece)] : piece))
  expect(Buffer.from(bytes).toString().trim()).toBe(content.trim())
  expect((await ask(withPage(), '/detokenize', { tokens })).text).not.toContain('pieces')
})

describe('settings of the page', () => {
  const names = Object.keys(methods) as Speculation['method'][]
  it.each(names)('make requests that this server knows: %s', async (method) => {
    const speculation = { method, budget: 'server', nodes: 4 } as const
    const settings = { ...defaultSettings, maxTokens: 2, speculation }
    const asked = requestOf(settings, [{ role: 'user', content: 'red' }], true)
    const { status, json } = await ask(withPage(), `/${asked.path}`, asked.body)
    // These two want a file, which this server was started without.
    const wantsFile = method === 'eagle3' || method === 'model'
    expect(status).toBe(wantsFile ? 400 : 200)
    if (wantsFile) expect(json.error?.message).toContain('start it with')
  })

  it('make one text of a conversation where the model does not chat', () => {
    const messages = [
      { role: 'user', content: 'red' },
      { role: 'assistant', content: ' blue' },
      { role: 'user', content: 'green' },
    ] as const
    const { path, body } = requestOf({ ...defaultSettings, system: 'Colours.\n' }, messages, false)
    expect([path, body]).toMatchObject(['v1/completions', { prompt: 'Colours.\n\nred blue\ngreen' }])
  })

  it('name every budget, and every one is known', async () => {
    expect(Object.keys(budgets).filter((name) => name !== 'server').sort()).toEqual(Object.keys(policies).filter((name) => name !== 'off').sort()) // prettier-ignore
    for (const budget of Object.keys(budgets) as Speculation['budget'][]) {
      const asked = speculativeOf({ method: 'lookup', budget, nodes: 4 }) as Record<string, unknown>
      expect(() => readSpeculation(asked, { options: {} })).not.toThrow()
    }
  })
})
