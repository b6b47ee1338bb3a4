import { describe, expect, it } from 'vitest'
import { createDrafter, drafters, type DrafterOptions, type DraftMethod } from '../../src/draft/index.ts'
import { createPolicy } from '../../src/policy/index.ts'
import { liarDrafter, oracleDrafter } from '../fakes/drafters.ts'
import { acceptanceLength, plainText, runRounds } from '../fakes/rounds.ts'
import { markov, TableModel } from '../fakes/table-model.ts'
import { drafterConformance } from './drafter.ts'

/** Every row of the table, and variants that change how a drafter works. */
const cases: Record<DraftMethod, Record<string, DrafterOptions>> = {
  lookup: { lookup: { method: 'lookup' }, 'lookup of long matches': { method: 'lookup', minNgram: 2, maxNgram: 8 } },
  recycling: {
    recycling: { method: 'recycling' },
    'recycling without prompt rows': { method: 'recycling', promptRows: 0 },
  },
  model: {
    model: { method: 'model', path: 'draft.gguf' },
    'model as a chain': { method: 'model', path: 'draft.gguf', maxWidth: 1 },
  },
  eagle3: {
    eagle3: { method: 'eagle3', path: 'head.gguf' },
    'eagle3 as a chain': { method: 'eagle3', path: 'head.gguf', maxWidth: 1 },
  },
  combined: {
    'combined with a head': { method: 'combined', sources: ['lookup', 'eagle3'], eagle3: { path: 'head.gguf' } },
    combined: { method: 'combined' },
    'combined with a model': {
      method: 'combined',
      sources: ['model', 'lookup', 'recycling'],
      model: { path: 'draft.gguf' },
    },
  },
}

for (const method of Object.keys(drafters) as DraftMethod[]) {
  for (const [name, options] of Object.entries(cases[method])) {
    drafterConformance(name, (parts) => createDrafter(options, parts))
  }
}

describe('the ends of the scale', () => {
  const target = new TableModel({ vocabSize: 40, next: markov(2, 40) })
  const prompt = [3, 1, 4, 1, 5]
  const text = [...prompt, ...plainText({ target, prompt, count: 400 })]

  it('the oracle emits depth + 1 tokens per round', async () => {
    const policy = createPolicy({ policy: 'fixed', depth: 6, width: 1, nodes: 6 })
    const { tokens, traces } = await runRounds({
      target,
      drafter: oracleDrafter(text),
      policy,
      prompt,
      count: 1 + 7 * 20,
    })
    expect(tokens).toEqual(text.slice(prompt.length, prompt.length + 141))
    expect(acceptanceLength(traces)).toBe(7)
  })

  it('the liar emits one token per round, and the text is the same', async () => {
    const policy = createPolicy({ policy: 'fixed', depth: 6, width: 1, nodes: 6 })
    const { tokens, traces } = await runRounds({ target, drafter: liarDrafter(text, 40), policy, prompt, count: 100 })
    expect(tokens).toEqual(text.slice(prompt.length, prompt.length + 100))
    expect(acceptanceLength(traces)).toBe(1)
  })

  it('goodput learns to trust the oracle and not the liar', async () => {
    const run = async (
      drafter: typeof oracleDrafter extends (...args: never) => infer D ? D : never,
    ): Promise<number> => {
      const { traces } = await runRounds({
        target,
        drafter,
        policy: createPolicy({ policy: 'goodput' }),
        prompt,
        count: 300,
      })
      const late = traces.slice(traces.length >> 1)
      return late.reduce((sum, trace) => sum + trace.drafted, 0) / late.length
    }
    expect(await run(oracleDrafter(text))).toBeGreaterThan(4)
    expect(await run(liarDrafter(text, 40))).toBeLessThan(1)
  })
})
