/**
 * Requests with a draft head: the same tokens as plain decoding whatever the head says, nothing left behind, prompts that
 * share a beginning, aborts; and that the head sees the right features beside the right tokens, which no text would tell.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { DrafterOptions } from '../../src/draft/index.ts'
import { openEngine, type Engine, type GenerateRequest, type SpeculativeOptions } from '../../src/engine/index.ts'
import { liveHandles } from '../../src/ffi/index.ts'
import type { TinyHeadOptions } from '../../scripts/make-tiny-head.ts'
import type { TinyOptions } from '../../scripts/make-tiny-model.ts'
import { tinyFile, tinyHeadFile } from '../tiny.ts'

let cacheDir: string
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-head-'))
})
afterAll(async () => {
  await rm(cacheDir, { recursive: true })
  expect(liveHandles()).toEqual({})
})

const requests = ['one two one two', 'red blue red blue red', 'a b c a b c'].map((prompt, index): GenerateRequest => ({
  prompt,
  maxTokens: 60,
  ignoreEos: true,
  temperature: index % 2,
  seed: 7,
}))

const pairs: Record<string, { readonly target: TinyOptions; readonly head: TinyHeadOptions }> = {
  'a quantised pair on the kernels': { target: { weightType: 'q8_0' }, head: { weightType: 'q8_0' } },
  'a float pair': { target: {}, head: { vocabularyStep: 2 } },
  'a head that borrows everything': { target: { weightType: 'q4_0' }, head: { ownOutput: false } },
}

async function open(path: string, options: object = {}): Promise<Engine> {
  return openEngine(path, { threads: 1, cacheDir, speculative: 'off', ...options })
}

async function tokens(engine: Engine, request: GenerateRequest, speculative: SpeculativeOptions): Promise<number[]> {
  return [...(await engine.complete({ ...request, speculative })).tokens]
}

describe('the text is that of plain decoding', () => {
  for (const [name, { target, head }] of Object.entries(pairs)) {
    it.each([
      { policy: 'eagle' },
      { policy: 'fixed', width: 1, depth: 5, nodes: 5 },
      { policy: 'goodput' },
      { policy: 'heterospec' },
      // Entropies of random heads, so that rounds fall into every bin.
      { policy: 'heterospec', topK: 4, depth: 2, totalTokens: 14, edges: [2.3, 2.8, 3.3] },
    ] as const)(`${name}, %j`, async (budget) => {
      const drafter = { method: 'eagle3', path: await tinyHeadFile(head) } as const
      await using engine = await open(await tinyFile(target))
      for (const request of requests) {
        const plain = await tokens(engine, request, 'off')
        const result = await engine.complete({ ...request, speculative: { drafter, budget } })
        expect([...result.tokens]).toEqual(plain)
        if (budget.policy !== 'goodput') expect(result.timings.draft_n).toBeGreaterThan(100)
      }
    })
  }

  it.each([
    { policy: 'eagle' },
    { policy: 'goodput' },
    { policy: 'heterospec', topK: 4, depth: 2, totalTokens: 14, edges: [2.3, 2.8, 3.3] },
    { policy: 'fixed', width: 1, depth: 5, nodes: 5 },
  ] as const)('of a head merged with cheap sources, %j', async (budget) => {
    const path = await tinyHeadFile({ weightType: 'q8_0' })
    const drafter: DrafterOptions = { method: 'combined', sources: ['lookup', 'recycling', 'eagle3'], eagle3: { path } }
    await using engine = await open(await tinyFile({ weightType: 'q8_0' }))
    for (const request of requests) {
      const plain = await tokens(engine, request, 'off')
      expect(await tokens(engine, request, { drafter, budget })).toEqual(plain)
    }
  })

  it('of the default model, with random heads and as a source of combined', async () => {
    const target = inject('modelPath')
    const path = await tinyHeadFile({ target, weightType: 'q8_0', draftVocabSize: 8192 })
    await using engine = await open(target, { context: 512 })
    const request = { prompt: 'The three rivers of the valley are', maxTokens: 40, ignoreEos: true } as const
    const drafters: DrafterOptions[] = [
      { method: 'eagle3', path },
      { method: 'combined', sources: ['lookup', 'recycling', 'eagle3'], eagle3: { path } },
    ]
    for (const sampling of [{}, { temperature: 1, seed: 3 }]) {
      const plain = await tokens(engine, { ...request, ...sampling }, 'off')
      for (const drafter of drafters) {
        const budget = { policy: 'fixed', depth: 4, width: 4, nodes: 10 } as const
        expect(await tokens(engine, { ...request, ...sampling }, { drafter, budget })).toEqual(plain)
      }
    }
  })
})

describe('requests with a head', () => {
  const budget = { policy: 'fixed', depth: 3, width: 2, nodes: 6 } as const
  const speculation = async (): Promise<SpeculativeOptions> => ({
    drafter: { method: 'eagle3', path: await tinyHeadFile({ weightType: 'q8_0' }) },
    budget,
  })

  it('do not notice each other, and wait where there are more than sequences', async () => {
    const speculative = await speculation()
    await using engine = await open(inject('tinyModelPath'), { sequences: 2, speculative })
    const plain: number[][] = []
    for (const request of requests) plain.push(await tokens(engine, request, 'off'))
    const together = [...requests, ...requests].map((request) => tokens(engine, request, speculative))
    expect(await Promise.all(together)).toEqual([...plain, ...plain])
  })

  it('go on where an earlier one that begins alike ended', async () => {
    const speculative = await speculation()
    await using engine = await open(inject('tinyModelPath'), { speculative })
    const first = await engine.complete(requests[0]!)
    const prompt = `${requests[0]!.prompt as string}${first.text} and so on`
    const expected = await tokens(engine, { ...requests[0]!, prompt, cachePrompt: false }, 'off')
    await engine.complete({ ...requests[0]!, cachePrompt: false })
    const next = await engine.complete({ ...requests[0]!, prompt })
    expect(next.timings.cache_n).toBeGreaterThan(0)
    expect([...next.tokens]).toEqual(expected)
  })

  it('may be aborted and left half-way', async () => {
    const speculative = await speculation()
    await using engine = await open(inject('tinyModelPath'), { speculative })
    const controller = new AbortController()
    for await (const event of engine.generate({ ...requests[0]!, maxTokens: 1000, signal: controller.signal })) {
      if (event.type === 'round') controller.abort()
    }
    for await (const event of engine.generate(requests[1]!)) if (event.type === 'round') break
    expect(await tokens(engine, requests[2]!, speculative)).toEqual(await tokens(engine, requests[2]!, 'off'))
  })
})
