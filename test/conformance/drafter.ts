/**
 * What every drafter promises, whatever its method (see `draft/types.ts`), checked on a model whose sequences refuse
 * misuse: it never changes the text, keeps to its budget, survives the end of the context, and leaves nothing behind.
 */
import { describe, expect, it } from 'vitest'
import { createPolicy, type BudgetOptions } from '../../src/policy/index.ts'
import type { Drafter, DraftParts, DraftRound } from '../../src/draft/index.ts'
import type { SampleOptions } from '../../src/sample/index.ts'
import type { Proposal, TokenId } from '../../src/tree/index.ts'
import { blurred, markov, TableModel } from '../fakes/table-model.ts'
import { TableHead } from '../fakes/table-head.ts'
import { plainText, runRounds, type RunOptions, type RunResult } from '../fakes/rounds.ts'

/** Makes a fresh drafter for a target. */
export type MakeDrafter = (parts: Omit<DraftParts, 'create'>) => Promise<Drafter>

const VOCABULARY = 48
const TOKENS = 200
const PROMPT: readonly TokenId[] = [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 9, 1, 2, 3, 4, 5, 6, 1, 2]

const budgets: readonly BudgetOptions[] = [
  { policy: 'off' },
  { policy: 'fixed', depth: 5, width: 3, nodes: 9 },
  { policy: 'fixed', depth: 12, width: 1, nodes: 4 },
  { policy: 'goodput' },
]
const samplings: readonly SampleOptions[] = [
  { temperature: 0 },
  { temperature: 0.8, seed: 7 },
  { temperature: 1, seed: 8, topP: 0.9, repeatPenalty: 1.1 },
]

/** Declares the suite for one drafter. */
export function drafterConformance(name: string, make: MakeDrafter): void {
  describe(`the drafter ${name}`, () => {
    for (const budget of budgets) {
      for (const sample of samplings) {
        it(`gives the text of plain decoding under ${JSON.stringify(budget)} with ${JSON.stringify(sample)}`, async () => {
          const { tokens } = await run(make, { budget, sample })
          expect(tokens).toEqual(plainText({ target: createTarget(), prompt: PROMPT, count: TOKENS, sample }))
        })
      }

      it(`keeps to the budget and to the root under ${JSON.stringify(budget)}`, async () => {
        const { rounds } = await run(make, { budget, sample: { temperature: 0.7, seed: 1 } })
        expect(rounds.length).toBeGreaterThan(0)
        for (const { root, budget: given, last, proposal } of rounds) {
          const { size, depths, tokens } = proposal.tree
          expect(root).toBe(last)
          expect(size - 1).toBeLessThanOrEqual(given.nodes)
          expect(Math.max(...depths)).toBeLessThanOrEqual(given.depth)
          expect(Math.max(...tokens)).toBeLessThan(VOCABULARY)
          if (given.nodes === 0) expect(size).toBe(1)
        }
      })
    }

    it('keeps siblings apart and names a source for every node', async () => {
      const { rounds, sources } = await run(make, { budget: { policy: 'fixed', nodes: 12 } })
      for (const { proposal } of rounds) {
        for (let node = 0; node < proposal.tree.size; node++) {
          const children = proposal.tree.children(node)
          const distinct = new Set(children.map((child) => proposal.tree.tokens[child]))
          if (distinct.size !== children.length) expect.fail(`node ${node} has two equal children`)
          const source = sources[proposal.tree.sources[node]!]
          if (source === undefined) expect.fail(`node ${node} has no source`)
        }
      }
    })

    it('saves target passes where the text repeats itself', async () => {
      const { traces } = await run(make, { budget: { policy: 'fixed' } })
      expect(traces.length).toBeLessThan(0.7 * TOKENS)
    })

    it('proposes the same trees when everything is repeated', async () => {
      const budget: BudgetOptions = { policy: 'fixed' }
      const sample = { temperature: 0.8, seed: 3 }
      const first = await run(make, { budget, sample })
      const second = await run(make, { budget, sample })
      expect(second.traces.map(({ tree }) => tree)).toEqual(first.traces.map(({ tree }) => tree))
    })

    it('goes on to the last place of the context', async () => {
      const { tokens } = await run(make, { budget: { policy: 'fixed' }, capacity: 90 })
      // The last token is emitted, but its row no longer fits.
      expect(tokens).toHaveLength(90 - PROMPT.length + 1)
      expect(tokens).toEqual(plainText({ target: createTarget(), prompt: PROMPT, count: tokens.length }))
    })

    it('survives a draft context that is shorter than the text', async () => {
      const { tokens } = await run(make, { budget: { policy: 'fixed' }, draftContext: 70 })
      expect(tokens).toEqual(plainText({ target: createTarget(), prompt: PROMPT, count: TOKENS }))
    })

    it('serves a second text after the first, and several at once', async () => {
      const target = createTarget()
      const { drafter, finish } = await prepare(make, target, target.context)
      const other = [...PROMPT].reverse()
      const policy = () => createPolicy({ policy: 'fixed' })
      for (const prompt of [PROMPT, other]) {
        const { tokens } = await runRounds({ target, drafter, policy: policy(), prompt, count: 60 })
        expect(tokens).toEqual(plainText({ target, prompt, count: 60 }))
      }
      const both = [PROMPT, other].map((prompt) =>
        runRounds({ target: createTarget(), drafter, policy: policy(), prompt, count: 60 }),
      )
      const texts = (await Promise.all(both)).map(({ tokens }) => tokens)
      expect(texts).toEqual([PROMPT, other].map((prompt) => plainText({ target, prompt, count: 60 })))
      await finish()
    })

    it('stops with an error when its signal was aborted, or not at all', async () => {
      const target = createTarget()
      const { drafter, finish } = await prepare(make, target, target.context)
      {
        using session = drafter.open(PROMPT)
        const signal = AbortSignal.abort()
        const budget = { depth: 4, width: 2, nodes: 4 }
        const policy = createPolicy({ policy: 'fixed' })
        await session.propose({ tokens: PROMPT, budget, policy, signal }).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'aborted' })
        })
        // The next round is unharmed.
        const { tree } = await session.propose({ tokens: PROMPT, budget, policy })
        expect(tree.tokens[0]).toBe(PROMPT.at(-1))
      }
      await finish()
    })
  })
}

