/** `/v1/embeddings`: OpenAI's request and answer, refusals, and company of answers in work. `test/oracle` checks the numbers. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEngine, type Engine } from '../../src/engine/index.ts'
import { encodeGguf } from '../../src/gguf/index.ts'
import { listen } from '../../src/server/index.ts'
import { tinyModel } from '../fixtures/tiny.ts'
import { ask, closeTiny, openTiny, serverOf, untilIdle } from './open.ts'

const path = '/v1/embeddings'

let engine: Engine & { readonly folder: string }
beforeAll(async () => {
  engine = await openTiny({ sequences: 2 })
})
afterAll(() => closeTiny(engine))

interface Embedded {
  readonly object: string
  readonly model: string
  readonly data: { readonly index: number; readonly embedding: number[] | string }[]
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number }
}

async function embed(body: object): Promise<Embedded> {
  const { status, text } = await ask(serverOf(engine, { pooling: 'mean' }), path, body)
  expect(status, text).toBe(200)
  return JSON.parse(text) as Embedded
}

function floatsOf(embedding: number[] | string | undefined): number[] {
  if (typeof embedding !== 'string') return embedding ?? []
  const bytes = Buffer.from(embedding, 'base64')
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(4 * index))
}

describe('embeddings', () => {
  it('are the same however a text is given, alone or with others', async () => {
    const ids = engine.tokenizer.tokenize('red blue')
    const one = await embed({ input: 'red blue', model: 'tiny' })
    expect(one).toMatchObject({
      object: 'list',
      model: 'tiny',
      usage: { prompt_tokens: ids.length, total_tokens: ids.length },
    })
    const vector = one.data[0]?.embedding as number[]
    expect(vector).toHaveLength(engine.spec.width)
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
    const several = await embed({ input: ['green', 'red blue'] })
    expect(several.data.map(({ index }) => index)).toEqual([0, 1])
    expect(several.data[1]?.embedding).toEqual(vector)
    expect(several.data[0]?.embedding).not.toEqual(vector)
    expect((await embed({ input: ids })).data[0]?.embedding).toEqual(vector)
    expect((await embed({ input: [ids, [5]] })).data[0]?.embedding).toEqual(vector)
    const packed = await embed({ input: 'red blue', encoding_format: 'base64', dimensions: engine.spec.width })
    expect(floatsOf(packed.data[0]?.embedding).map(Math.fround)).toEqual(vector.map(Math.fround))
  })

  it('are those of the pooling that the server was started with, or that the file names', async () => {
    const { metadata, ...rest } = tinyModel()
    const file = join(engine.folder, 'pooled.gguf')
    const pooled = { ...metadata, 'llama.pooling_type': { type: 'u32', value: 3 } as const }
    await writeFile(file, encodeGguf({ ...rest, metadata: pooled }))
    await using named = await openEngine(file, { threads: 1, cacheDir: engine.folder, speculative: 'off' })
    const vectors = await Promise.all(
      [undefined, 'last', 'mean', 'cls'].map(async (pooling) => {
        const server = serverOf(named, pooling === undefined ? {} : { pooling: pooling as 'mean' })
        const { text } = await ask(server, path, { input: 'red blue green' })
        return (JSON.parse(text) as Embedded).data[0]?.embedding
      }),
    )
    expect(vectors[0]).toEqual(vectors[1])
    expect(new Set(vectors.map((vector) => JSON.stringify(vector))).size).toBe(3)
  })

  it('are refused where nobody says how rows are pooled', async () => {
    const { status, json } = await ask(serverOf(engine), path, { input: 'red' })
    expect(status).toBe(400)
    expect(json.error?.message).toMatch(/^expected a model made for embeddings .*--pooling$/)
  })

  it.each([
    [{}, 'input'],
    [{ input: [] }, 'input'],
    [{ input: 7 }, 'input'],
    [{ input: ['red', 7] }, 'input'],
    [{ input: 'red', encoding_format: 'hex' }, 'encoding_format'],
    [{ input: 'red', dimensions: 7 }, 'dimensions'],
    [{ input: 'red', truncate_prompt_tokens: 5 }, 'truncate_prompt_tokens'],
    [{ input: 'red', temperature: 1 }, 'temperature'],
    [{ input: '' }, null],
    [{ input: [9999999] }, null],
    [{ input: new Array<number>(3000).fill(5) }, null],
  ])('refuse what they cannot do: %#', async (body, param) => {
    const { status, json } = await ask(serverOf(engine, { pooling: 'mean' }), path, body)
    expect(status).toBe(400)
    expect(json.error?.param).toBe(param)
  })

  it('share the model with answers: neither changes the other', async () => {
    const server = serverOf(engine, { pooling: 'last' })
    const chat = {
      messages: [{ role: 'user', content: 'red blue' }],
      temperature: 0,
      max_tokens: 100,
      ignore_eos: true,
    }
    const text = { input: 'one two three '.repeat(40) }
    const alone = [await ask(server, '/v1/chat/completions', chat), await ask(server, path, text)] as const
    const together = await Promise.all([
      ask(server, '/v1/chat/completions', chat),
      ask(server, path, text),
      ask(server, '/v1/chat/completions', chat),
      ask(server, path, text),
    ])
    for (const index of [0, 2]) expect(together[index]?.json.choices).toEqual(alone[0].json.choices)
    for (const index of [1, 3]) expect(together[index]?.text).toBe(alone[1].text)
  })

  it('end within a pass when the client leaves, in work or waiting', async () => {
    const server = serverOf(engine, { pooling: 'last' })
    const controller = new AbortController()
    const input = new Array<number[]>(200).fill(new Array<number>(500).fill(7))
    const asked = Array.from({ length: 4 }, () => ask(server, path, { input }, { signal: controller.signal }))
    while (server.gate.waiting < 2) await sleep(5)
    controller.abort()
    await Promise.allSettled(asked)
    await untilIdle(server)
    expect((await ask(server, path, { input: 'red' })).status).toBe(200)
  })

  it("come through OpenAI's package", async () => {
    const listening = await listen(serverOf(engine, { pooling: 'mean' }), { host: '127.0.0.1', port: 0 })
    const client = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: 'none', maxRetries: 0 })
    const { data } = await client.embeddings.create({ model: 'tiny', input: ['red', 'blue'] })
    expect(data.map(({ embedding }) => embedding.length)).toEqual([engine.spec.width, engine.spec.width])
    await listening.close(100)
  })
})
