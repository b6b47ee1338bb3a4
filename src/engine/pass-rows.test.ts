import { describe, expect, it } from 'vitest'
import { chainTree } from '../tree/index.ts'
import { choosePass, type Candidate } from './pass-rows.ts'

function candidate(rows: number, arrived: number, seat: Partial<Candidate['seat']> = {}): Candidate {
  const tree = chainTree(new Array<number>(rows).fill(1))
  return { item: { tree }, arrived, seat: { decodes: true, priority: 0, joined: arrived, ...seat } }
}

describe('the rows of a pass', () => {
  it('are all trees, by arrival, and what fits of the prompts, the oldest first', () => {
    const late = candidate(4, 3)
    const early = candidate(2, 1)
    const prompts = [2, 0, 1].map((joined) => candidate(32, 0, { decodes: false, joined }))
    expect(choosePass([late, ...prompts, early])).toEqual([early, late, prompts[1], prompts[2]])
  })

  it('are a prompt’s of a lower priority number first, and of one at least', () => {
    const usual = candidate(64, 0, { decodes: false, joined: 0 })
    const urgent = candidate(64, 1, { decodes: false, joined: 1, priority: -1 })
    expect(choosePass([usual, urgent])).toEqual([urgent])
    expect(choosePass([candidate(600, 0)])).toHaveLength(1)
  })

  it('leave out those that came last when trees are too many', () => {
    const trees = Array.from({ length: 9 }, (_, arrived) => candidate(64, 8 - arrived))
    const chosen = choosePass(trees)
    expect(chosen.map(({ arrived }) => arrived)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })
})
