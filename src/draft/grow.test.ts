import { describe, expect, it } from 'vitest'
import type { Budget, BudgetPolicy, LevelReport } from '../policy/index.ts'
import { chainTree, createTree, type NodeId } from '../tree/index.ts'
import { finishTree, growTree, type LevelStepper } from './grow.ts'

const budget: Budget = { depth: 4, width: 2, nodes: 5 }
const empty = new Float32Array(0)

/** Records what it was shown and answers by `change`. */
function policyOf(change: (level: LevelReport, budget: Budget) => Budget): BudgetPolicy & { readonly seen: string[] } {
  const seen: string[] = []
  return {
    name: 'recorded',
    seen,
    plan: () => budget,
    revise: (level, given) => {
      seen.push(`depth ${level.depth}, ${level.tree.size} nodes, frontier ${level.frontier.length}`)
      return change(level, given)
    },
    observe: () => undefined,
  }
}

/** Two children below each node, the second one unlikely. Ends after `levels`. */
function stepper(levels: number): LevelStepper {
  return {
    expand: async (tree, frontier, width) => {
      const added = frontier.flatMap((node) =>
        [0, 1].slice(0, width).map((token): NodeId => tree.add(node, token, token === 0 ? -0.1 : -2)),
      )
      const depth = tree.depths[added[0]!]!
      return { tree, depth, frontier: depth < levels ? added.slice(0, width) : [], topProbs: () => empty }
    },
  }
}

describe('growing by levels', () => {
  it('asks the policy after each level and prunes to the best nodes', async () => {
    const policy = policyOf((_level, given) => given)
    const { tree } = await growTree(9, stepper(4), policy, budget)
    expect(policy.seen).toEqual([
      'depth 1, 3 nodes, frontier 2',
      'depth 2, 7 nodes, frontier 2',
      'depth 3, 11 nodes, frontier 2',
      'depth 4, 15 nodes, frontier 0',
    ])
    expect(tree.size).toBe(6)
    expect(Math.max(...tree.depths)).toBe(4)
  })

  it('stops when the policy says so, and shows it the finished tree', async () => {
    const policy = policyOf((level, given) => ({ ...given, depth: Math.min(given.depth, 2), nodes: level.depth }))
    const { tree } = await growTree(9, stepper(4), policy, budget)
    expect(policy.seen).toEqual([
      'depth 1, 3 nodes, frontier 2',
      'depth 2, 7 nodes, frontier 2',
      'depth 2, 7 nodes, frontier 0',
    ])
    expect(tree.size).toBe(3)
  })

  it('goes deeper when the policy says so', async () => {
    const policy = policyOf((_level, given) => ({ ...given, depth: 6, nodes: 99 }))
    const { tree } = await growTree(9, stepper(9), policy, { ...budget, depth: 1 })
    expect(Math.max(...tree.depths)).toBe(6)
  })

  it('drafts nothing without nodes', async () => {
    const policy = policyOf((_level, given) => given)
    expect((await growTree(9, stepper(4), policy, { ...budget, nodes: 0 })).tree.size).toBe(1)
    expect(policy.seen).toEqual([])
  })

  it('ends with an error between levels when its signal is aborted', async () => {
    const controller = new AbortController()
    const policy = policyOf((_level, given) => {
      controller.abort()
      return given
    })
    await expect(growTree(9, stepper(4), policy, budget, controller.signal)).rejects.toMatchObject({ code: 'aborted' })
    expect(policy.seen).toHaveLength(1)
  })
})

describe('finishing a tree', () => {
  it('asks the policy once and prunes by nodes and by depth', () => {
    const policy = policyOf((_level, given) => ({ ...given, depth: 2, nodes: 3 }))
    const { kind, tree } = finishTree(chainTree([9, 1, 2, 3, 4], [-1, -1, -1, -1]), policy, budget)
    expect(policy.seen).toEqual(['depth 4, 5 nodes, frontier 0'])
    expect(kind).toBe('ranked')
    expect([...tree.tokens]).toEqual([9, 1, 2])
  })

  it('leaves the bare root when no node is worth its row', () => {
    const policy = policyOf((_level, given) => ({ ...given, nodes: 0 }))
    expect(finishTree(chainTree([9, 1, 2]), policy, budget).tree.size).toBe(1)
  })

  it('does not ask about a bare root', () => {
    const policy = policyOf((_level, given) => given)
    expect(finishTree(createTree(9), policy, budget).tree.size).toBe(1)
    expect(policy.seen).toEqual([])
  })
})
