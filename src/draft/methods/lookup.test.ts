import { describe, expect, it } from 'vitest'
import type { TokenTree } from '../../tree/index.ts'
import { passivePolicy } from '../grow.ts'
import type { DraftSession } from '../types.ts'
import { create } from './lookup.ts'
import { lookupOptions } from './lookup.options.ts'

const budget = { depth: 16, width: 4, nodes: 16 }

async function open(options: object = {}): Promise<DraftSession> {
  const drafter = await create(lookupOptions.parse({ method: 'lookup', ...options }))
  return drafter.open([])
}

async function propose(session: DraftSession, tokens: readonly number[], limits = budget): Promise<TokenTree> {
  return (await session.propose({ tokens, budget: limits, policy: passivePolicy })).tree
}

/** Tokens along the most probable path. */
function bestPath(tree: TokenTree): number[] {
  const tokens: number[] = []
  for (let node = 0; ;) {
    const [best] = tree.children(node).sort((a, b) => tree.logProbs[b]! - tree.logProbs[a]!)
    if (best === undefined) return tokens
    tokens.push(tree.tokens[best]!)
    node = best
  }
}

describe('lookup', () => {
  it('copies what followed the longest match', async () => {
    const tree = await propose(await open(), [1, 2, 3, 4, 5, 9, 3, 7, 8, 1, 2, 3])
    expect(bestPath(tree).slice(0, 3)).toEqual([4, 5, 9])
    expect(tree.child(0, 7)).toBeGreaterThan(0)
    expect(tree.logProbs[tree.child(0, 4)]!).toBeGreaterThan(tree.logProbs[tree.child(0, 7)]!)
  })

  it('goes on copying a loop beyond the end of the text', async () => {
    const tree = await propose(await open(), [9, 1, 2, 3, 1, 2, 3, 1, 2, 3], { ...budget, width: 1, nodes: 12 })
    expect(bestPath(tree)).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3])
  })

  it('proposes nothing where nothing repeats', async () => {
    expect((await propose(await open(), [1, 2, 3, 4, 5])).size).toBe(1)
  })

  it('believes places that agree more than one place alone', async () => {
    const alone = await propose(await open(), [5, 1, 2, 9, 8, 7, 1])
    const agreed = await propose(await open(), [5, 1, 2, 9, 8, 4, 1, 2, 7, 1])
    expect(agreed.logProbs[agreed.child(0, 2)]!).toBeGreaterThan(alone.logProbs[alone.child(0, 2)]!)
  })

  it('ignores matches below the smallest n-gram', async () => {
    const session = await open({ minNgram: 2 })
    expect((await propose(session, [5, 1, 2, 9, 8, 7, 1])).size).toBe(1)
  })

  it('copies no deeper than it may', async () => {
    const text = [...Array.from({ length: 30 }, (_, i) => i), 0, 1, 2]
    const tree = await propose(await open({ maxDepth: 6 }), text)
    expect(Math.max(...tree.depths)).toBe(6)
  })

  it('loses faith in copies that never come true, even unscored ones, and finds it again', async () => {
    const session = await open()
    const text = [1, 2, 3, 1]
    const faith = async (): Promise<number> => {
      const tree = await propose(session, text)
      return Math.exp(tree.logProbs[1]!)
    }
    const round = async (next: number): Promise<void> => {
      const bare = (await propose(session, text)).keep([])
      session.observe({ tree: bare, accepted: [], next, context: 3, draftMs: 0, verifyMs: 0 }, neverRead)
    }
    const first = await faith()
    for (let i = 0; i < 30; i++) await round(7)
    const disappointed = await faith()
    expect(disappointed).toBeLessThan(first / 2)
    for (let i = 0; i < 60; i++) await round(2)
    expect(await faith()).toBeGreaterThan(2 * disappointed)
  })

  it('refuses limits that contradict each other', async () => {
    const options = lookupOptions.parse({ method: 'lookup', minNgram: 4, maxNgram: 2 })
    expect(() => create(options)).toThrow('expected min-ngram <= max-ngram, got 4 > 2')
  })
})

const neverRead = {
  logits: () => {
    throw new Error('lookup reads no logits')
  },
  features: () => {
    throw new Error('lookup reads no features')
  },
}
