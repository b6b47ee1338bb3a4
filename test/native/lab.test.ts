/** The laboratory: repeatable requests, forgetting, prices of drafts. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openEngine, type Engine, type LabConditions, type RoundTrace, type SpeculativeOptions } from '../../src/engine/index.ts'
import { oracleDrafter } from '../fakes/drafters.ts'

const prompt = 'one two three one two three one two'
const methods: readonly SpeculativeOptions[] = [
  'auto',
  { drafter: { method: 'recycling' }, budget: { policy: 'goodput' } },
  { drafter: { method: 'lookup' }, budget: { policy: 'fixed', nodes: 6 } },
]

let cacheDir: string
let engine: Engine
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-lab-'))
  engine = await openEngine(inject('tinyModelPath'), { threads: 1, cacheDir, speculative: 'off' })
})
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await rm(cacheDir, { recursive: true })
})

/** Eight rows for little more than one, and drafts for nothing: measured prices may say that drafts never pay. */
const prices = {
  target: [1, 8, 64].map((rows) => ({ rows, context: 0, ms: 10 + rows / 10 })),
  draft: { roundMs: 0, levelMs: null },
}

/** Trees and budgets of a request: everything but its times. */
async function decisions(speculative: SpeculativeOptions, priced: LabConditions['priced'] = prices): Promise<unknown[]> {
  const request = { prompt, maxTokens: 120, ignoreEos: true, cachePrompt: false, speculative }
  const rounds: RoundTrace[] = []
  for await (const event of engine.lab.generate(request, { priced })) {
    if (event.type === 'round') rounds.push(event.trace)
  }
  return rounds.map(({ budget, tree, emitted }) => ({ budget, tree, emitted }))
}

describe('under prices instead of times', () => {
  it.each(methods)('%j makes the same rounds again, once all is forgotten', async (method) => {
    await engine.lab.forget()
    const first = await decisions(method)
    const warm = await decisions(method)
    await engine.lab.forget()
    expect(await decisions(method)).toEqual(first)
    // Otherwise forgetting would prove nothing.
    expect(warm).not.toEqual(first)
    await engine.lab.forget()
  })

  it('makes them again by the prices that were measured here, too', async () => {
    await engine.lab.forget()
    const first = await decisions('auto', true)
    await engine.lab.forget()
    expect(await decisions('auto', true)).toEqual(first)
    await engine.lab.forget()
  })

  it('the price of a draft is measured once and remembered', async () => {
    const price = await engine.lab.draftPrice('auto')
    expect(price.roundMs).toBeGreaterThan(0)
    expect(price.levelMs).toBeNull()
    expect(await engine.lab.draftPrice('off')).toEqual({ roundMs: 0, levelMs: null })
    const notes = (await readdir(join(cacheDir, 'costs'))).sort()
    await using other = await openEngine(inject('tinyModelPath'), { threads: 1, cacheDir, speculative: 'off' })
    expect(await other.lab.draftPrice('auto')).toEqual(price)
    expect((await readdir(join(cacheDir, 'costs'))).sort()).toEqual(notes)
  })

  it('a draft model is priced by the level', async () => {
    const path = inject('tinyModelPath')
    const speculative = { drafter: { method: 'model', path }, budget: { policy: 'goodput' } } as const
    expect((await engine.lab.draftPrice(speculative)).levelMs).toBeGreaterThan(0)
    // Drafts have six levels. A busy machine may well turn two medians around, but not time after time.
    const share = async (): Promise<number> => {
      const { roundMs, levelMs } = await engine.lab.draftPrice(speculative, { anew: true })
      return (levelMs ?? 0) / roundMs
    }
    await expect.poll(share, { timeout: 60_000 }).toBeLessThan(0.5)
  })
})

describe('a drafter of one’s own', () => {
  it('takes part in a request, and the text stays what it was', async () => {
    const request = { prompt, maxTokens: 60, ignoreEos: true, cachePrompt: false }
    const plain = await engine.complete({ ...request, speculative: 'off' })
    const text = [...engine.tokenizer.tokenize(prompt), ...plain.tokens]
    const speculative = { budget: { policy: 'fixed', depth: 5, nodes: 5 } } as const
    for await (const event of engine.lab.generate({ ...request, speculative }, { drafter: oracleDrafter(text) })) {
      if (event.type !== 'done') continue
      expect(event.tokens).toEqual(plain.tokens)
      expect(event.speculation).toMatchObject({ drafter: 'oracle', acceptanceRate: 1 })
      expect(event.speculation.rounds).toBe(10)
    }
  })
})

describe('a choice', () => {
  it('is what plain decoding would emit, with its lead', async () => {
    const plain = await engine.complete({ prompt, maxTokens: 3, ignoreEos: true, speculative: 'off' })
    const tokens = [...engine.tokenizer.tokenize(prompt), ...plain.tokens.slice(0, 2)]
    const { token, gap } = await engine.lab.choose(tokens)
    expect(token).toBe(plain.tokens[2])
    expect(gap).toBeGreaterThan(0)
  })
})

describe('computation graphs', () => {
  const speculative = { drafter: { method: 'lookup' }, budget: { policy: 'fixed', nodes: 6 } } as const

  /** Emitted tokens, and the graphs of each round. */
  async function graphsOf(): Promise<{ emitted: number[]; rounds: NonNullable<RoundTrace['graphs']>[] }> {
    await engine.lab.forget()
    const request = { prompt, maxTokens: 60, ignoreEos: true, cachePrompt: false, speculative }
    const traces: RoundTrace[] = []
    for await (const event of engine.lab.generate(request, {})) if (event.type === 'round') traces.push(event.trace)
    return { emitted: traces.flatMap((trace) => trace.emitted), rounds: traces.map(({ graphs }) => graphs!) }
  }

  it('are counted in the trace of each round: one for each pass, kept once they are built', async () => {
    await graphsOf()
    const { rounds } = await graphsOf()
    for (const { reused, built } of rounds) expect(reused + built).toBe(1)
    expect(rounds.every(({ built, buildMs }) => built === 0 && buildMs === 0)).toBe(true)
  })

  it('are built anew for each other form where none is kept, with the same text', async () => {
    const kept = await graphsOf()
    engine.lab.keepGraphs(false)
    const bare = await graphsOf()
    engine.lab.keepGraphs(true)
    expect(bare.emitted).toEqual(kept.emitted)
    const built = bare.rounds.filter((round) => round.built > 0)
    expect(built.length).toBeGreaterThan(1)
    expect(built.every(({ buildMs }) => buildMs > 0)).toBe(true)
  })
})
