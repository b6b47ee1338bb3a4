import { describe, expect, it } from 'vitest'
import { decisionOf } from './decision.ts'
import { makeRound } from './rounds.fixture.ts'

const drafted = makeRound({ tokens: [1, 2, 3], parents: [-1, 0, 1], acceptedPath: [1], emitted: [2, 9] })
const plain = makeRound({ tokens: [9], parents: [-1], acceptedPath: [], emitted: [5] })
const none = { depth: 0, width: 0, nodes: 0 }

describe('why a tree is as it is', () => {
  it('is told by entropy where the budget goes by it', () => {
    const why = { entropy: 1.254, bin: 1, bins: 'prior', levels: 11, nodes: 30 }
    expect(decisionOf({ ...drafted, why })).toEqual([
      'Along its likeliest path the drafter’s entropy was 1.25 nats: bin 1 (0 is the easiest).',
      'So the tree was allowed 11 levels, and its best 2 nodes went to the target.',
    ])
  })

  it('is told by prices where the budget knows them, and by what came', () => {
    const why = { nodes: 2, tokens: 3, price: 1.4, draftPrice: 0.1, consideredNodes: '0@1 2@2' }
    const sentences = decisionOf({ ...drafted, why }).join(' ')
    expect(sentences).toContain('2 nodes was expected to bring 3.00 tokens for 1.40 plain passes and 0.10 of drafting')
    expect(sentences).toContain('2.00 × the speed of plain decoding, the best of all')
    expect(sentences).toContain('It brought 2 tokens.')
    expect(sentences).not.toContain('shared')
    expect(decisionOf({ ...drafted, why: { ...why, nodes: 7 }, requests: 2 }).join(' ')).toContain('rows for 2 of them')
  })

  it('is told of rounds without a tree', () => {
    const because = (reason: string): string => decisionOf({ ...plain, why: { nodes: 0, reason } }).join(' ')
    expect(because('drafts do not pay')).toContain('took more time than they brought')
    expect(because('drafts do not pay those who share the pass')).toContain('drafts rest')
    expect(because('a plain pass is timed')).toContain('timed now and then')
    expect(because('something new')).toBe('Nothing was drafted: something new.')
    expect(decisionOf({ ...plain, budget: none })[0]).toContain('speculation is off')
    expect(decisionOf(plain)).toEqual(['The drafter had no guess.'])
    const pruned = { count: 4, tokens: [], parents: [], logProbs: [], sources: [] }
    expect(decisionOf({ ...plain, pruned })).toEqual(['4 tokens were guessed, and none was worth checking.'])
    expect(decisionOf({ ...plain, budget: none, requests: 3 })[1]).toBe('3 answers shared this pass.')
  })
})
