import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Budget, BudgetPolicy, LevelReport } from '../policy/index.ts'
import { bestNodes, createTree, pathLogProbs, type NodeId, type TokenId, type TokenTree } from '../tree/index.ts'
import { growFurther, passivePolicy } from './grow.ts'
import { MergedLevels } from './merged-levels.ts'
import { Mixture, mixtureRates } from './mixture.ts'
import type { DraftSession, LevelSource } from './types.ts'

const [CHEAP, HEAD] = [0, 1]

interface FakeSource extends LevelSource {
  /** Paths that it was asked about, call by call. */
  readonly asked: string[][]
  begun: number
}

/** Guesses depend on the path alone. Refuses what a head could not answer. */
function source(seed: number, limits: Partial<LevelSource> = {}): FakeSource {
  const read = new Set<NodeId>()
  const fake: FakeSource = {
    maxDepth: 16,
    maxWidth: 10,
    asked: [],
    begun: 0,
    begin: async () => {
      fake.begun++
      return true
    },
    canRead: () => true,
    guess: async (tree, nodes, count) => {
      fake.asked.push(nodes.map((node) => pathOf(tree, node)))
      for (const node of nodes) if (node > 0 && !read.has(tree.parents[node]!)) throw new Error('parent not read')
      for (const node of nodes) read.add(node)
      return nodes.map((node) => guesses(seed, pathOf(tree, node), Math.max(6, count)))
    },
    ...limits,
  }
  return fake
}

function guesses(seed: number, path: string, count: number): { tokens: TokenId[]; probs: Float32Array } {
  let state = seed + 1
  for (const token of path.split(' ')) state = Math.imul(state ^ (Number(token) + 7), 0x9e3779b1) >>> 0
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
  const tokens = new Set<TokenId>()
  while (tokens.size < count) tokens.add(Math.floor(next() * 40))
  const weights = Array.from(tokens, next).sort((a, b) => b - a)
  const total = 1.2 * weights.reduce((sum, weight) => sum + weight, 0)
  return { tokens: [...tokens], probs: Float32Array.from(weights, (weight) => weight / total) }
}

function pathOf(tree: TokenTree, node: NodeId): string {
  return tree
    .path(node)
    .map((at) => tree.tokens[at])
    .join(' ')
}

function pathsOf(tree: TokenTree): string[] {
  return Array.from({ length: tree.size }, (_, node) => pathOf(tree, node))
}

/** Chains of equal chance as the tree of a cheap source. */
function copies(...chains: readonly (readonly TokenId[])[]): TokenTree {
  const tree = createTree(0)
  for (const chain of chains) {
    let at = 0
    for (const token of chain) {
      const known = tree.child(at, token)
      at = known < 0 ? tree.add(at, token, Math.log(0.8)) : known
    }
  }
  return tree
}

interface Grown {
  readonly tree: TokenTree
  readonly whole: TokenTree
  readonly stepper: MergedLevels
  readonly reports: Report[]
}

interface Report extends Pick<LevelReport, 'depth' | 'frontier'> {
  readonly paths: string[]
  readonly scores: number[]
  readonly told: number[]
}

async function grow(
  cheap: TokenTree,
  heads: readonly LevelSource[],
  budget: Budget,
  change: (level: LevelReport, budget: Budget) => Budget = (_level, given) => given,
  after: NonNullable<DraftSession['after']> = () => [],
): Promise<Grown> {
  const count = 1 + heads.length
  const mixture = new Mixture(count, mixtureRates(count, true), true)
  const whole = createTree(0)
  for (let node = 1; node < cheap.size; node++) {
    whole.add(cheap.parents[node]!, cheap.tokens[node]!, cheap.logProbs[node]!, CHEAP)
  }
  const stepper = new MergedLevels({
    mixture,
    cheap: [{ number: CHEAP, source: cheap, session: { after } }],
    levels: heads.map((head, i) => ({ number: HEAD + i, source: head })),
    marks: Array.from({ length: whole.size }, () => 0),
    tokens: [0],
  })
  const reports: Report[] = []
  const policy: BudgetPolicy = {
    ...passivePolicy,
    revise: (level, given) => {
      const { depth, frontier, tree } = level
      const told = Array.from({ length: tree.size }, (_, node) => level.topProbs(node).length)
      reports.push({ depth, frontier: [...frontier], paths: pathsOf(tree), scores: [...pathLogProbs(tree)], told })
      return change(level, given)
    },
  }
  const { tree } = await growFurther(whole, stepper, policy, budget, { keeps: stepper.keeps })
  return { tree, whole, stepper, reports }
}

const budget = { depth: 4, width: 3, nodes: 20 }

