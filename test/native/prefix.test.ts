/** Beginnings that texts share: copied rows are the computed ones bit for bit, memory has its limit, and whoever wants none gets none. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openEngine, type Engine, type EngineOptions } from '../../src/engine/index.ts'
import { liveHandles } from '../../src/ffi/index.ts'
import { loadDraftHead, loadModel } from '../../src/model/index.ts'
import { defined } from '../../src/util/assert.ts'
import { bitsOf, someTokens, tinyFile, tinyHeadFile } from '../tiny.ts'

let cacheDir: string
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-prefix-'))
})
afterAll(async () => {
  await rm(cacheDir, { recursive: true })
  expect(liveHandles()).toEqual({})
})

describe('copied rows', () => {
  for (const moveOnDevice of [false, true]) {
    for (const kvType of ['f16', 'q8_0'] as const) {
      it(`are the computed ones, ${kvType}${moveOnDevice ? ', copied by the device' : ''}`, async () => {
        const path = await tinyFile({ weightType: 'q8_0' })
        await using model = await loadModel(path, {
          ...{ context: 256, sequences: 2, prefixBytes: 1 << 20, kvType, moveOnDevice },
        })
        const prefixes = defined(model.prefixes)
        const shared = someTokens(50)
        const texts = [[...shared, ...someTokens(30, 2)], [...shared, ...someTokens(40, 3)]] as const
        using one = model.open()
        using two = model.open()
        await one.prefill(texts[0])
        prefixes.save(one, texts[0])
        // Its own rows go; the copies stay.
        one.truncate(0)
        await one.prefill(someTokens(90, 9))
        expect(prefixes.load(two, texts[1], texts[1].length - 1)).toBe(50)
        const scores = await two.prefill(texts[1].slice(50))
        const bits = bitsOf(scores.logits(0))
        two.truncate(0)
        expect(bitsOf((await two.prefill(texts[1])).logits(0))).toEqual(bits)
      })
    }
  }
})

describe('evicted rows', () => {
  const FULL = { context: 256, sequences: 2, prefixBytes: engineBytes(128) } as const

  it.each(['lru', 'mark-predict'] as const)('come back as they are when they are computed anew (%s)', async (cacheEviction) => {
    await using model = await loadModel(await tinyFile({ weightType: 'q8_0' }), { ...FULL, cacheEviction })
    const prefixes = defined(model.prefixes)
    using cached = model.open()
    using fresh = model.open()
    let [found, evicted] = [0, 0]
    for (let at = 0; at < 40; at++) {
      // Two beginnings, each with texts that come once and one that is asked for again and again.
      const text = [...someTokens(35, at % 2), ...someTokens(30, at % 5 === 0 ? 3 : 10 + at)]
      cached.truncate(0)
      const known = prefixes.load(cached, text, text.length - 1)
      found += known
      const bits = bitsOf((await cached.prefill(text.slice(known))).logits(0))
      prefixes.save(cached, text)
      fresh.truncate(0)
      expect(bitsOf((await fresh.prefill(text)).logits(0))).toEqual(bits)
      expect(prefixes.use.tokens).toBeLessThanOrEqual(prefixes.use.capacity)
      evicted = prefixes.use.evicted
    }
    expect(found).toBeGreaterThan(40 * 16)
    expect(evicted).toBeGreaterThan(96)
    expect(prefixes.use).toMatchObject({ eviction: cacheEviction, capacity: 128 })
    expect(prefixes.use.predicted > 0).toBe(cacheEviction === 'mark-predict')
  })

  it('take a draft head’s with them', async () => {
    await using model = await loadModel(inject('tinyModelPath'), FULL)
    await using head = await loadDraftHead(await tinyHeadFile(), model, { sequences: 2 })
    const prefixes = defined(model.prefixes)
    using sequence = model.open()
    sequence.tap(head.spec.taps)
    using text = defined(head.open())
    const tokens = someTokens(81, 1)
    const features: Float32Array[] = []
    await sequence.prefill(tokens, { onFeatures: (_, rows) => void features.push(...rows) })
    await text.read(tokens.slice(1).map((next, position) => ({ position, next, features: defined(features[position]) })))
    prefixes.save(sequence, tokens)
    text.save?.(tokens)
    text.truncate(0)
    expect(text.load?.(tokens)).toBe(80)
    // Three blocks of the target's eight are free; this takes four, so the text's last one goes.
    sequence.truncate(0)
    await sequence.prefill(someTokens(64, 2))
    prefixes.save(sequence, someTokens(64, 2))
    expect(prefixes.use.evicted).toBe(16)
    text.truncate(0)
    expect(text.load?.(tokens)).toBe(64)
  })
})

const open = (options: EngineOptions): Promise<Engine> =>
  openEngine(inject('tinyModelPath'), { threads: 1, cacheDir, speculative: 'off', prefixCacheBytes: 1 << 20, ...options })
const ask = (engine: Engine, prompt: number[], more: object = {}) =>
  engine.complete({ prompt: Int32Array.from(prompt), maxTokens: 5, ignoreEos: true, ...more })

describe('requests', () => {
  const [first, second] = [someTokens(100, 1), someTokens(100, 2)]

  it('find what earlier ones have read, whoever used the sequence in between', async () => {
    await using engine = await open({})
    const fresh = await ask(engine, first)
    await ask(engine, second)
    const again = await ask(engine, [...first, ...fresh.tokens, 7])
    expect(fresh.timings.cache_n).toBe(0)
    // Prompt and answer, all but what fills no block.
    expect(again.timings.cache_n).toBe(96)
    await using other = await open({ prefixCacheBytes: 0 })
    expect(again.tokens).toEqual((await ask(other, [...first, ...fresh.tokens, 7])).tokens)
  })

  it('with the same beginning read it once, though they come at once', async () => {
    await using engine = await open({ sequences: 4 })
    const controller = new AbortController()
    const leaving = ask(engine, [...first, 8], { signal: controller.signal })
    const all = [first, [...first, 7], [...first.slice(0, 60), 7]].map((prompt) => ask(engine, prompt))
    controller.abort()
    const results = await Promise.all(all)
    expect((await leaving).finishReason).toBe('aborted')
    expect(results.map(({ timings }) => timings.cache_n).sort((a, b) => a - b)).toEqual([0, 60, 96])
    const later = await ask(engine, [...first.slice(0, 80), ...second])
    expect(later.timings.cache_n).toBe(80)
  })

  it('that want the whole prompt read get it, and leave nothing', async () => {
    await using engine = await open({})
    await ask(engine, first, { cachePrompt: false })
    await ask(engine, second)
    expect((await ask(engine, first)).timings.cache_n).toBe(0)
    await ask(engine, second)
    expect((await ask(engine, first, { cachePrompt: false })).timings.cache_n).toBe(0)
  })

  it('get as much as the memory holds', async () => {
    await using engine = await open({ prefixCacheBytes: engineBytes(48) })
    await ask(engine, first)
    await ask(engine, second)
    expect((await ask(engine, first)).timings.cache_n).toBe(0)
    expect((await ask(engine, second)).timings.cache_n).toBe(0)
    await ask(engine, first.slice(0, 40))
    await ask(engine, [9])
    expect((await ask(engine, first)).timings.cache_n).toBe(32)
    await expect(open({ prefixCacheBytes: -1 })).rejects.toMatchObject({ code: 'bad-option' })
  })
})

describe('a draft head', () => {
  const shared = someTokens(90, 4)
  const texts = [shared, [...shared.slice(0, 70), ...someTokens(20, 5)]] as const
  /** The trees of an answer, in words. */
  async function treesOf(engine: Engine, prompt: readonly number[]): Promise<string[]> {
    const trees: string[] = []
    const request = { prompt: Int32Array.from(prompt), maxTokens: 12, ignoreEos: true }
    for await (const event of engine.generate(request)) {
      if (event.type === 'round') trees.push(JSON.stringify(event.trace.tree))
    }
    return trees
  }

  it.each([true, false])('drafts after a copied beginning as after one that it has read (kernels: %s)', async (kernels) => {
    const drafter = { method: 'eagle3', path: await tinyHeadFile() } as const
    const speculative = { drafter, budget: { policy: 'eagle' } } as const
    const fresh: string[][] = []
    for (const text of texts) {
      await using engine = await open({ speculative, kernels, prefixCacheBytes: 0 })
      fresh.push(await treesOf(engine, text))
    }
    await using engine = await open({ speculative, kernels })
    expect(await treesOf(engine, texts[0])).toEqual(fresh[0])
    // Another text takes the only sequence and the head's only text.
    await treesOf(engine, someTokens(120, 6))
    expect(await treesOf(engine, texts[1])).toEqual(fresh[1])
    await treesOf(engine, someTokens(120, 6))
    expect(await treesOf(engine, texts[0])).toEqual(fresh[0])
  })
})

/** Bytes of so many rows of the tiny model: two layers, keys and values of two heads of 32 as F16. */
function engineBytes(tokens: number): number {
  return tokens * 2 * 2 * 64 * 2
}
