import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  characterTokenizer,
  chatEvent,
  fakeServer,
  json,
  stream,
  taskOf,
  type FakeAnswer,
} from '../../../test/fakes/servers.ts'
import { serverSide, type ServerOptions } from './server.ts'

const models = json({ data: [{ id: 'first' }, { id: 'second' }] })
const usage = `data: ${JSON.stringify({ choices: [], usage: { completion_tokens: 5 } })}\n\n`
const done = 'data: [DONE]\n\n'

function open(url: string, changes: Partial<ServerOptions> = {}) {
  return serverSide({ url, context: 100, tokenizer: characterTokenizer, ...changes })
}

afterEach(() => void vi.restoreAllMocks())

/** A clock that stands still until it is moved, and knows whether the time that it shows was read. */
function ownClock() {
  let [nowMs, isRead] = [0, false]
  vi.spyOn(performance, 'now').mockImplementation(() => {
    isRead = true
    return nowMs
  })
  return {
    move(ms: number): void {
      nowMs += ms
      isRead = false
    },
    async wasRead(): Promise<void> {
      while (!isRead) await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

/** One sentence: what was expected, what came, what to do. */
const sentence = /^expected [^\n]+, got [^\n]+; [^\n]+$/

describe('a server with chat completions', () => {
  it('is asked with messages, streamed, and its text counted by our tokenizer', async () => {
    const pieces = [chatEvent(null), chatEvent('He'), chatEvent('llo'), chatEvent(null, 'stop'), usage, done]
    // The first piece of text is the second event, the word that it ended the fourth, and two more come after it.
    const timed = pieces.slice(1, 4)
    const clock = ownClock()
    await using server = await fakeServer({
      '/v1/models': models,
      '/v1/chat/completions': async (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
        for (const piece of pieces) {
          clock.move(40)
          response.write(piece)
          if (timed.includes(piece)) await clock.wasRead()
        }
        response.end()
      },
    })
    await using side = await open(`${server.url}/v1/`, { key: 'k' })
    const outcome = await side.run(taskOf('Hi', { temperature: 0.5 }))
    expect(outcome).toMatchObject({ text: 'Hello', tokens: [72, 101, 108, 108, 111], ended: true, calls: null })
    expect(outcome).toMatchObject({ firstTokenMs: 80, decodeMs: 80 })
    expect(side.info).toMatchObject({ name: 'server', plain: 'server', kind: 'server' })
    expect(side.info.details).toMatchObject({ model: 'first', counted: { answers: 1, byUs: 5, byServer: 5 } })
    const { body, headers } = server.requests.at(-1)!
    expect(body).toEqual({
      model: 'first',
      messages: [{ role: 'user', content: 'Hi' }],
      ...{ max_tokens: 16, temperature: 0.5, seed: 7, stream: true, stream_options: { include_usage: true } },
    })
    expect(headers.authorization).toBe('Bearer k')
  })

  it('may cut its stream anywhere, within a character too', async () => {
    const bytes = new TextEncoder().encode(`: comment\n\n${chatEvent('größer 🦙')}${chatEvent('', 'length')}`)
    const pieces = Array.from({ length: bytes.length / 3 + 1 }, (_, at) => bytes.slice(3 * at, 3 * at + 3))
    await using server = await fakeServer({ '/v1/models': models, '/v1/chat/completions': stream(pieces) })
    await using side = await open(server.url)
    expect(await side.run(taskOf('Hi'))).toMatchObject({ text: 'größer 🦙', ended: false })
  })

  const hostile: Record<string, [FakeAnswer, RegExp, silenceMs?: number]> = {
    'an error with a message': [json({ error: { message: 'out of memory' } }, 500), /HTTP 500: out of memory/],
    'an error without JSON': [(response) => void response.writeHead(502).end('<html>\nBad'), /HTTP 502: <html> Bad/],
    'a missing key': [json({ error: 'no key' }, 401), /HTTP 401: no key; give its key/],
    'an answer that is not streamed': [json({ choices: [] }), /application\/json instead of a stream/],
    'events that are no JSON': [stream(['data: {"choices": [\n\n']), /an event that is no JSON/],
    'events of another form': [stream(['data: {"choices": 3}\n\n']), /an event of another form/],
    'an error half way': [stream([chatEvent('a'), 'data: {"error":{"message":"full"}}\n\n']), /an error: full/],
    'half an event and no more': [stream([chatEvent('a'), 'data: {"cho']), /an answer without an end/],
    'a cut connection': [stream([chatEvent('a')], { end: 'cut', pauseMs: 20 }), /closed half way/],
    'silence half way': [stream([chatEvent('a')], { end: 'never' }), /nothing for 0\.3 s/, 300],
    'silence from the start': [() => undefined, /nothing for 0\.3 s/, 300],
  }
  for (const [name, [answer, message, silenceMs]] of Object.entries(hostile)) {
    it(`is told in one sentence about ${name}`, async () => {
      await using server = await fakeServer({ '/v1/models': models, '/v1/chat/completions': answer })
      await using side = await open(server.url, { silenceMs })
      const error = await side.run(taskOf('Hi')).catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'peer-failed', message: expect.stringMatching(message) as string })
      expect((error as Error).message).toMatch(sentence)
    })
  }

  it('lets go of an answer on an abort', async () => {
    const controller = new AbortController()
    const begun = stream([chatEvent('a')], { end: 'never' })
    await using server = await fakeServer({
      '/v1/models': models,
      '/v1/chat/completions': async (response, request) => {
        await begun(response, request)
        controller.abort(new Error('enough'))
      },
    })
    await using side = await open(server.url)
    await expect(side.run(taskOf('Hi', { signal: controller.signal }))).rejects.toMatchObject({ code: 'aborted' })
    await expect.poll(() => server.given.up, { timeout: 60_000 }).toBe(1)
  })

  it('has to be there, and to say which model it has', async () => {
    // A port that was free a moment ago may be anybody's now; nobody listens on this one.
    await expect(open('http://127.0.0.1:1')).rejects.toThrow(/refused connection; start the server/)
    await expect(open('127.0.0.1:80')).rejects.toMatchObject({ code: 'bad-option' })
    await using empty = await fakeServer({ '/v1/models': json({ data: [] }) })
    await expect(open(empty.url)).rejects.toThrow(/no list of models; name the model with --server-model/)
    await using side = await open(empty.url, { model: 'mine' })
    expect(side.info.details).toMatchObject({ model: 'mine' })
  })
})

describe('a server that is llama-server', () => {
  const props = json({ default_generation_settings: { n_ctx: 128 }, build_info: 'b1', model_path: 'm.gguf' })
  const tokenize: FakeAnswer = (response, request) =>
    json({ tokens: characterTokenizer.tokenize(request.body['content'] as string) })(response, request)
  const timings = { prompt_ms: 5, predicted_n: 4, predicted_ms: 20 }

  it('gets token ids and gives token ids and its own times', async () => {
    const clock = ownClock()
    await using server = await fakeServer({
      '/props': props,
      '/tokenize': tokenize,
      '/completion': async (response, request) => {
        clock.move(50)
        await json({ tokens: [65, 66, 67, 0], stop_type: 'eos', timings })(response, request)
      },
    })
    await using side = await open(server.url)
    const outcome = await side.run(taskOf('Hi'))
    expect(outcome).toMatchObject({
      tokens: [65, 66, 67],
      text: 'ABC',
      ended: true,
      decodeMs: 20,
      calls: 3,
      verified: 3,
      firstTokenMs: 30, // 50 waited, 20 of them decoded
    })
    expect(server.requests.at(-1)?.body).toMatchObject({
      ...{ prompt: [72, 105], n_predict: 16, temperature: 0, seed: 7 },
      ...{ cache_prompt: false, return_tokens: true, stream: false, top_k: 1 },
    })
    expect(side.info.details).toMatchObject({ api: 'completion', build: 'b1', model: 'm.gguf', context: 128 })
  })

  it('tells what it drafted', async () => {
    const drafted = { ...timings, predicted_n: 10, draft_n: 12, draft_n_accepted: 6 }
    const answer = json({ tokens: [65], stop_type: 'limit', timings: drafted })
    await using server = await fakeServer({ '/props': props, '/tokenize': tokenize, '/completion': answer })
    await using side = await open(server.url)
    // 9 tokens after the first: 6 accepted and one more in each of 3 passes, which had 12 rows besides their roots.
    expect(await side.run(taskOf('Hi', { temperature: 1 }))).toMatchObject({
      ...{ calls: 3, verified: 15, drafted: 12, accepted: 6, ended: false, tokens: [65] },
    })
    expect(server.requests.at(-1)?.body).toMatchObject({ temperature: 1, samplers: ['temperature'] })
  })

  it('has to have the same vocabulary, enough context and timings', async () => {
    const wrong = { '/props': props, '/tokenize': json({ tokens: [1, 2] }) }
    await using other = await fakeServer(wrong)
    await expect(open(other.url)).rejects.toThrow(/another model \(m\.gguf\); start the server with the model/)
    await using right = await fakeServer({
      '/props': props,
      '/tokenize': tokenize,
      '/completion': json({ tokens: [1] }),
    })
    await expect(open(right.url, { context: 129 })).rejects.toThrow(/context of 128 tokens; start .* --ctx-size 129/)
    await using side = await open(right.url)
    await expect(side.run(taskOf('Hi'))).rejects.toThrow(/JSON without tokens and timings; use llama-server/)
  })
})
