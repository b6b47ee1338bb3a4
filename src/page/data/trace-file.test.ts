import { describe, expect, it } from 'vitest'
import { makeRound } from './rounds.fixture.ts'
import { readTraceFile, tokensOfRounds, writeTraceFile } from './trace-file.ts'

const one = makeRound({ tokens: [1, 2, 3], parents: [-1, 0, 1], acceptedPath: [1], emitted: [2, 9] })
const pruned = { count: 5, tokens: [7, 8], parents: [0, 3], logProbs: [-1, -2], sources: [0, 1] }

describe('trace files', () => {
  it('come back as they were written, an answer from each round 0 on', () => {
    const rounds = [one, { ...one, round: 1, pruned, why: { nodes: 2, reason: 'x' } }, one]
    expect(readTraceFile(`${writeTraceFile(rounds)}\n`)).toEqual([rounds.slice(0, 2), rounds.slice(2)])
  })

  it('name the tokens that a picture needs', () => {
    expect(tokensOfRounds([{ ...one, pruned }]).sort()).toEqual([1, 2, 3, 7, 8, 9])
  })

  it.each([
    ['an empty file', '', 'empty file'],
    ['no JSON', 'hello', 'line 1: expected a round'],
    ['another document', '{"text": "x"}', '"round"'],
    ['a number that is none', JSON.stringify({ ...one, draftMs: 'long' }), '"draftMs"'],
    [
      'a child before its parent',
      JSON.stringify({ ...one, tree: { ...one.tree, parents: [-1, 2, 1] } }),
      'parents before',
    ],
    [
      'a pruned node below a later one',
      JSON.stringify({ ...one, pruned: { ...pruned, parents: [0, 4] } }),
      'parents before',
    ],
    ['lists that do not fit', JSON.stringify({ ...one, tree: { ...one.tree, logProbs: [0] } }), 'same length'],
    [
      'a path outside of the tree',
      JSON.stringify({ ...one, tree: { ...one.tree, acceptedPath: [3] } }),
      'acceptedPath',
    ],
  ])('are refused with the line: %s', (_, text, words) => {
    expect(readTraceFile(text)).toContain(words)
  })
})
