import { describe, expect, it } from 'vitest'
import { chainTree } from '../tree/index.ts'
import { choosePrompts, chooseTrees, type Candidate } from './pass-rows.ts'

function candidate(rows: number, arrived: number, seat: Partial<Candidate['seat']> = {}): Candidate {
  const tree = chainTree(new Array<number>(rows).fill(1))
  return { item: { tree }, arrived, seat: { priority: 0, joined: arrived, toRead: 100, ...seat } }
}

describe('the rows of a pass', () => {
  it('are those of all trees, and of the oldest prompt and the one that is soonest read', () => {
    const late = candidate(4, 3)
    const early = candidate(2, 1)
    expect(chooseTrees([late, early])).toEqual([early, late])
    const prompts = [2, 0, 1].map((joined) => candidate(32, 0, { joined, toRead: 100 - 10 * joined }))
    expect(choosePrompts(prompts)).toEqual([prompts[1], prompts[0]])
    expect(choosePrompts([])).toEqual([])
  })

  it('are a prompt’s of a lower priority number first, and of one at least', () => {
    const usual = candidate(64, 0, { joined: 0 })
    const urgent = candidate(64, 1, { joined: 1, priority: -1 })
    expect(choosePrompts([usual, urgent])).toEqual([urgent])
    expect(choosePrompts([candidate(600, 0)])).toHaveLength(1)
  })

  it('leave out those trees that came last when they are too many', () => {
    const trees = Array.from({ length: 9 }, (_, arrived) => candidate(64, 8 - arrived))
    expect(chooseTrees(trees).map(({ arrived }) => arrived)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })
})
