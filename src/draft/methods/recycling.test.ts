import { describe, expect, it } from 'vitest'
import type { ModelSpec } from '../../model/index.ts'
import { createTree, type RoundOutcome, type TokenTree } from '../../tree/index.ts'
import { passivePolicy } from '../grow.ts'
import type { Drafter, DraftSession } from '../types.ts'
import { create } from './recycling.ts'
import { recyclingOptions } from './recycling.options.ts'

const VOCABULARY = 30
const budget = { depth: 8, width: 8, nodes: 16 }
const target = { vocabSize: VOCABULARY } as ModelSpec

const make = (options: object = {}): Promise<Drafter> =>
  create(recyclingOptions.parse({ method: 'recycling', ...options }), { target })

function peak(token: number): Float32Array {
  const row = new Float32Array(VOCABULARY).fill(-30)
  row[token] = 5
  return row
}

async function propose(session: DraftSession, tokens: readonly number[]): Promise<TokenTree> {
  return (await session.propose({ tokens, budget, policy: passivePolicy })).tree
}

/** The target reads `tree` and says `rows[node]`. */
function observe(session: DraftSession, tree: TokenTree, rows: readonly Float32Array[], accepted: number[] = []): void {
  const outcome: RoundOutcome = { tree, accepted, next: 0, context: 1, draftMs: 0, verifyMs: 0 }
  session.observe(outcome, { logits: (node) => rows[node]!, features: () => new Float32Array(0) })
}

describe('recycling', () => {
  it('proposes nothing before it has seen anything', async () => {
    expect((await propose((await make()).open([4]), [4])).size).toBe(1)
  })

  it('drafts chains from the pairs of the prompt', async () => {
    const session = (await make()).open([1, 2, 3])
    const tree = await propose(session, [1, 2, 3, 1])
    expect([...tree.tokens]).toEqual([1, 2, 3])
    expect([...tree.parents]).toEqual([-1, 0, 1])
  })

  it('learns from every scored row, accepted or not, for all sessions', async () => {
    const drafter = await make()
    const tree = createTree(1)
    tree.add(0, 2, -1)
    observe(drafter.open([1]), tree, [peak(5), peak(6)])
    const other = drafter.open([9])
    expect((await propose(other, [9, 1])).child(0, 5)).toBeGreaterThan(0)
    expect((await propose(other, [9, 2])).child(0, 6)).toBeGreaterThan(0)
  })

  it('keeps the row of the real text when a token stands at several nodes, else that of the most probable path', async () => {
    const tree = createTree(1)
    const guessed = tree.add(0, 2, -0.1)
    const real = tree.add(0, 3, -2)
    const realTwo = tree.add(real, 2, -1)
    const rows = [peak(20), peak(21), peak(22), peak(23)]
    const followerOfTwo = async (accepted: number[]): Promise<number> => {
      const session = (await make()).open([1])
      observe(session, tree, rows, accepted)
      return (await propose(session, [2])).tokens[1]!
    }
    expect(guessed).toBe(1)
    expect(await followerOfTwo([real, realTwo])).toBe(23)
    expect(await followerOfTwo([])).toBe(21)
  })

  it('asks for the last row of unknown tokens only, the frequent ones first', async () => {
    const drafter = await make({ promptRows: 2 })
    const wanted = (tokens: readonly number[]): number[] =>
      [...tokens.keys()].filter((index) => drafter.wantsPromptRow?.(tokens, index))
    expect(wanted([7, 8, 7, 9, 7, 8])).toEqual([4, 5])
    drafter.observePrompt?.([{ index: 4, token: 7, logits: peak(3) }])
    expect(wanted([7, 8, 7, 9, 7, 8, 4])).toEqual([5, 6])
    const none = await make({ promptRows: 0 })
    expect(none.wantsPromptRow?.([1, 2, 3], 2)).toBe(false)
  })

  it('uses the rows of the prompt', async () => {
    const drafter = await make()
    drafter.observePrompt?.([{ index: 0, token: 1, logits: peak(17) }])
    expect((await propose(drafter.open([1]), [1])).tokens[1]).toBe(17)
  })
})
