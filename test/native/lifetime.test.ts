/** Native memory and the event loop: nothing is left behind, nothing grows, nothing blocks. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openEngine } from '../../src/engine/index.ts'
import { liveHandles } from '../../src/ffi/index.ts'
import { loadModel } from '../../src/model/index.ts'
import { someTokens, tinyFile } from '../tiny.ts'

let cacheDir: string
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-cache-'))
})
afterAll(() => rm(cacheDir, { recursive: true }))

describe('native handles', () => {
  it('are all gone after load, generate, dispose', async () => {
    {
      await using engine = await openEngine(inject('tinyModelPath'), { threads: 1, cacheDir })
      const result = await engine.complete({ prompt: 'one two one two', maxTokens: 40, ignoreEos: true })
      expect(result.tokens.length).toBe(40)
      expect(Object.keys(liveHandles()).length).toBeGreaterThan(0)
    }
    expect(liveHandles()).toEqual({})
  })

  it('are all gone after an answer that was left half-way', async () => {
    {
      await using engine = await openEngine(inject('tinyModelPath'), { threads: 1, cacheDir })
      for await (const event of engine.generate({ prompt: 'one two', maxTokens: 1000, ignoreEos: true })) {
        if (event.type === 'text') break
      }
      // The engine is free for the next request.
      const result = await engine.complete({ prompt: 'one two', maxTokens: 3, ignoreEos: true })
      expect(result.finishReason).toBe('length')
    }
    expect(liveHandles()).toEqual({})
  })

  it('are all gone after a load that failed', async () => {
    const path = await tinyFile({ weightType: 'q8_0' })
    await expect(loadModel(path, { context: 1 << 28, kvType: 'f32' })).rejects.toThrow(/expected/)
    await expect(openEngine(path, { threads: 0 })).rejects.toThrow(/expected/)
    expect(liveHandles()).toEqual({})
  })

  it('are all gone after a load that was aborted', async () => {
    const controller = new AbortController()
    const work = openEngine(inject('modelPath'), {
      threads: 1,
      cacheDir,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    await expect(work).rejects.toMatchObject({ code: 'aborted' })
    expect(liveHandles()).toEqual({})
  })

  it('may be disposed of twice, and refuse work afterwards', async () => {
    const model = await loadModel(inject('tinyModelPath'), { context: 128 })
    const sequence = model.open()
    sequence[Symbol.dispose]()
    sequence[Symbol.dispose]()
    await expect(sequence.prefill([5, 6])).rejects.toMatchObject({ code: 'disposed' })
    await model[Symbol.asyncDispose]()
    await model[Symbol.asyncDispose]()
    expect(() => model.open()).toThrow(/disposed/)
  })
})

describe('memory', () => {
  it('does not grow when models come and go', async () => {
    const path = await tinyFile({ weightType: 'q8_0', context: 4096 })
    const cycle = async (): Promise<void> => {
      await using model = await loadModel(path, { threads: 1 })
      using sequence = model.open()
      await sequence.prefill(someTokens(200))
    }
    for (let i = 0; i < 10; i++) await cycle()
    const before = process.memoryUsage().rss
    const cycles = 30
    for (let i = 0; i < cycles; i++) await cycle()
    const growth = (process.memoryUsage().rss - before) / cycles
    // One model with its cache takes about 5 MB; allocators and the collector move by some hundred KB.
    expect(growth).toBeLessThan(1 << 20)
  })
})

describe('the event loop', () => {
  it('stays alive while a prompt is read and an answer is written', async () => {
    await using engine = await openEngine(inject('modelPath'), {
      threads: 1,
      context: 512,
      cacheDir,
      speculative: 'off',
    })
    let ticks = 0
    let worstGapMs = 0
    let last = performance.now()
    const start = last
    const timer = setInterval(() => {
      const now = performance.now()
      worstGapMs = Math.max(worstGapMs, now - last)
      last = now
      ticks++
    }, 10)
    await engine.complete({ prompt: 'Once upon a time '.repeat(50), maxTokens: 60, ignoreEos: true })
    clearInterval(timer)
    const elapsedMs = performance.now() - start
    console.log(
      `event loop: ${ticks} ticks of 10 ms in ${elapsedMs.toFixed(0)} ms, worst gap ${worstGapMs.toFixed(0)} ms`,
    )
    // Blocking passes would leave one tick per pass, some 70 in all. The bounds are loose because CI machines are shared.
    expect(ticks).toBeGreaterThan(elapsedMs / 10 / 5)
    expect(worstGapMs).toBeLessThan(500)
  })
})
