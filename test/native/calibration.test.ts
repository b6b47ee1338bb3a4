/** An engine with a calibration: budgets start from it, the text stays, and what does not fit is refused at once. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import {
  identifyDrafter,
  openEngine,
  speculativeOptions,
  type Engine,
  type EngineOptions,
  type RoundTrace,
} from '../../src/engine/index.ts'
import { costMemory } from '../../src/policy/heterospec-cost/memory.ts'
import { createPolicyMemory, type Calibration, type CountsByDepth } from '../../src/policy/index.ts'
import { defined } from '../../src/util/assert.ts'
import { fakeCalibration } from '../fixtures/calibration.ts'

const speculative = { drafter: { method: 'lookup' }, budget: { policy: 'goodput' } } as const
/** Eight rows for the price of one. */
const prices = { target: [1, 8].map((rows) => ({ rows, context: 0, ms: 10 })), draft: { roundMs: 0, levelMs: null } }

let cacheDir: string
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-calibrated-'))
})
afterAll(() => rm(cacheDir, { recursive: true }))

const open = (options: EngineOptions): Promise<Engine> =>
  openEngine(inject('tinyModelPath'), { threads: 1, cacheDir, speculative, ...options })

/** A calibration of lookup for the tiny model, by which drafts come true with one chance at every knot. */
async function calibration(chance: number): Promise<Calibration> {
  await using engine = await open({ speculative: 'off' })
  const { name, fingerprint } = engine.spec
  const { drafter } = speculativeOptions.parse(speculative)
  const countsAt = (knots: number): CountsByDepth => {
    const counts = { judged: Array<number>(knots).fill(500), accepted: Array<number>(knots).fill(500 * chance) }
    return { first: counts, deeper: counts }
  }
  const memory = { ...createPolicyMemory(), acceptance: [countsAt(12)] }
  const places = { best: countsAt(15), others: countsAt(15) }
  costMemory(memory).acceptance.push({ known: places, bins: [], unknown: places })
  return { ...fakeCalibration({ model: { name, fingerprint }, ...identifyDrafter(defined(drafter)) }), memory }
}

/** Tokens that the first round was expected to bring of those that were expected to bring more than one, and the text. */
async function firstRound(engine: Engine): Promise<{ expected: number | undefined; tokens: readonly number[] }> {
  const request = { prompt: 'one two three one two three one two', maxTokens: 40, ignoreEos: true, cachePrompt: false }
  const rounds: RoundTrace[] = []
  let tokens: readonly number[] = []
  for await (const event of engine.lab.generate(request, { priced: prices })) {
    if (event.type === 'round') rounds.push(event.trace)
    else if (event.type === 'done') tokens = event.tokens
  }
  const expected = rounds.map(({ why }) => Number(why?.['tokens'] ?? 1)).find((count) => count > 1)
  return { expected, tokens }
}

it.each([
  'goodput',
  'heterospec-cost',
] as const)('is where %s starts, again after everything was forgotten; the text stays the same', async (policy) => {
  const own = { speculative: { ...speculative, budget: { policy } } }
  await using without = await open(own)
  await using sure = await open({ ...own, calibration: await calibration(1) })
  await using hopeless = await open({ ...own, calibration: await calibration(0) })
  const [prior, high, low] = [await firstRound(without), await firstRound(sure), await firstRound(hopeless)]
  expect(high.expected).toBeGreaterThan(prior.expected!)
  expect(low.expected).toBeUndefined()
  await sure.lab.forget()
  expect(await firstRound(sure)).toEqual(high)
  for (const { tokens } of [high, low]) expect(tokens).toEqual(prior.tokens)
})

it('of another drafter, or no calibration at all, is refused when the engine opens', async () => {
  const made = await calibration(1)
  const other = { drafter: { method: 'recycling' } } as const
  await expect(open({ calibration: made, speculative: other })).rejects.toMatchObject({ code: 'drafter-mismatch' })
  await expect(open({ calibration: {} as Calibration })).rejects.toMatchObject({ code: 'bad-file' })
  await expect(open({ calibration: join(cacheDir, 'missing.json') })).rejects.toMatchObject({ code: 'bad-file' })
  await using engine = await open({ calibration: made, speculative: 'off' })
  expect(engine.lab.calibration(speculative)).toEqual(made)
  expect(engine.lab.calibration(other)).toBeUndefined()
  expect(engine.lab.calibration('off')).toBeUndefined()
})
