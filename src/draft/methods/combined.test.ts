import { describe, expect, it } from 'vitest'
import { createTree, type Ranked, type TokenTree } from '../../tree/index.ts'
import { passivePolicy } from '../grow.ts'
import type { Drafter } from '../types.ts'
import { create } from './combined.ts'
import { combinedOptions } from './combined.options.ts'

const budget = { depth: 6, width: 4, nodes: 8 }

/** A drafter that always proposes the same tree. */
function constant(method: string, tree: TokenTree, log: string[] = []): Drafter<Ranked> {
  return {
    method,
    sources: [method],
    needs: { features: false },
    open: () => ({
      propose: async ({ policy }) => {
        log.push(`${method} proposes under ${policy.name}`)
        return { kind: 'ranked', tree }
      },
      observe: () => void log.push(`${method} observes`),
      [Symbol.dispose]: () => void log.push(`${method} session disposed`),
    }),
    [Symbol.asyncDispose]: async () => void log.push(`${method} disposed`),
  }
}

async function combine(drafters: Record<string, Drafter<Ranked>>): Promise<Drafter<Ranked>> {
  return create(combinedOptions.parse({ method: 'combined', sources: Object.keys(drafters) }), {
    create: async ({ method }) => drafters[method]!,
  })
}

function treeOf(...paths: readonly (readonly [tokens: readonly number[], probability: number])[]): TokenTree {
  const tree = createTree(0)
  for (const [tokens, probability] of paths) {
    let at = 0
    for (const token of tokens) {
      const known = tree.child(at, token)
      at = known >= 0 ? known : tree.add(at, token, Math.log(probability))
    }
  }
  return tree
}

async function propose(drafter: Drafter<Ranked>): Promise<TokenTree> {
  using session = drafter.open([0])
  return (await session.propose({ tokens: [0], budget, policy: passivePolicy })).tree
}

describe('combined', () => {
  it('merges equal paths and names the source of each node', async () => {
    const lookup = constant('lookup', treeOf([[1, 2, 3], 0.8]))
    const recycling = constant('recycling', treeOf([[1], 0.4], [[4], 0.3]))
    const drafter = await combine({ lookup, recycling })
    expect(drafter.sources).toEqual(['lookup', 'recycling'])
    const tree = await propose(drafter)
    expect(tree.size).toBe(5)
    expect(tree.sources[tree.child(0, 1)]).toBe(0)
    expect(tree.sources[tree.child(0, 4)]).toBe(1)
    expect(tree.path(tree.child(tree.child(tree.child(0, 1), 2), 3))).toHaveLength(3)
  })

  it('believes agreement more, and contradiction less, than a source alone', async () => {
    const lookup = constant('lookup', treeOf([[1], 0.4]))
    const chance = async (other: TokenTree): Promise<number> => {
      const tree = await propose(await combine({ lookup, recycling: constant('recycling', other) }))
      return tree.logProbs[tree.child(0, 1)]!
    }
    const alone = await chance(createTree(0))
    expect(await chance(treeOf([[1], 0.5]))).toBeGreaterThan(alone)
    expect(await chance(treeOf([[2], 0.4]))).toBeLessThan(alone)
  })

  it('keeps the best nodes of all sources', async () => {
    const lookup = constant('lookup', treeOf([[1, 1, 1, 1, 1, 1], 0.95]))
    const recycling = constant('recycling', treeOf([[2], 0.05], [[3], 0.02], [[4], 0.02]))
    const tree = await propose(await combine({ lookup, recycling }))
    expect(tree.size).toBe(9)
    expect(Math.max(...tree.depths)).toBe(6)
  })

  it('learns which source to trust', async () => {
    const drafter = await combine({
      lookup: constant('lookup', treeOf([[1], 0.5])),
      recycling: constant('recycling', treeOf([[2], 0.5])),
    })
    using session = drafter.open([0])
    const round = { tokens: [0], budget, policy: passivePolicy }
    const bare = createTree(0)
    const scores = { logits: () => new Float32Array(3), features: () => new Float32Array(0) }
    for (let i = 0; i < 40; i++) {
      await session.propose(round)
      session.observe({ tree: bare, accepted: [], next: 2, context: 1, draftMs: 0, verifyMs: 0 }, scores)
    }
    const { tree } = await session.propose(round)
    expect(Math.exp(tree.logProbs[tree.child(0, 2)]!)).toBeGreaterThan(0.8)
    expect(Math.exp(tree.logProbs[tree.child(0, 1)]!)).toBeLessThan(0.1)
  })

  it('keeps its sources away from the policy and tells them everything else', async () => {
    const log: string[] = []
    const drafter = await combine({ lookup: constant('lookup', treeOf([[1], 0.5]), log) })
    const revised: number[] = []
    const policy = {
      ...passivePolicy,
      name: 'real',
      revise: (level: { tree: TokenTree }, given: typeof budget) => (revised.push(level.tree.size), given),
    }
    {
      using session = drafter.open([0])
      const { tree } = await session.propose({ tokens: [0], budget, policy })
      const scores = { logits: () => new Float32Array(3), features: () => new Float32Array(0) }
      session.observe({ tree, accepted: [1], next: 5, context: 1, draftMs: 0, verifyMs: 0 }, scores)
      await session.propose({ tokens: [0, 1, 5], budget: { ...budget, nodes: 0 }, policy })
    }
    await drafter[Symbol.asyncDispose]()
    expect(revised).toEqual([2])
    expect(log).toEqual([
      'lookup proposes under passive',
      'lookup observes',
      'lookup session disposed',
      'lookup disposed',
    ])
  })

  it('refuses a model without options, and frees what it had created when a source fails', async () => {
    const log: string[] = []
    const withModel = combinedOptions.parse({ method: 'combined', sources: ['lookup', 'model'] })
    const never = { create: () => Promise.reject(new Error('not reached')) }
    await expect(create(withModel, never)).rejects.toThrow('expected options for the source "model", got none')
    const failing = create(combinedOptions.parse({ method: 'combined' }), {
      create: async ({ method }) => {
        if (method === 'recycling') throw new Error('no memory')
        return constant('lookup', createTree(0), log)
      },
    })
    await expect(failing).rejects.toThrow('no memory')
    expect(log).toEqual(['lookup disposed'])
  })
})
