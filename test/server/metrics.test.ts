/** Metrics beside those of good answers: failures, clients that leave, texts that are read for vectors, how the cache is divided. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import type { ServerApp } from '../../src/server/index.ts'
import { ask, closeTiny, failing, openTiny, serverOf } from './open.ts'

const chat = '/v1/chat/completions'
const body = { messages: [{ role: 'user', content: 'red blue' }], temperature: 0, max_tokens: 4, ignore_eos: true }

let engine: Engine & { readonly folder: string }
beforeAll(async () => {
  engine = await openTiny({ context: 520 })
})
afterAll(() => closeTiny(engine))

async function linesOf(server: ServerApp): Promise<string[]> {
  return (await ask(server, '/metrics')).text.split('\n')
}

/** The value of the only line with this name and these labels. */
async function valueOf(server: ServerApp, name: string, label = ''): Promise<number> {
  const lines = (await linesOf(server)).filter((line) => /^[^{ ]+/.exec(line)?.[0] === name && line.includes(label))
  expect(lines, `${name} ${label}`).toHaveLength(1)
  return Number(lines[0]?.split(' ').at(-1))
}

describe('request_success_total', () => {
  it('counts answers that failed as errors, and what clients left as aborted', async () => {
    const broken = serverOf(failing(engine, new Error('broken')), { metrics: ['vllm'] })
    expect((await ask(broken, chat, body)).status).toBe(500)
    expect((await ask(broken, chat, { ...body, stream: true })).text).toContain('internal_error')
    const count = (server: ServerApp, reason: string): Promise<number> =>
      valueOf(server, 'vllm:request_success_total', `finished_reason="${reason}"`)
    expect([await count(broken, 'error'), await count(broken, 'stop'), await count(broken, 'abort')]).toEqual([2, 0, 0])
    const left = serverOf(engine, { metrics: ['vllm'] })
    const leaving = new AbortController()
    const asked = ask(left, chat, { ...body, max_tokens: 400 }, { signal: leaving.signal })
    while (left.gate.running === 0) await new Promise(setImmediate)
    leaving.abort()
    await asked.catch(() => undefined)
    expect([await count(left, 'error'), await count(left, 'abort')]).toEqual([0, 1])
  })
})

describe('embeddings', () => {
  it('are prompt tokens, and each text ends well, in every set of names', async () => {
    const server = serverOf(engine, {
      metrics: ['heterospec', 'vllm', 'llamacpp', 'vllm', 'heterospec', 'llamacpp'],
      pooling: 'mean',
    })
    const { text } = await ask(server, '/v1/embeddings', { input: ['red blue', 'green'] })
    const { usage } = JSON.parse(text) as { usage: { prompt_tokens: number } }
    for (const prefix of ['heterospec', 'vllm']) {
      expect(await valueOf(server, `${prefix}:prompt_tokens_total`)).toBe(usage.prompt_tokens)
      expect(await valueOf(server, `${prefix}:request_success_total`, 'finished_reason="stop"')).toBe(2)
      expect(await valueOf(server, `${prefix}:e2e_request_latency_seconds_count`)).toBe(2)
      expect(await valueOf(server, `${prefix}:generation_tokens_total`)).toBe(0)
    }
    expect(await valueOf(server, 'llamacpp:prompt_tokens_total')).toBe(usage.prompt_tokens)
    expect(await valueOf(server, 'llamacpp:prompt_seconds_total')).toBeGreaterThan(0)
  })

  it('that fail are errors', async () => {
    const server = serverOf(engine, { metrics: ['vllm'], pooling: 'mean' })
    expect((await ask(server, '/v1/embeddings', { input: [[0]], dimensions: 2 })).status).toBe(400)
    expect(await valueOf(server, 'vllm:request_success_total', 'finished_reason="error"')).toBe(0)
    const broken = failing(engine, new Error('broken'), 'embed')
    const failed = serverOf(broken, { metrics: ['vllm'], pooling: 'mean' })
    expect((await ask(failed, '/v1/embeddings', { input: 'red' })).status).toBe(500)
    expect(await valueOf(failed, 'vllm:request_success_total', 'finished_reason="error"')).toBe(1)
  })
})

describe('cache_config_info', () => {
  it('tells blocks as gateways read them', async () => {
    const server = serverOf(engine, { metrics: ['vllm'] })
    const line = (await linesOf(server)).find((text) => text.startsWith('vllm:cache_config_info{'))
    expect(line?.endsWith(' 1')).toBe(true)
    const label = (name: string): string | undefined => new RegExp(`[{,]${name}="([^"]*)"`).exec(line ?? '')?.[1]
    expect(label('model_name')).toBe('tiny')
    const [size, blocks] = ['block_size', 'num_gpu_blocks'].map((name) => Number(label(name)))
    expect(size).toBe(16)
    expect(blocks).toBe(Math.floor(engine.cacheTokens / 16))
    expect(label('kv_cache_size_tokens')).toBe(String(engine.cacheTokens))
  })
})
