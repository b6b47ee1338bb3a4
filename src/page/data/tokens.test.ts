import { describe, expect, it } from 'vitest'
import { makeRound } from './rounds.fixture.ts'
import { textOfRounds, TokenSplitter, visiblePiece } from './tokens.ts'

const pieces = new Map<number, string | number[]>([
  [1, 'The'],
  [2, ' sky'],
  [3, ' is'],
  [4, ' blue'],
  [5, '<|im_end|>'],
  [6, [0xc3]],
  [7, [0xbc]],
])

const first = makeRound({ tokens: [1, 2, 3, 9], parents: [-1, 0, 1, 0], acceptedPath: [1, 2], emitted: [2, 3, 4] })
const texts = (splitter: TokenSplitter): string[][] => splitter.groups.map((group) => group.map(({ text }) => text))

describe('tokens of an answer', () => {
  it('say who guessed them, where rounds end, and that the first came with the prompt', () => {
    const splitter = new TokenSplitter()
    splitter.add(first, 0, pieces)
    splitter.settle('The sky is blue', false)
    expect(texts(splitter)).toEqual([['The'], [' sky', ' is', ' blue']])
    expect(splitter.groups[1]?.map(({ origin, node, round }) => [origin, node, round])).toEqual([
      ['lookup', 1, 0],
      ['recycling', 2, 0],
      ['target', undefined, 0],
    ])
    expect(splitter.groups[0]?.[0]).toMatchObject({ origin: 'target', round: -1 })
  })

  it('wait for their text, which comes after its round', () => {
    const splitter = new TokenSplitter()
    splitter.add(first, 0, pieces)
    splitter.settle('The', false)
    expect(texts(splitter)).toEqual([['The']])
    splitter.settle('The sky is', false)
    expect(texts(splitter)).toEqual([['The']])
    splitter.settle('The sky is blue', false)
    expect(splitter.length).toBe(15)
  })

  it('end where a stop text cut the answer, and control tokens are none of it', () => {
    const splitter = new TokenSplitter()
    splitter.add(first, 0, pieces)
    splitter.settle('The sk', true)
    expect(texts(splitter)).toEqual([['The'], [' sk', '', '']])
    const ended = new TokenSplitter()
    ended.add(makeRound({ tokens: [1], parents: [-1], acceptedPath: [], emitted: [5] }), 0, pieces)
    ended.settle('The', true)
    expect(texts(ended)).toEqual([['The'], ['']])
  })

  it('may share a character', () => {
    const splitter = new TokenSplitter()
    splitter.add(makeRound({ tokens: [1, 6], parents: [-1, 0], acceptedPath: [1], emitted: [6, 7] }), 0, pieces)
    splitter.settle('Theü', false)
    expect(texts(splitter)).toEqual([['The'], ['', 'ü']])
  })

  it('give the text back where there is nothing but rounds', () => {
    const last = makeRound({ tokens: [4], parents: [-1], acceptedPath: [], emitted: [5] })
    expect(textOfRounds([first, last], pieces)).toBe('The sky is blue')
    expect(textOfRounds([first], new Map())).toBe('#1#2#3#4')
  })
})

describe('pieces', () => {
  it('show what cannot be seen, and cannot turn a line around', () => {
    expect(visiblePiece(' a\n', 1)).toBe('·a↵')
    expect(visiblePiece('\u202eabc', 1)).toBe('\ufffdabc')
    for (const unseen of '\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff')
      expect(visiblePiece(`a${unseen}`, 1)).toBe('a\ufffd')
    expect(visiblePiece([0xc3, 0x0a], 1)).toBe('<c3><0a>')
    expect(visiblePiece(undefined, 7)).toBe('#7')
  })
})