// ---------------------------------------------------------------------------------------------------------------

interface SeenRound {
  readonly root: TokenId
  readonly last: TokenId
  readonly budget: DraftRound['budget']
  readonly proposal: Proposal
}

interface Settings {
  readonly budget: BudgetOptions
  readonly sample?: SampleOptions
  readonly capacity?: number
  readonly draftContext?: number
}

function createTarget(): TableModel {
  return new TableModel({ vocabSize: VOCABULARY, next: markov(5, VOCABULARY) })
}

/** A drafter, and a check that everything it opened was closed. */
async function prepare(
  make: MakeDrafter,
  target: TableModel,
  draftContext: number,
): Promise<{ drafter: Drafter; finish: () => Promise<void> }> {
  const loaded: TableModel[] = []
  const loadDraftModel = async (): Promise<TableModel> => {
    const model = new TableModel({
      vocabSize: VOCABULARY,
      next: blurred(markov(5, VOCABULARY), 2),
      context: draftContext,
    })
    loaded.push(model)
    return model
  }
  const heads: TableHead[] = []
  const loadDraftHead = async (): Promise<TableHead> => {
    const head = new TableHead({
      vocabSize: VOCABULARY,
      next: blurred(markov(5, VOCABULARY), 2),
      context: draftContext,
    })
    heads.push(head)
    return head
  }
  const drafter = await make({ target: target.spec, loadDraftModel, loadDraftHead })
  const finish = async (): Promise<void> => {
    expect(target.openSequences).toBe(0)
    expect(loaded.map((model) => model.openSequences)).toEqual(loaded.map(() => 0))
    await drafter[Symbol.asyncDispose]()
    expect(loaded.every((model) => model.disposed)).toBe(true)
    expect(heads.every((head) => head.disposed && head.openTexts === 0)).toBe(true)
  }
  return { drafter, finish }
}

async function run(
  make: MakeDrafter,
  settings: Settings,
): Promise<RunResult & { rounds: readonly SeenRound[]; sources: readonly string[] }> {
  const target = createTarget()
  const { drafter, finish } = await prepare(make, target, settings.draftContext ?? target.context)
  const rounds: SeenRound[] = []
  const options: RunOptions = {
    target,
    drafter,
    policy: createPolicy(settings.budget),
    prompt: PROMPT,
    count: TOKENS,
    sample: settings.sample,
    ...(settings.capacity === undefined ? {} : { capacity: settings.capacity }),
    onProposal: ({ tokens, budget }, proposal) => {
      rounds.push({ root: proposal.tree.tokens[0]!, last: tokens.at(-1)!, budget, proposal })
    },
  }
  const result = await runRounds(options)
  await finish()
  return { ...result, rounds, sources: drafter.sources }
}
