/** Requests side by side, turns of a conversation, ends of all kinds: the same tokens as one request alone. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { liveHandles } from '../../src/ffi/index.ts'
import { openEngine, type Engine, type GenerateRequest } from '../../src/engine/index.ts'

const speculative = { drafter: { method: 'combined' }, budget: { policy: 'fixed', nodes: 6 } } as const
const requests = ['one two one two', 'red blue red blue red', 'a b c a b c'].map((prompt, index): GenerateRequest => ({
  prompt,
  maxTokens: 40,
  ignoreEos: true,
  temperature: index % 2,
  seed: 7,
}))

let cacheDir: string
let alone: number[][]
const open = (sequences: number): Promise<Engine> =>
  openEngine(inject('tinyModelPath'), { threads: 1, cacheDir, sequences, speculative })
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-requests-'))
  await using engine = await open(1)
  alone = []
  for (const request of requests) alone.push([...(await engine.complete({ ...request, speculative: 'off' })).tokens])
})
afterAll(async () => {
  await rm(cacheDir, { recursive: true })
  expect(liveHandles()).toEqual({})
})

describe('requests', () => {
  it('do not notice each other', async () => {
    await using engine = await open(3)
    const results = await Promise.all(requests.map((request) => engine.complete(request)))
    expect(results.map(({ tokens }) => [...tokens])).toEqual(alone)
  })

  it('beyond the number of sequences wait their turn', async () => {
    await using engine = await open(1)
    const results = await Promise.all([...requests, ...requests].map((request) => engine.complete(request)))
    expect(results.map(({ tokens }) => [...tokens])).toEqual([...alone, ...alone])
  })

  it('reuse the cache of an earlier one, with the same tokens', async () => {
    await using engine = await open(1)
    const request = requests[0] as GenerateRequest
    const fresh = await engine.complete(request)
    const again = await engine.complete(request)
    const unshared = await engine.complete({ ...request, cachePrompt: false })
    expect(fresh.timings.cache_n).toBe(0)
    expect(again.timings.cache_n).toBeGreaterThan(0)
    expect(unshared.timings.cache_n).toBe(0)
    expect(again.tokens).toEqual(fresh.tokens)
    expect(unshared.tokens).toEqual(fresh.tokens)
  })

  it('that end inside of an accepted path end there, and leave their place and rows to the next one', async () => {
    const options = { threads: 1, cacheDir, sequences: 1, context: 512, prefixCacheBytes: 2 ** 24 }
    await using engine = await openEngine(inject('modelPath'), options)
    // What follows the answer is copied with it, and comes true: the line that opens the next turn.
    const copied = {
      drafter: { method: 'lookup', maxDepth: 16 },
      budget: { policy: 'fixed', nodes: 16, depth: 16 },
    } as const
    const asked = { role: 'user', content: 'Say exactly: The cat sat on the mat.' } as const
    const answered = { role: 'assistant', content: 'The cat sat on the mat.' } as const
    const turns = Array.from({ length: 4 }, () => [asked, answered]).flat()
    const request = { prompt: [...turns, asked], temperature: 0, maxTokens: 60 }
    const plain = await engine.complete({ ...request, speculative: 'off', cachePrompt: false })
    expect(plain.finishReason).toBe('stop')
    for (let again = 0; again < 2; again++) {
      const drafted = await engine.complete({ ...request, speculative: copied })
      expect(drafted).toMatchObject({ text: plain.text, tokens: plain.tokens, finishReason: 'stop' })
      expect(drafted.speculation.rounds).toBe(1)
    }
    const next = await engine.complete({ ...request, prompt: [...request.prompt, answered, asked] })
    expect(next.timings.cache_n).toBeGreaterThan(plain.timings.prompt_n + plain.tokens.length)
    expect(next.text).toBe(plain.text)
  })

  it('that are aborted end as such, keep what they have, and leave the engine whole', async () => {
    await using engine = await open(1)
    const controller = new AbortController()
    const tokens: number[] = []
    let heardAtAbort = 0
    let reason: string | undefined
    const request = requests[0] as GenerateRequest
    for await (const event of engine.generate({ ...request, maxTokens: 1000, signal: controller.signal })) {
      if (event.type === 'text') tokens.push(...event.tokens)
      if (tokens.length > 10) {
        heardAtAbort ||= tokens.length
        controller.abort()
      }
      if (event.type === 'done') {
        reason = event.finishReason
        expect([...event.tokens]).toEqual(tokens)
      }
    }
    expect(reason).toBe('aborted')
    // The round that was in work by then is nobody's.
    expect(tokens).toHaveLength(heardAtAbort)
    const whole = alone[0] as number[]
    expect(tokens.slice(0, 10)).toEqual(whole.slice(0, 10))
    expect([...(await engine.complete(request)).tokens]).toEqual(whole)
  })

  it('that run when the engine is disposed end as aborted', async () => {
    const engine = await open(1)
    const running = engine.complete({ ...(requests[0] as GenerateRequest), maxTokens: 2000 })
    await engine[Symbol.asyncDispose]()
    expect((await running).finishReason).toBe('aborted')
    await expect(engine.complete(requests[0] as GenerateRequest)).rejects.toMatchObject({ code: 'disposed' })
  })

  it('whose reader went away do not keep the engine from its end', async () => {
    const engine = await open(1)
    const events = engine.generate({ ...(requests[0] as GenerateRequest), maxTokens: 2000 })[Symbol.asyncIterator]()
    expect((await events.next()).value).toMatchObject({ type: 'text' })
    await engine[Symbol.asyncDispose]()
    expect(await events.next()).toMatchObject({ done: true })
  })

  it('may end the engine from within their own loop', async () => {
    const engine = await open(1)
    const types: string[] = []
    for await (const event of engine.generate({ ...(requests[0] as GenerateRequest), maxTokens: 2000 })) {
      types.push(event.type)
      if (types.length === 3) await engine[Symbol.asyncDispose]()
    }
    expect(types).toHaveLength(3)
  })

  it('of no tokens read the prompt and say nothing; a full context ends with "length"', async () => {
    await using engine = await openEngine(inject('tinyModelPath'), { threads: 1, cacheDir, context: 32, speculative })
    const none = await engine.complete({ prompt: 'one two', maxTokens: 0 })
    expect(none).toMatchObject({ text: '', tokens: [], finishReason: 'length' })
    const exact = Int32Array.from({ length: 32 }, (_, index) => 10 + index)
    const full = await engine.complete({ prompt: exact, ignoreEos: true })
    expect(full.finishReason).toBe('length')
    expect(full.tokens.length).toBe(1)
    const long = engine.complete({ prompt: Int32Array.from({ length: 33 }, () => 10) })
    await expect(long).rejects.toThrow(/^expected a prompt of at most 32 tokens/)
    const fits = await engine.complete({ prompt: exact.subarray(0, 20), ignoreEos: true })
    expect(fits).toMatchObject({ finishReason: 'length' })
    expect(fits.tokens.length).toBe(13)
  })

  it('with a name that nobody knows are refused', async () => {
    await using engine = await open(1)
    const wrong = { prompt: 'one', maxToken: 3 } as unknown as GenerateRequest
    await expect(engine.complete(wrong)).rejects.toThrow(/maxToken/)
    await expect(engine.complete({ prompt: '' })).rejects.toMatchObject({ code: 'bad-prompt' })
    await expect(engine.complete({ prompt: Int32Array.of(5000) })).rejects.toThrow(/token ids from 0/)
    await expect(engine.complete({ prompt: 'one', maxTokens: -1 })).rejects.toMatchObject({ code: 'bad-option' })
  })
})

describe('a draft model', () => {
  it('of another vocabulary is refused with the reason', async () => {
    const drafter = { method: 'model', path: inject('modelPath') } as const
    const opening = openEngine(inject('tinyModelPath'), { threads: 1, cacheDir, speculative: { drafter } })
    await expect(opening).rejects.toMatchObject({ code: 'drafter-mismatch' })
  })

  it('that is the target itself is always right', async () => {
    await using engine = await open(1)
    const own = {
      drafter: { method: 'model', path: inject('tinyModelPath') },
      budget: { policy: 'fixed', depth: 4, width: 1, nodes: 4 },
    } as const
    const result = await engine.complete({ ...(requests[0] as GenerateRequest), speculative: own })
    expect([...result.tokens]).toEqual(alone[0])
    expect(result.speculation.tau).toBeGreaterThan(4)
  })

  it('is drafted deeper with, and verified narrower, where it is sure, and the text stays the same', async () => {
    await using engine = await open(1)
    const drafter = { method: 'model', path: inject('tinyModelPath'), maxDepth: 12 } as const
    const trees = { topK: 4, depth: 2, totalTokens: 12 }
    const rounds = [0, 0]
    for (const [index, request] of requests.entries()) {
      // Every round an easy one, none, and what is learned.
      for (const [kind, edges] of [[999], [0], []].entries()) {
        const speculative = { drafter, budget: { policy: 'heterospec', ...trees, alpha: 4, gammas: [1, 1, 1], edges } } as const
        const result = await engine.complete({ ...(request), speculative })
        expect([...result.tokens]).toEqual(alone[index])
        if (kind < rounds.length) rounds[kind]! += result.speculation.rounds
      }
    }
    // Of one text they may be as many: that depends on the last digits of the kernels.
    expect(rounds[0]).toBeLessThan(rounds[1]!)
  })
})
