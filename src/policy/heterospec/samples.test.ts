import { describe, expect, it } from 'vitest'
import { createTree, type TokenTree } from '../../tree/index.ts'
import { OpenSample } from './samples.ts'

/** 1 (0.9) > 3 (0.81) > 5 (0.8), and 2 (0.1) > 4 (0.09): ids, tokens and order of adding are the same. */
function tree(): TokenTree {
  const grown = createTree(0)
  for (const [parent, token, prob] of [
    [0, 1, 0.9],
    [0, 2, 0.1],
    [1, 3, 0.9],
    [2, 4, 0.9],
    [3, 5, 0.99],
  ] as const)
    grown.add(parent, token, Math.log(prob))
  return grown
}
const path = { terminal: 5, entropy: 1.5 }
const open = (nodes = 9) => new OpenSample(tree(), path, nodes)

describe('a round that is judged by the text', () => {
  it('has come true as a whole when the text took P*, however it went on', () => {
    expect(open().follow([1, 3, 5, 77])).toEqual({ entropy: 1.5, rank: 3, fullyAccepted: true })
  })

  it('has the rank of the last node that the text took', () => {
    expect(open().follow([1, 9])).toEqual({ entropy: 1.5, rank: 1, fullyAccepted: false })
    expect(open().follow([2, 4, 9])).toEqual({ entropy: 1.5, rank: 5, fullyAccepted: false })
    expect(open().follow([9])).toEqual({ entropy: 1.5, rank: 0, fullyAccepted: false })
  })

  it('waits for rounds to come where the tree was cut or the text is short', () => {
    const waiting = open()
    expect(waiting.follow([1])).toBeUndefined()
    expect(waiting.follow([3])).toBeUndefined()
    expect(waiting.follow([5, 8])).toMatchObject({ rank: 3, fullyAccepted: true })
  })

  it('counts only nodes that plain EAGLE would have verified', () => {
    expect(open(2).follow([1, 3, 5])).toEqual({ entropy: 1.5, rank: 2, fullyAccepted: false })
    const grown = tree()
    const sample = new OpenSample(grown, { terminal: 3, entropy: 1.5 }, 9)
    const later = grown.add(4, 6, -0.1)
    expect(later).toBe(6)
    expect(sample.follow([2, 4, 6])).toMatchObject({ rank: 5 })
  })
})
