/**
 * Requests that share passes: whatever the model, whoever sits beside and however each drafts, a request has the tokens that it
 * has alone, bit for bit; those who come late, leave early or do something wrong change nothing for the others.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  openEngine,
  type Engine,
  type EngineOptions,
  type GenerateRequest,
  type SpeculativeOptions,
} from '../../src/engine/index.ts'
import { liveHandles } from '../../src/ffi/index.ts'
import type { TinyOptions } from '../../scripts/make-tiny-model.ts'
import { someTokens, tinyFile, tinyHeadFile } from '../tiny.ts'

let cacheDir: string
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-neighbours-'))
})
afterAll(async () => {
  await rm(cacheDir, { recursive: true })
  expect(liveHandles()).toEqual({})
})

interface World {
  readonly model: TinyOptions
  readonly options: EngineOptions
}

/** Models of every kind, with and without kernels; contexts that some answers fill. */
const worlds: Record<string, World> = {
  'llama, q8_0, kernels': { model: { weightType: 'q8_0', seed: 3 }, options: { context: 192 } },
  'qwen2, q4_0, no kernels': {
    model: { architecture: 'qwen2', weightType: 'q4_0', seed: 4 },
    options: { context: 160, kernels: false, kvType: 'q8_0', prefixCacheBytes: 1 << 20 },
  },
  // Rows for two large requests and a small one, at places that change.
  'llama, q4_0, no kernels, one pool': {
    model: { weightType: 'q4_0', seed: 6 },
    options: { context: 192, kernels: false, cacheTokens: 1100, prefixCacheBytes: 1 << 18, cacheEviction: 'mark-predict' },
  },
  'llama, f32, untied': { model: { tied: false, seed: 5 }, options: { context: 256, kvType: 'f32', prefixCacheBytes: 1 << 17 } },
}

interface Guest {
  readonly request: GenerateRequest
  /** Turns of the event loop before it comes. */
  readonly late: number
  /** It leaves after so many events. */
  readonly leaves: number | undefined
}

function guests(own: readonly SpeculativeOptions[]): fc.Arbitrary<Guest[]> {
  const guest = fc
    .record({
      length: fc.integer({ min: 1, max: 150 }),
      // Few seeds, so that prompts often begin alike.
      text: fc.integer({ min: 1, max: 3 }),
      maxTokens: fc.integer({ min: 1, max: 24 }),
      sampled: fc.boolean(),
      speculative: fc.constantFrom(...own),
      priority: fc.integer({ min: -1, max: 1 }),
      late: fc.constantFrom(0, 0, 3, 20),
      leaves: fc.option(fc.integer({ min: 1, max: 8 }), { freq: 4, nil: undefined }),
    })
    .map(({ length, text, sampled, late, leaves, ...rest }): Guest => ({
      late,
      leaves,
      request: {
        ...rest,
        prompt: Int32Array.from(someTokens(length, text)),
        ignoreEos: true,
        temperature: sampled ? 1 : 0,
        seed: 100 + length,
      },
    }))
  return fc.array(guest, { minLength: 2, maxLength: 6 })
}

/** The tokens of one guest, and the most requests that one of its passes held. */
async function visit(engine: Engine, { request, late, leaves = Infinity }: Guest): Promise<[number[], number]> {
  for (let turn = 0; turn < late; turn++) await setImmediate()
  const tokens: number[] = []
  let most = 1
  let events = 0
  for await (const event of engine.generate(request)) {
    if (event.type === 'text') tokens.push(...event.tokens)
    if (event.type === 'round') most = Math.max(most, event.trace.requests ?? 1)
    if (++events >= leaves) break
  }
  return [tokens, most]
}

describe('a request with neighbours has the tokens that it has alone', () => {
  it.each(Object.keys(worlds))('%s', async (name) => {
    const { model, options } = worlds[name]!
    const path = await tinyFile(model)
    const base = { threads: 1, cacheDir, speculative: 'off', ...options } as const
    await using single = await openEngine(path, { ...base, prefixCacheBytes: 0 })
    await using shared = await openEngine(path, { ...base, sequences: 3 })
    // A vocabulary that our kernels take: texts share its passes where there are kernels.
    const head = await tinyHeadFile({ weightType: 'q8_0', draftVocabSize: 128 })
    const speculative: SpeculativeOptions[] = [
      'off',
      { drafter: { method: 'lookup' }, budget: { policy: 'fixed', nodes: 5 } },
      { drafter: { method: 'combined' }, budget: { policy: 'goodput' } },
      { drafter: { method: 'recycling' }, budget: { policy: 'heterospec-cost' } },
      { drafter: { method: 'model', path }, budget: { policy: 'fixed', depth: 3, width: 2, nodes: 9 } },
      { drafter: { method: 'eagle3', path: head }, budget: { policy: 'eagle' } },
    ]
    let largest = 1
    const property = fc.asyncProperty(guests(speculative), async (all) => {
      const alone: number[][] = []
      for (const { request } of all) alone.push([...(await single.complete({ ...request, speculative: 'off' })).tokens])
      const results = await Promise.all(all.map((guest) => visit(shared, guest)))
      results.forEach(([tokens, most], index) => {
        largest = Math.max(largest, most)
        const whole = all[index]!.leaves === undefined
        expect(tokens).toEqual(whole ? alone[index] : alone[index]!.slice(0, tokens.length))
      })
    })
    await fc.assert(property, { numRuns: 25, seed: 6 })
    expect(largest).toBe(3)
  })
})
