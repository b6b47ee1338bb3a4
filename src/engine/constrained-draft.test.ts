/** Drafts under a constraint, without a model: what must come is drafted for free, but never without limit. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DraftRound, DraftSession } from '../draft/index.ts'
import type { AnswerConstraint } from '../grammar/index.ts'
import { createPolicy } from '../policy/index.ts'
import { chainTree, createTree, type Ranked, type Scores, type TokenTree } from '../tree/index.ts'
import { ConstrainedDraft } from './constrained-draft.ts'

const OWN = 0
const FORCED = 1
const MOST = 16

const noScores: Scores = { logits: () => expect.fail('nobody asks'), features: () => expect.fail('nobody asks') }

/** A drafter that says this tree. */
function drafterOf(tree: TokenTree): DraftSession<Ranked> {
  return { propose: () => Promise.resolve({ kind: 'ranked', tree }), observe: () => undefined, [Symbol.dispose]: () => undefined } // prettier-ignore
}

/** A format whose text is 0, 1, 2, ... below the root: everything else is out of reach. */
function counting(length = Infinity): AnswerConstraint {
  const isRight = (tree: TokenTree, node: number): boolean =>
    tree.path(node).every((at, depth) => tree.tokens[at] === depth && depth < length)
  return {
    reachable: (_, tree) => Array.from({ length: tree.size - 1 }, (_, at) => at + 1).filter((node) => isRight(tree, node)), // prettier-ignore
    forced: (_, path, most) => {
      const left = Math.min(most, length - path.length)
      return Array.from({ length: Math.max(0, left) }, (_, at) => path.length + at)
    },
    allows: () => true,
    allowed: () => new Int32Array(0),
    [Symbol.dispose]: () => undefined,
  }
}

async function propose(
  tree: TokenTree,
  options: { nodes: number; room?: number; length?: number },
): Promise<TokenTree> {
  const { nodes, room = 1000, length } = options
  const parts = { draft: drafterOf(tree), constraint: counting(length), source: FORCED, room: () => room }
  using draft = new ConstrainedDraft(parts)
  const budget = { depth: nodes, width: 1, nodes }
  const round: DraftRound = { tokens: [99], budget, policy: createPolicy({ policy: 'off' }) }
  return (await draft.propose(round)).tree
}

describe('what must come', () => {
  it('is drafted although nobody thought of it, but no more than sixteen tokens of it', async () => {
    const tree = await propose(createTree(99), { nodes: 0 })
    expect([...tree.tokens]).toEqual([99, ...Array.from({ length: MOST }, (_, at) => at)])
    expect(new Set(tree.sources.slice(1))).toEqual(new Set([FORCED]))
  })

  it('never goes past the room that the answer has left', async () => {
    for (const room of [0, 1, 5]) expect((await propose(createTree(99), { nodes: 0, room })).size).toBe(1 + room)
  })

  it('goes on where a likely draft ends, in the place of what cannot come', async () => {
    const tree = chainTree([99, 0, 1, 7, 8], [-0.01, -0.01, -0.01, -0.01])
    const found = await propose(tree, { nodes: 4, length: 6 })
    expect([...found.tokens]).toEqual([99, 0, 1, 2, 3, 4, 5])
    expect([...found.sources]).toEqual([0, OWN, OWN, FORCED, FORCED, FORCED, FORCED])
  })

  it('takes no more rows than the budget, or sixteen where that is less, whatever was drafted', async () => {
    const chain = fc.record({ drafted: fc.nat(60), nodes: fc.nat(60), room: fc.nat(80), length: fc.nat(80) })
    await fc.assert(
      fc.asyncProperty(chain, async ({ drafted, nodes, room, length }) => {
        const count = Math.min(drafted, nodes, room)
        const tokens = [99, ...Array.from({ length: count }, (_, at) => at)]
        const found = await propose(chainTree(tokens, tokens.slice(1).map(() => -0.001)), { nodes, room, length }) // prettier-ignore
        expect(found.size - 1).toBeLessThanOrEqual(Math.max(nodes, MOST))
        expect(Math.max(...found.depths)).toBeLessThanOrEqual(Math.max(room, 0))
        expect([...found.tokens].slice(1).every((token, at) => token === at && at < length)).toBe(true)
      }),
    )
  })

  it('gives way to what is likelier where there are too many rows', async () => {
    // Twenty likely siblings of what must come: the budget holds them, and not all of the forced ones.
    const tree = createTree(99)
    const likely = tree.add(0, 0, Math.log(0.99))
    for (let at = 0; at < 20; at++) tree.add(likely, 1, Math.log(0.98))
    const found = await propose(tree, { nodes: 21 })
    expect(found.size).toBe(22)
    expect([...found.sources].filter((source) => source === FORCED).length).toBeLessThan(MOST)
  })

  it('is drafted now and then only by whoever spells it otherwise, and again by whoever does not', async () => {
    const parts = { draft: drafterOf(createTree(99)), constraint: counting(), source: FORCED, room: () => 1000 }
    using draft = new ConstrainedDraft(parts)
    const round: DraftRound = { tokens: [99], budget: { depth: 0, width: 1, nodes: 0 }, policy: createPolicy({ policy: 'off' }) } // prettier-ignore
    /** Rows of so many rounds in which all that was drafted comes true, or nothing. */
    const rows = async (rounds: number, isRight: boolean): Promise<number> => {
      let count = 0
      for (let at = 0; at < rounds; at++) {
        const { tree } = await draft.propose(round)
        count += tree.size - 1
        const accepted = isRight ? Array.from({ length: tree.size - 1 }, (_, node) => node + 1) : []
        draft.observe({ tree, accepted, next: 0, context: 0, draftMs: 0, verifyMs: 0 }, noScores)
      }
      return count
    }
    await rows(16, false)
    expect(await rows(64, false)).toBe(4 * MOST)
    await rows(16, true)
    expect(await rows(64, true)).toBe(64 * MOST)
  })
})
