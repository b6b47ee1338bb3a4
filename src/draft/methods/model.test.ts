import { describe, expect, it } from 'vitest'
import { blurred, markov, TableModel } from '../../../test/fakes/table-model.ts'
import type { TokenId, TokenTree } from '../../tree/index.ts'
import { passivePolicy } from '../grow.ts'
import type { Drafter, DraftSession } from '../types.ts'
import { create } from './model.ts'
import { modelOptions } from './model.options.ts'

const VOCABULARY = 32
const next = markov(4, VOCABULARY)
const budget = { depth: 3, width: 2, nodes: 6 }
const neverRead = { logits: () => new Float32Array(0), features: () => new Float32Array(0) }

function draftModel(context = 256, vocabSize = VOCABULARY): TableModel {
  return new TableModel({ vocabSize, next: vocabSize === VOCABULARY ? next : markov(4, vocabSize), context })
}

function make(model: TableModel, options: object = {}, vocabSize = VOCABULARY): Promise<Drafter> {
  const target = { ...model.spec, vocabSize }
  const settings = modelOptions.parse({ method: 'model', path: 'draft.gguf', ...options })
  return create(settings, { target, loadDraftModel: async () => model })
}

async function propose(session: DraftSession, tokens: readonly TokenId[], limits = budget): Promise<TokenTree> {
  return (await session.propose({ tokens, budget: limits, policy: passivePolicy })).tree
}

/** Tells the session that the text went on with `emitted`; the first ones are nodes of the tree. */
function observe(session: DraftSession, tree: TokenTree, emitted: readonly TokenId[]): void {
  const accepted: number[] = []
  let at = 0
  for (const token of emitted.slice(0, -1)) accepted.push((at = tree.child(at, token)))
  session.observe({ tree, accepted, next: emitted.at(-1)!, context: 0, draftMs: 0, verifyMs: 0 }, neverRead)
}

