/** Formats and calls with every drafter and budget: the tokens and logarithms of plain decoding, and answers that parse. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openEngine, type Engine, type GenerateRequest, type SpeculativeOptions } from '../../src/engine/index.ts'
import { tinyHeadFile } from '../tiny.ts'

const schema = {
  type: 'object',
  properties: { name: { enum: ['one', 'two', 'three'] }, sizes: { type: 'array', items: { type: 'integer', minimum: 0, maximum: 99 }, maxItems: 3 } },
  required: ['name', 'sizes'],
} as const
const prompt = [{ role: 'user', content: 'one two one two' } as const]
const requests: Record<string, GenerateRequest> = {
  'greedy JSON': { prompt, maxTokens: 60, responseFormat: { type: 'json-schema', schema } },
  'sampled JSON': { prompt, maxTokens: 60, responseFormat: { type: 'json-schema', schema }, temperature: 1, seed: 5 },
  'free JSON': { prompt, maxTokens: 30, responseFormat: { type: 'json' }, temperature: 1, seed: 5 },
  calls: { prompt, maxTokens: 80, tools: [{ name: 'size', parameters: schema }], toolChoice: 'required', temperature: 1, seed: 6 },
  'a choice': { prompt, responseFormat: { type: 'choice', choices: ['red', 'red wine', 'blue'] } },
}

let cacheDir: string
let engine: Engine
let ways: Record<string, SpeculativeOptions>
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-formats-'))
  engine = await openEngine(inject('tinyModelPath'), { threads: 1, cacheDir })
  const head = await tinyHeadFile()
  const nodes = { policy: 'fixed', depth: 4, width: 3, nodes: 9 } as const
  ways = {
    lookup: { drafter: { method: 'lookup' }, budget: nodes },
    recycling: { drafter: { method: 'recycling' }, budget: { policy: 'goodput' } },
    model: { drafter: { method: 'model', path: inject('tinyModelPath') }, budget: nodes },
    'heterospec-cost': { drafter: { method: 'model', path: inject('tinyModelPath') }, budget: { policy: 'heterospec-cost' } },
    eagle3: { drafter: { method: 'eagle3', path: head }, budget: nodes },
    heterospec: { drafter: { method: 'eagle3', path: head }, budget: { policy: 'heterospec' } },
    combined: {
      drafter: { method: 'combined', sources: ['lookup', 'recycling', 'eagle3'], eagle3: { path: head } },
      budget: nodes,
    },
  }
})
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await rm(cacheDir, { recursive: true })
})

describe.each(Object.keys(requests))('%s', (name) => {
  it('is the same with every drafter', async () => {
    const request = { ...(requests[name] as GenerateRequest), logProbs: 1 }
    const plain = await engine.complete({ ...request, speculative: 'off' })
    expect(plain.timings.draft_n).toBe(0)
    for (const [way, speculative] of Object.entries(ways)) {
      const result = await engine.complete({ ...request, speculative })
      expect([way, result.tokens, result.logProbs]).toEqual([way, plain.tokens, plain.logProbs])
      expect([way, result.text, result.toolCalls]).toEqual([way, plain.text, plain.toolCalls])
    }
  })
})

describe('a format', () => {
  it('drafts what must come, marked as from no source of the drafter', async () => {
    const speculative = ways['model'] as SpeculativeOptions
    let accepted = 0
    for await (const event of engine.generate({ ...(requests['greedy JSON'] as GenerateRequest), speculative })) {
      if (event.type !== 'round') continue
      const { tree } = event.trace
      accepted += tree.acceptedPath.filter((node) => tree.sources[node] === 1).length
    }
    expect(accepted).toBeGreaterThan(5)
  })

  it('that nothing may fill is an error of the caller', async () => {
    const { eos } = engine.tokenizer
    const [x] = engine.tokenizer.tokenize('x')
    const format = { type: 'choice', choices: ['xyz'] } as const
    const forbidden = engine.complete({ prompt: 'one', responseFormat: format, logitBias: { [String(x)]: null } })
    await expect(forbidden).rejects.toThrow(/^expected a token that may be chosen/)
    const whole = await engine.complete({ prompt: 'one', responseFormat: format, ignoreEos: true })
    expect([whole.text, whole.finishReason, eos === undefined]).toEqual(['xyz', 'stop', false])
  })
})
