/**
 * The simulation against real decoding, on tiny models. A draft model learns nothing from texts, so for it the simulation
 * of a fixed budget must make the very same rounds; its price list must say what passes really take.
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { recordAnswers } from '../../src/bench/simulate/record.ts'
import { simulateBudgets } from '../../src/bench/simulate/budgets.ts'
import { measuredMachine } from '../../src/bench/simulate/machine.ts'
import type { NamedBudget, RecordedPlace, RecordedQuestion, Recording } from '../../src/bench/simulate/types.ts'
import { createSyntheticDrafter } from '../../src/bench/synthetic.ts'
import type { Question } from '../../src/bench/types.ts'
import { KvCache } from '../../src/cache/index.ts'
import type { DrafterOptions } from '../../src/draft/index.ts'
import { openEngine, type Engine, type GenerateRequest, type GenerateResult } from '../../src/engine/index.ts'
import { loadGgml } from '../../src/ffi/index.ts'
import { defined } from '../../src/util/assert.ts'
import { fakeRecording } from '../fixtures/recording.ts'
import { tinyFile } from '../tiny.ts'

let cacheDir: string
let engine: Engine
let draftModel: string
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-simulation-'))
  draftModel = await tinyFile({ weightType: 'q4_0' }) // the same weights, rounded more coarsely: often right
  engine = await openEngine(inject('tinyModelPath'), { threads: 1, cacheDir, speculative: 'off' })
})
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await rm(cacheDir, { recursive: true })
})

const questions = ['one two one two three', 'the river and the sea', 'a b c a b c a b'].map(
  (text, id): Question => ({ id, category: 'test', group: 'test', turns: [text] }),
)
const signal = new AbortController().signal
const tree = { nodes: 63, depth: 16, width: 4 }

async function record(drafter: Parameters<typeof recordAnswers>[0]['drafter'], scored = 4): Promise<Recording> {
  const answers: (RecordedQuestion & { places: RecordedPlace[] })[] = []
  const write = (line: RecordedQuestion | RecordedPlace): void => {
    if ('question' in line) answers.push({ ...line, places: [] })
    else answers.at(-1)?.places.push(line)
  }
  const setup = { engine, drafter, questions, maxTokens: 60, tree, scored, signal }
  await recordAnswers({ ...setup, write, onProgress: () => undefined })
  return { ...fakeRecording(), tree, answers }
}

async function decode(request: GenerateRequest): Promise<GenerateResult & { verified: number }> {
  await engine.lab.forget()
  for await (const event of engine.lab.generate({ cachePrompt: false, ...request }, { priced: true }))
    if (event.type === 'done') return { ...event, verified: event.speculation.drafted + event.speculation.rounds }
  throw new Error('no end')
}

describe('a recording', () => {
  it('holds the text of plain decoding, whatever was proposed', async () => {
    const { answers } = await record({ method: 'combined' })
    expect(answers).toHaveLength(questions.length)
    for (const { prompt, first, places } of answers) {
      const plain = await decode({ prompt: Int32Array.from(prompt), maxTokens: 60, speculative: 'off' })
      expect([first, ...places.map(({ next }) => next)].slice(0, plain.tokens.length)).toEqual(plain.tokens)
    }
    expect(answers.some(({ places }) => places.some((place) => place.tree.tokens.length > 20))).toBe(true)
  })

  it('of a draft model foretells the rounds of budgets that ask no clock, at the recorded width, exactly', async () => {
    const drafter = { method: 'model', path: draftModel } as const
    const recording = await record(drafter)
    expect(recording.answers[0]?.places[0]?.levels?.length).toBeGreaterThan(2)
    const budgets = [
      { nodes: 8, depth: 6, width: 4 },
      { nodes: 3, depth: 3, width: 4 },
      { nodes: 20, depth: 4, width: 4 },
      { nodes: 1, depth: 1, width: 4 },
    ].map((budget): NamedBudget => ({ name: JSON.stringify(budget), options: { policy: 'fixed', ...budget } }))
    // Its decisions depend on the recorded probabilities.
    const tree = { topK: 4, depth: 3, totalTokens: 12 }
    for (const edges of [[3.5, 4, 4.5], [4.6]]) {
      budgets.push({ name: `heterospec ${edges.join(' ')}`, options: { policy: 'heterospec', ...tree, edges } })
    }
    const machine = measuredMachine('here', recording.prices, 'model')
    const simulated = simulateBudgets({ recording, machine, batch: 1 }, budgets)
    let accepted = 0
    for (const { question, prompt } of recording.answers) {
      for (const { name, options } of budgets) {
        const speculative = { drafter, budget: options }
        const real = await decode({ prompt: Int32Array.from(prompt), maxTokens: 60, speculative })
        const own = simulated.find((answer) => answer.budget === name && answer.question === question)
        expect({ calls: own?.calls, verified: own?.verified }).toEqual({
          calls: real.speculation.rounds,
          verified: real.verified,
        })
        accepted += real.speculation.accepted
      }
    }
    expect(accepted).toBeGreaterThan(50)
  })

  it.each([false, true])('of drafters that learn comes near (a draft model among them: %s)', async (merged) => {
    const drafter: DrafterOptions = merged
      ? { method: 'combined', sources: ['lookup', 'recycling', 'model'], model: { path: draftModel } }
      : { method: 'combined' }
    const recording = await record(drafter)
    const options = { policy: 'fixed', nodes: 8 } as const
    const machine = measuredMachine('here', recording.prices, 'combined')
    const answers = simulateBudgets({ recording, machine, batch: 1 }, [{ name: 'fixed', options }])
    const calls = answers.filter(({ budget }) => budget === 'fixed').reduce((sum, answer) => sum + answer.calls, 0)
    let real = 0
    for (const { prompt } of recording.answers) {
      const speculative = { drafter, budget: options }
      real += (await decode({ prompt: Int32Array.from(prompt), maxTokens: 60, speculative })).speculation.rounds
    }
    expect(Math.abs(calls / real - 1)).toBeLessThan(0.15)
  })
})

describe('a synthetic drafter in the engine', () => {
  it('leaves the text as it is and is right as often as asked', async () => {
    const request = { prompt: 'one two three', maxTokens: 400, ignoreEos: true, cachePrompt: false } as const
    const plain = await engine.complete({ ...request, speculative: 'off' })
    const rates = [0.9, 0.5]
    const drafter = createSyntheticDrafter({ rates, seed: 5, answer: plain.tokens })
    const speculative = { budget: { policy: 'fixed', depth: 2, width: 1, nodes: 2 } } as const
    for await (const event of engine.lab.generate({ ...request, speculative }, { drafter })) {
      if (event.type !== 'done') continue
      expect(event.tokens).toEqual(plain.tokens)
      const [first = 0, both = 0] = event.speculation.acceptanceByDepth
      expect(Math.abs(first - 0.9)).toBeLessThan(0.1)
      expect(Math.abs(both - 0.45)).toBeLessThan(0.15)
    }
  })
})

describe('the laboratory', () => {
  it('keeps better prices, for this engine and for those to come', async () => {
    const price = (rows: number, context: number): number => 3 + rows + context / 1000
    const prices = [1, 2, 8, 64].flatMap((rows) => [64, 1024].map((context) => ({ rows, context, ms: price(rows, context) })))
    engine.lab.keepPrices(prices)
    const shown = await engine.costTable()
    expect(shown).toHaveLength(prices.length)
    for (const { rows, context, ms } of shown) expect(ms).toBeCloseTo(price(rows, context))
    await using again = await openEngine(inject('tinyModelPath'), { threads: 1, cacheDir, speculative: 'off' })
    expect(await again.costTable()).toEqual(shown)
  })

  it.runIf(process.platform === 'linux')('times long contexts in memory that is really there', async () => {
    const touch = vi.spyOn(KvCache.prototype, 'touch')
    await using fresh = await openEngine(await tinyFile({ weightType: 'q8_0', context: 32_768, width: 512 }), {
      ...{ threads: 1, cacheDir, context: 32_768, speculative: 'off' },
    })
    await fresh.lab.timePass(1, 32_000)
    const cache = defined(touch.mock.contexts[0] as KvCache | undefined)
    touch.mockRestore()
    const keys = cache.keys(0)
    const rows = 32_000 * defined(keys.strides[1])
    expect(rows).toBeGreaterThan(15e6)
    expect(residentBytes(loadGgml().base.ggml_get_data(keys.pointer), rows)).toBeGreaterThan(0.9 * rows)
  })
})

/**
 * How much of the mappings that hold these bytes is in memory or in swap, as the kernel counts it. The process's whole size
 * says nothing: what others free meanwhile makes it smaller.
 */
function residentBytes(address: bigint, bytes: number): number {
  let total = 0
  let inside = false
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line)
    if (range) inside = BigInt(`0x${range[1]}`) < address + BigInt(bytes) && BigInt(`0x${range[2]}`) > address
    const held = /^(?:Rss|Swap): +(\d+) kB$/.exec(line)
    if (held && inside) total += 1024 * Number(held[1])
  }
  return total
}