/** The `count` likeliest tokens after `text`, and their probabilities. */
function likeliestAfter(text: readonly TokenId[], count: number): { token: TokenId; probability: number }[] {
  const weights = [...next(text)].map(Math.exp)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights
    .map((weight, token) => ({ token, probability: weight / total }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count)
}

describe('drafting with a model', () => {
  it('grows the tree of EAGLE-2: beam by path probability, best nodes of all levels', async () => {
    const session = (await make(draftModel())).open([1, 2])
    const tree = await propose(session, [1, 2], { depth: 3, width: 3, nodes: 8 })

    // The definition, straight from the table.
    type Path = { text: TokenId[]; chance: number }
    let beam: Path[] = [{ text: [1, 2], chance: 1 }]
    const pool: Path[] = []
    for (let depth = 0; depth < 3; depth++) {
      const children = beam.flatMap(({ text, chance }) =>
        likeliestAfter(text, 3).map(({ token, probability }) => ({
          text: [...text, token],
          chance: chance * probability,
        })),
      )
      pool.push(...children)
      beam = children.sort((a, b) => b.chance - a.chance).slice(0, 3)
    }
    const best = pool.sort((a, b) => b.chance - a.chance).slice(0, 8)
    const paths = Array.from({ length: tree.size - 1 }, (_, i) => ({
      text: [1, 2, ...tree.path(i + 1).map((node) => tree.tokens[node]!)].join(' '),
      chance: Math.exp(tree.pathLogProb(i + 1)).toFixed(4),
    }))
    const expected = best.map(({ text, chance }) => ({ text: text.join(' '), chance: chance.toFixed(4) }))
    const byText = (a: { text: string }, b: { text: string }): number => a.text.localeCompare(b.text)
    expect(paths.sort(byText)).toEqual(expected.sort(byText))
  })

  it('reads each token once: what was accepted and read stays in the cache', async () => {
    const model = draftModel()
    const session = (await make(model, { maxWidth: 1 })).open([1, 2])
    const chain = { depth: 3, width: 1, nodes: 3 }
    const text = [1, 2]
    const tree = await propose(session, text, chain)
    // Two lacking tokens and two of the three drafted ones are read; the third is only proposed.
    expect(model.rows).toBe(4)
    observe(session, tree, [...tree.tokens.slice(1), 30])
    text.push(...tree.tokens.slice(1), 30)
    await propose(session, text, chain)
    // The third token, the target's own, and two new ones.
    expect(model.rows).toBe(8)
  })

  it('drops what was not accepted and drafts as if it had never read it', async () => {
    const session = (await make(draftModel())).open([1, 2])
    const tree = await propose(session, [1, 2])
    observe(session, tree, [tree.tokens[1]!, 31])
    const text = [1, 2, tree.tokens[1]!, 31]
    const fresh = (await make(draftModel())).open(text)
    expect((await propose(session, text)).tokens).toEqual((await propose(fresh, text)).tokens)
  })

  it('spends nothing on rounds without drafting, and catches up later', async () => {
    const model = draftModel()
    const session = (await make(model)).open([1])
    const text = [1]
    for (let i = 0; i < 50; i++) {
      const tree = await propose(session, text, { ...budget, nodes: 0 })
      expect(tree.size).toBe(1)
      observe(session, tree, [i % VOCABULARY])
      text.push(i % VOCABULARY)
    }
    expect(model.passes).toBe(0)
    expect((await propose(session, text)).size).toBe(7)
    // One prefill for the long lag, three levels.
    expect(model.passes).toBe(4)
  })

  it('follows a text that was changed behind its back', async () => {
    const session = (await make(draftModel())).open([1, 2, 3, 4])
    const tree = await propose(session, [1, 2, 3, 4])
    observe(session, tree, [5])
    const other = [1, 2, 9, 8, 7]
    const fresh = (await make(draftModel())).open(other)
    expect((await propose(session, other)).tokens).toEqual((await propose(fresh, other)).tokens)
  })

  it('proposes less, then nothing, when its context ends', async () => {
    const model = draftModel(12)
    const session = (await make(model)).open([1])
    const text = Array.from({ length: 10 }, (_, i) => i + 1)
    expect(Math.max(...(await propose(session, text)).depths)).toBe(2)
    expect((await propose(session, [...text, 11])).size).toBe(3)
    expect((await propose(session, [...text, 11, 12])).size).toBe(1)
  })

  it('lets the policy stop between levels', async () => {
    const model = draftModel()
    const session = (await make(model)).open([1])
    const policy = { ...passivePolicy, revise: () => ({ ...budget, depth: 1 }) }
    const { tree } = await session.propose({ tokens: [1], budget, policy })
    expect(Math.max(...tree.depths)).toBe(1)
    expect(model.passes).toBe(1)
  })

  it('tells the policy the probabilities after each expanded node', async () => {
    const session = (await make(draftModel())).open([1, 2])
    const seen: Float32Array[] = []
    const policy = {
      ...passivePolicy,
      revise: (level: { topProbs(node: number): Float32Array }, given: typeof budget) => {
        seen.push(level.topProbs(0))
        return given
      },
    }
    await session.propose({ tokens: [1, 2], budget: { ...budget, depth: 1 }, policy })
    const expected = likeliestAfter([1, 2], 10).map(({ probability }) => probability)
    expect(seen[0]).toHaveLength(10)
    seen[0]!.forEach((probability, i) => expect(probability).toBeCloseTo(expected[i]!, 4))
  })

  it('never proposes a token that the target does not have, nor reads one that it does not have itself', async () => {
    const large = draftModel(64, 2001)
    const session = (await make(large, {}, 2000)).open([1])
    const tree = await propose(session, [1], { depth: 4, width: 10, nodes: 100 })
    expect(Math.max(...tree.tokens)).toBeLessThan(2000)
    const small = (await make(draftModel(64, 1999), {}, 2000)).open([1])
    expect((await propose(small, [1999])).size).toBe(1)
  })

  it('refuses another vocabulary with the reason, and frees the model', async () => {
    const model = draftModel(64, 50)
    await expect(make(model)).rejects.toMatchObject({ code: 'drafter-mismatch' })
    await expect(make(model)).rejects.toThrow('expected a draft model with a vocabulary of 32 tokens, got 50')
    expect(model.disposed).toBe(true)
  })

  it('serves sessions that draft at the same time', async () => {
    const drafter = await make(new TableModel({ vocabSize: VOCABULARY, next: blurred(next, 1), context: 64 }))
    const texts = [[1], [2], [3]]
    const together = await Promise.all(texts.map((text) => propose(drafter.open(text), text)))
    for (const [i, text] of texts.entries()) {
      expect(together[i]!.tokens).toEqual((await propose(drafter.open(text), text)).tokens)
    }
  })

  it('starts over when a round was never observed', async () => {
    const session = (await make(draftModel())).open([1])
    const first = await propose(session, [1])
    expect((await propose(session, [1])).tokens).toEqual(first.tokens)
    observe(session, first, [first.tokens[1]!, 4])
    expect((await propose(session, [1, first.tokens[1]!, 4])).size).toBe(7)
  })
})
