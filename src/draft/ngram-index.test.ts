import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NgramIndex, type Occurrence } from './ngram-index.ts'

const texts = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 60 })

/** The definition, by brute force. */
function search(text: readonly number[]): Occurrence[] {
  const end = text.length - 1
  const found: Occurrence[] = []
  for (let at = 0; at < end; at++) {
    let length = 0
    while (length < 32 && length <= at && text[at - length] === text[end - length]) length++
    if (length > 0) found.push({ next: at + 1, length })
  }
  return found.sort((a, b) => b.length - a.length || b.next - a.next)
}

function indexOf(text: readonly number[], maxNgram: number): NgramIndex {
  const index = new NgramIndex(maxNgram)
  index.append(text)
  return index
}

describe('the n-gram index', () => {
  it('finds every earlier occurrence of the end of the text, longest match first', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 5 }), (text, maxNgram) => {
        expect(indexOf(text, maxNgram).occurrences(100)).toEqual(search(text))
      }),
    )
  })

  it('finds a path behind the text as if it stood there, except in the path itself', () => {
    fc.assert(
      fc.property(texts, fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 5 }), (text, path) => {
        const known = search([...text, ...path]).filter(({ next }) => next < text.length)
        expect(indexOf(text, 3).occurrences(100, 1, path)).toEqual(known)
      }),
    )
  })

  it('gives the same when the text comes in pieces', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 60 }), (text, cut) => {
        const index = indexOf(text.slice(0, cut), 3)
        index.append(text)
        expect(index.length).toBe(text.length)
        expect(index.occurrences(100)).toEqual(indexOf(text, 3).occurrences(100))
      }),
    )
  })

  it('prefers long matches, then recent ones, when there is a limit', () => {
    const index = indexOf([1, 2, 3, 9, 2, 3, 8, 3, 7, 1, 2, 3], 3)
    expect(index.occurrences(2)).toEqual([
      { next: 3, length: 3 },
      { next: 6, length: 2 },
    ])
  })

  it('leaves out matches that are too short', () => {
    expect(indexOf([3, 9, 2, 3, 8, 2, 3], 3).occurrences(10, 2)).toEqual([{ next: 4, length: 2 }])
  })

  it('knows nothing of a text of one token', () => {
    expect(indexOf([4], 5).occurrences(10)).toEqual([])
  })
})
