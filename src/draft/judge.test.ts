import { describe, expect, it } from 'vitest'
import { createTree, emittedTokens } from '../tree/index.ts'
import { judgeTree } from './judge.ts'

describe('judging a tree by what was emitted', () => {
  const tree = createTree(1)
  const two = tree.add(0, 2, -0.1)
  const three = tree.add(0, 3, -0.5)
  const four = tree.add(two, 4, -0.1)
  const five = tree.add(three, 5, -0.1)

  function verdicts(emitted: readonly number[]): [number, boolean][] {
    const seen: [number, boolean][] = []
    judgeTree(tree, emitted, (node, right) => seen.push([node, right]))
    return seen
  }

  it('judges all children along the text, and nothing beside it', () => {
    expect(verdicts([3, 5, 9])).toEqual([
      [two, false],
      [three, true],
      [five, true],
    ])
  })

  it('judges the children of the last node that came true by the token that replaced them', () => {
    expect(verdicts([2, 9])).toEqual([
      [two, true],
      [three, false],
      [four, false],
    ])
  })

  it('reads what was emitted from an outcome: the accepted path, then the token of the target', () => {
    const outcome = { tree, accepted: [two, four], next: 8, context: 5, draftMs: 0, verifyMs: 0 }
    expect(emittedTokens(outcome)).toEqual([2, 4, 8])
  })
})
