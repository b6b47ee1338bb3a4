/** The protocol on a real engine: repeatable counts, resumption, detection of wrong outputs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { runBench, type BenchDocument, type BenchSetup, type Question, type Side } from '../../src/bench/index.ts'
import { openEngine, type Engine } from '../../src/engine/index.ts'

const questions: Question[] = ['one two one two', 'red blue red blue red', 'a b c a b c', 'the the the'].map((text, id) => ({
  ...{ id, category: id < 2 ? 'first' : 'second', group: id < 2 ? 'first' : 'second' },
  turns: id === 1 ? [text, 'and again'] : [text],
}))

let cacheDir: string
let engine: Engine
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-bench-'))
  const path = inject('tinyModelPath')
  engine = await openEngine(path, { threads: 1, context: 512, cacheDir, sequences: 5, speculative: 'off' })
})
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await rm(cacheDir, { recursive: true })
})

function setup(change: Partial<BenchSetup> = {}): BenchSetup {
  return {
    engine,
    model: { name: 'tiny', path: inject('tinyModelPath') },
    draftModels: [],
    methods: [
      { name: 'auto', speculative: 'auto' },
      { name: 'lookup/fixed', speculative: { drafter: { method: 'lookup' }, budget: { policy: 'fixed' } } },
      { name: 'off', speculative: 'off' },
    ],
    peers: { sides: [], skipped: [], peaks: () => Promise.resolve([]), idleShares: () => [] },
    questions,
    options: {
      ...{ suite: { file: 'x', sha256: 'x', questions: 4 }, sample: null, seed: 1, maxTokens: 60, temperature: 0 },
      ...{ baseline: 'off', live: false, synthetic: null },
    },
    ...{ command: 'test', cacheDir, fresh: false, signal: new AbortController().signal },
    ...{ onProgress: () => undefined, onResume: () => undefined },
    ...change,
  }
}

/** A document without times and what depends on them. */
function withoutTimes(document: BenchDocument): unknown {
  const timed = new Set([
    ...['date', 'noise', 'costs', 'peakMemory', 'referenceMs', 'load', 'drifted', 'tokensPerMs'],
    'graphs', // the engine keeps them: a later run finds what an earlier one built
  ])
  return JSON.parse(
    JSON.stringify(document, (key, value: unknown) =>
      timed.has(key) || key.endsWith('Ms') || key.endsWith('Speedup') ? undefined : value,
    ),
  )
}

describe('a benchmark', () => {
  it('counts the same from run to run, and no output differs', async () => {
    const first = await runBench(setup())
    const second = await runBench(setup())
    expect(withoutTimes(second)).toEqual(withoutTimes(first))
    expect(first.summary.every(({ different }) => different === 0)).toBe(true)
    expect(first.sides.map(({ name }) => name)).toEqual(['off', 'auto', 'lookup/fixed', 'off#2'])
    expect(first.turns).toHaveLength(5)
    const overall = first.summary.find(({ side, group }) => side === 'lookup/fixed' && group === 'overall')
    expect(overall?.tau).toBeGreaterThan(1)
    expect(first.samples.length).toBeGreaterThan(0)
  })

  it('that was interrupted goes on, repeats nothing, and gives the same result', async () => {
    const whole = await runBench(setup())
    const controller = new AbortController()
    const stopAfter = (done: number): void => {
      if (done >= 10) controller.abort()
    }
    await expect(runBench(setup({ signal: controller.signal, onProgress: stopAfter }))).rejects.toMatchObject({
      code: 'aborted',
    })
    let resumed = 0
    const asked: number[] = []
    const rest = setup({ onResume: (turns) => (resumed = turns), onProgress: (done) => asked.push(done) })
    expect(withoutTimes(await runBench(rest))).toEqual(withoutTimes(whole))
    expect(resumed).toBe(2)
    // Two turns at once, then the others answer by answer.
    expect(asked.slice(0, 3)).toEqual([4, 8, 9])
    let again = 0
    await runBench(setup({ onResume: (turns) => (again = turns) }))
    expect(again).toBe(0)
  })

  it('gives no speed-up to a side that answers something else, and says where', async () => {
    const document = await runBench(setup({ methods: [], peers: { ...setup().peers, sides: [liar()] } }))
    const overall = document.summary.find(({ side, group }) => side === 'liar' && group === 'overall')
    expect(overall).toMatchObject({ different: 5, decodeSpeedup: null })
    const row = document.turns[0]?.rows.find(({ side }) => side === 'liar')
    expect(row?.difference?.position).toBe(7)
    expect(row?.difference?.gap).toBeGreaterThan(0)
  })

  it('leaves out what does not fit into the context, with a sentence', async () => {
    const long: Question = { id: 9, category: 'first', group: 'first', turns: ['word '.repeat(600)] }
    const document = await runBench(setup({ questions: [...questions, long], methods: [] }))
    expect(document.leftOut).toMatchObject([{ id: 9, turn: 0 }])
    expect(document.leftOut[0]?.reason).toContain('within 512 tokens')
    expect(document.turns).toHaveLength(5)
  })
})

/** Plain decoding whose eighth token is another one. */
function liar(): Side {
  return {
    info: { name: 'liar', kind: 'server', plain: 'off', details: {} },
    async run({ tokens, maxTokens }) {
      const prompt = Int32Array.from(tokens)
      const result = await engine.complete({ prompt, maxTokens, speculative: 'off', cachePrompt: false })
      return {
        ...{ tokens: result.tokens.map((token, index) => (index === 7 ? token + 1 : token)), text: result.text },
        ...{ ended: result.finishReason === 'stop', firstTokenMs: 1, decodeMs: 1, calls: null, verified: null },
        ...{ drafted: null, accepted: null, offeredByDepth: [], acceptedByDepth: [] },
        ...{ draftMs: null, targetMs: null, hostMs: null },
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
