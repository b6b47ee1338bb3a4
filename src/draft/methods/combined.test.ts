import { describe, expect, it } from 'vitest'
import { plainText, runRounds } from '../../../test/fakes/rounds.ts'
import { TableHead } from '../../../test/fakes/table-head.ts'
import { blurred, markov, TableModel } from '../../../test/fakes/table-model.ts'
import { createPolicy, policies, type BudgetPolicy, type LevelReport, type PolicyName } from '../../policy/index.ts'
import { createTree, type Ranked, type RoundOutcome, type TokenTree } from '../../tree/index.ts'
import { createDrafter } from '../drafters.ts'
import { passivePolicy } from '../grow.ts'
import type { Drafter, LevelSource } from '../types.ts'
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

/** A drafter by levels that gives every node the same guesses, and writes down what is asked of it. */
function stepping(log: string[], probs: readonly number[] = [0.5, 0.2]): Drafter<Ranked> {
  const levels: LevelSource = {
    maxDepth: 4,
    maxWidth: 3,
    begin: async () => Boolean(log.push('begin')),
    canRead: () => true,
    guess: async (_tree, nodes) => {
      log.push(`guess ${nodes.length}`)
      return nodes.map(() => ({ tokens: probs.map((_, i) => 50 + i), probs: Float32Array.from(probs) }))
    },
  }
  return {
    method: 'eagle3',
    sources: ['eagle3'],
    needs: { features: true, taps: [1] },
    open: () => ({
      levels,
      propose: async ({ budget: given, policy }) => {
        log.push(`propose ${given.nodes} under ${policy.name}`)
        return { kind: 'ranked', tree: createTree(0) }
      },
      observe: ({ next }: RoundOutcome) => void log.push(`observe ${next}`),
      [Symbol.dispose]: () => void log.push('session disposed'),
    }),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

const noScores = { logits: () => new Float32Array(60), features: () => new Float32Array(0) }

async function withHead(lookup: TokenTree, log: string[], probs?: readonly number[]): Promise<Drafter<Ranked>> {
  const drafters: Record<string, Drafter<Ranked>> = { lookup: constant('lookup', lookup), eagle3: stepping(log, probs) }
  const options = { method: 'combined', sources: ['lookup', 'eagle3'], eagle3: { path: 'head.gguf' } }
  return create(combinedOptions.parse(options), { create: async ({ method }) => drafters[method]! })
}

function watching(depths: string[], change: BudgetPolicy['revise'] = (_level, given) => given): BudgetPolicy {
  return {
    ...passivePolicy,
    revise: (level: LevelReport, given) => {
      depths.push(`${level.depth}: ${level.tree.size} nodes, frontier ${level.frontier.length}`)
      return change(level, given)
    },
  }
}

describe('combined with a drafter by levels', () => {
  const round = { tokens: [0], budget: { depth: 3, width: 3, nodes: 12 } }

  it('asks the policy about the cheap tree, then after each level, and leaves the head alone where none is bought', async () => {
    const log: string[] = []
    const seen: string[] = []
    using session = (await withHead(treeOf([[1, 2, 3], 0.9]), log)).open([0])
    const { tree } = await session.propose({ ...round, policy: watching(seen) })
    expect(log).toEqual(['begin', 'guess 1', 'guess 3', 'guess 3'])
    // Two new nodes below each node that was read.
    expect(seen).toEqual([
      '0: 4 nodes, frontier 1',
      '1: 6 nodes, frontier 3',
      '2: 12 nodes, frontier 3',
      '3: 18 nodes, frontier 3',
      '3: 18 nodes, frontier 0',
    ])
    // One tree of both, named by source; the copied run goes on where the head has branched.
    const copied = tree.child(tree.child(tree.child(0, 1), 2), 3)
    expect([tree.sources[copied], tree.sources[tree.child(0, 50)]]).toEqual([0, 1])
    expect(tree.child(tree.child(0, 1), 50)).toBeGreaterThan(0)

    log.length = 0
    const stop: BudgetPolicy['revise'] = (level, given) => ({ ...given, depth: level.depth })
    const copy = (await session.propose({ ...round, policy: watching([], stop) })).tree
    expect(Math.max(...copy.depths)).toBe(3)
    // Nothing was read, but it may put away what waits.
    expect(log).toEqual(['propose 0 under passive'])
  })

  it('costs nothing in rounds without a budget', async () => {
    const log: string[] = []
    using session = (await withHead(treeOf([[1, 2], 0.9]), log)).open([0])
    const seen: string[] = []
    const { tree } = await session.propose({
      tokens: [0],
      budget: { ...round.budget, nodes: 0 },
      policy: watching(seen),
    })
    expect([tree.size, seen, log]).toEqual([1, [], ['propose 0 under passive']])
    session.observe({ tree, accepted: [], next: 7, context: 1, draftMs: 0, verifyMs: 0 }, noScores)
    expect(log.at(-1)).toBe('observe 7')
  })

  it('learns how often each source comes true, whoever was accepted, and tells every source', async () => {
    const log: string[] = []
    using session = (await withHead(treeOf([[1], 0.5]), log)).open([0])
    const chances = async (): Promise<number[]> => {
      const { tree } = await session.propose({ ...round, policy: passivePolicy })
      return [1, 50, 51].map((token) => Math.exp(tree.logProbs[tree.child(0, token)]!))
    }
    const [lookup, first, second] = await chances()
    expect(second!).toBeLessThan(first!)
    const bare = createTree(0)
    for (let i = 0; i < 40; i++) {
      await chances()
      session.observe({ tree: bare, accepted: [], next: 51, context: 1, draftMs: 0, verifyMs: 0 }, noScores)
    }
    const [lookupLater, firstLater, secondLater] = await chances()
    expect(lookupLater!).toBeLessThan(0.3 * lookup!)
    expect(firstLater!).toBeLessThan(0.3 * first!)
    expect(secondLater!).toBeGreaterThan(0.8)
    expect(log.filter((line) => line === 'observe 51')).toHaveLength(40)
  })

  it('gives the text of plain decoding under every policy, and a tree as good as that of each source alone', async () => {
    const next = markov(5, 48)
    const prompt = [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 9, 1, 2, 3, 4, 5, 6, 1, 2]
    const run = async (
      policy: PolicyName,
      sources: readonly string[],
    ): Promise<{ tokens: number[]; rounds: number }> => {
      const target = new TableModel({ vocabSize: 48, next })
      const parts = {
        target: target.spec,
        loadDraftModel: () => Promise.reject(new Error('not used')),
        loadDraftHead: async () => new TableHead({ vocabSize: 48, next: blurred(next, 1) }),
      }
      const options = { method: 'combined', sources: [...sources], eagle3: { path: 'head.gguf' } } as never
      await using drafter = await createDrafter(options, parts)
      const { tokens, traces } = await runRounds({
        target,
        drafter,
        policy: createPolicy({ policy }),
        prompt,
        count: 80,
        sample: { temperature: 0.6, seed: 5 },
      })
      return { tokens: [...tokens], rounds: traces.length }
    }
    const expected = plainText({
      target: new TableModel({ vocabSize: 48, next }),
      prompt,
      count: 80,
      sample: { temperature: 0.6, seed: 5 },
    })
    const all = ['lookup', 'recycling', 'eagle3']
    for (const policy of Object.keys(policies) as PolicyName[]) {
      expect((await run(policy, all)).tokens, policy).toEqual(expected)
    }
    // Estimates are learned, so a round or two may go the other way.
    const rounds = 0.95 * (await run('eagle', all)).rounds
    expect(rounds).toBeLessThanOrEqual((await run('eagle', ['eagle3'])).rounds)
    expect(rounds).toBeLessThanOrEqual((await run('eagle', ['lookup', 'recycling'])).rounds)
  })
})