describe('growing a merged tree', () => {
  it('shows the cheap tree first, and leaves the head unread when the policy buys no level', async () => {
    const head = source(1)
    const { tree, reports, stepper } = await grow(copies([1, 2, 3, 4]), [head], budget, (level, given) => ({
      ...given,
      depth: level.depth,
    }))
    expect(reports.map(({ depth, frontier }) => [depth, frontier])).toEqual([
      [0, [0]],
      [0, []],
    ])
    expect([head.begun, head.asked.length, stepper.begun]).toEqual([0, 0, false])
    // The copied run is verified as deep as the budget goes.
    expect(pathsOf(tree)).toEqual(['', '1', '1 2', '1 2 3', '1 2 3 4'])
  })

  it('asks the head at once where the cheap sources say nothing', async () => {
    const { reports } = await grow(createTree(0), [source(1)], budget)
    expect(reports[0]).toMatchObject({ depth: 1 })
  })

  it('reports the whole tree after each level: nodes keep their numbers, probabilities of all that was expanded', async () => {
    const chains = fc.array(fc.array(fc.nat(39), { minLength: 1, maxLength: 5 }), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(chains, fc.nat(1000), fc.integer({ min: 1, max: 5 }), async (drawn, seed, width) => {
        const limits = { depth: 5, width, nodes: 15 }
        const { reports, tree, whole, stepper } = await grow(copies(...drawn), [source(seed)], limits)
        const last = reports.at(-1)!
        reports.forEach(({ paths, depth, frontier, told }, i) => {
          expect(last.paths.slice(0, paths.length)).toEqual(paths)
          expect(new Set(paths).size).toBe(paths.length)
          expect(frontier.length).toBeLessThanOrEqual(width)
          for (const node of frontier) {
            expect(whole.depths[node]).toBe(depth)
            // Everything on the way was expanded, so that entropies can be summed.
            for (const at of [0, ...whole.path(node)].slice(0, -1)) expect(told[at]).toBeGreaterThan(0)
          }
          if (i > 0) expect(depth).toBeGreaterThanOrEqual(reports[i - 1]!.depth)
        })
        // Children of a place exclude one another, and none is likelier than its parent.
        for (let node = 0; node < whole.size; node++) {
          const kept = whole.children(node).filter((child) => stepper.keeps(whole, child))
          expect(kept.reduce((sum, child) => sum + Math.exp(whole.logProbs[child]!), 0)).toBeLessThan(1 + 1e-6)
        }
        expect(stepper.marks).toHaveLength(whole.size)
        // What is verified are the best of those that stay, no more children than the width.
        const staying = whole.keep([...whole.tokens.keys()].filter((node) => stepper.keeps(whole, node)))
        expect(pathsOf(tree)).toEqual(pathsOf(staying.keep(bestNodes(staying, limits.nodes))))
        for (let node = 0; node < tree.size; node++) expect(tree.children(node).length).toBeLessThanOrEqual(width)
      }),
      { numRuns: 60 },
    )
  })

  it('expands the best nodes of a level, whoever proposed them, best first', async () => {
    const head = source(3)
    const { reports } = await grow(copies([1, 2, 3, 4]), [head], budget)
    expect(head.asked[0]).toEqual([''])
    for (let level = 1; level < head.asked.length; level++) {
      const { frontier, paths, scores } = reports.find(({ depth }) => depth === level)!
      expect(head.asked[level]).toEqual(frontier.map((node) => paths[node]))
      const order = frontier.map((node) => scores[node]!)
      expect(order).toEqual([...order].sort((a, b) => b - a))
    }
    // The head is asked where the copy may end.
    expect(head.asked[1]).toContain('1')
    expect(head.asked[2]).toContain('1 2')
  })

  it('makes one node of a token that both propose, and believes it more', async () => {
    const best = guesses(1, '', 6).tokens[0]!
    const { whole, reports } = await grow(copies([best]), [source(1)], { ...budget, depth: 1 })
    expect(whole.children(0).filter((node) => whole.tokens[node] === best)).toHaveLength(1)
    const other = await grow(copies([39]), [source(1)], { ...budget, depth: 1 })
    const contradicted = other.whole.logProbs[other.whole.child(0, 39)]!
    expect(whole.logProbs[whole.child(0, best)]!).toBeGreaterThan(contradicted)
    // Before the head spoke nobody contradicted.
    expect(other.reports[0]!.scores[1]).toBeGreaterThan(contradicted)
    expect(reports[0]!.paths).toEqual(['', String(best)])
  })

  it('lets cheap sources look again below what the head proposed', async () => {
    const paths: string[] = []
    const after = (path: readonly TokenId[]): { token: TokenId; probability: number }[] => {
      paths.push(path.join(' '))
      return [{ token: 77, probability: 0.7 }]
    }
    const { whole } = await grow(copies([1, 2]), [source(1)], budget, undefined, after)
    const ofHead = whole.children(0).filter((node) => node !== 1)
    // Not where its own tree goes on.
    expect(paths).not.toContain('1')
    const below = ofHead.filter((node) => paths.includes(pathOf(whole, node)))
    expect(below.length).toBeGreaterThan(0)
    for (const node of below) expect(whole.sources[whole.child(node, 77)]).toBe(CHEAP)
  })

  it('grows on with those sources that can, and ends where none can', async () => {
    const [short, long] = [source(1, { maxDepth: 2 }), source(2, { maxDepth: 3, maxWidth: 2 })]
    await grow(copies([1, 2, 3, 4]), [short, long], { ...budget, depth: 3 })
    expect([short.asked.length, long.asked.length]).toEqual([2, 3])
    expect(Math.max(...long.asked.map(({ length }) => length))).toBe(2)
    const unable = source(1, { begin: async () => false })
    const { tree, reports } = await grow(copies([1, 2, 3, 4]), [unable], budget)
    expect(reports.map(({ depth, frontier }) => [depth, frontier])).toEqual([
      [0, [0]],
      [0, []],
    ])
    expect(tree.size).toBe(5)
    const full = source(1, { canRead: (count) => count <= 1 })
    expect((await grow(copies([1]), [full], budget)).reports.at(-1)).toMatchObject({ depth: 1, frontier: [] })
  })

  it('cuts below the growth when the policy asks for less', async () => {
    const { tree } = await grow(copies([1, 2, 3, 4]), [source(1)], budget, (level, given) => ({
      ...given,
      depth: level.depth >= 3 ? 2 : given.depth,
    }))
    expect(Math.max(...tree.depths)).toBe(2)
  })
})
