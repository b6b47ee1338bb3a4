import { describe, expect, it } from 'vitest'
import { someTexts } from '../../../test/fakes/training-texts.ts'
import { lessonsOf, splitTexts, trimText, windowsOf } from './texts.ts'

describe('windows', () => {
  it('make every answered token that has two before it a lesson exactly once, whatever the length', () => {
    const texts = someTexts(60)
    for (const length of [4, 7, 16, 100]) {
      const taught = new Map<string, number>()
      for (const { text, from, to } of windowsOf(texts, [...texts.keys()], length)) {
        expect(to - from).toBeLessThanOrEqual(length)
        for (let token = from + 2; token < to; token++)
          taught.set(`${text}/${token}`, (taught.get(`${text}/${token}`) ?? 0) + 1)
      }
      texts.forEach(({ answers }, text) => {
        for (const [from, to] of answers)
          for (let token = Math.max(2, from); token < to; token++) expect(taught.get(`${text}/${token}`)).toBe(1)
      })
    }
  })

  it('have lessons, all of them', () => {
    const texts = someTexts(40)
    const windows = windowsOf(texts, [...texts.keys()], 12)
    const lessons = windows.map((window) => lessonsOf(window, texts[window.text]!))
    expect(Math.min(...lessons)).toBeGreaterThan(0)
    const answered = texts.flatMap(({ answers }) => answers).reduce((sum, [from, to]) => sum + to - from, 0)
    expect(lessons.reduce((sum, count) => sum + count, 0)).toBe(answered)
  })
})

describe('trimming', () => {
  it('drops what follows the last answer, and answers that the target cannot read', () => {
    const text = {
      tokens: [1, 2, 3, 4, 5, 6, 7, 8],
      answers: [
        [2, 4],
        [5, 7],
      ] as const,
      temperature: 1,
    }
    expect(trimText(text, 100)).toMatchObject({
      tokens: [1, 2, 3, 4, 5, 6, 7],
      answers: [
        [2, 4],
        [5, 7],
      ],
    })
    expect(trimText(text, 6)).toMatchObject({
      tokens: [1, 2, 3, 4, 5, 6],
      answers: [
        [2, 4],
        [5, 6],
      ],
    })
    expect(trimText(text, 5)).toMatchObject({ answers: [[2, 4]] })
  })
})

describe('the split', () => {
  it('puts every text on one side, the same side each time, and about the share', () => {
    const texts = someTexts(400)
    const split = splitTexts(texts, 0.1, 400)
    expect([...split.training, ...split.heldOut].sort((a, b) => a - b)).toEqual([...texts.keys()])
    expect(split.heldOut.length).toBe(40)
    expect(splitTexts(texts, 0.1, 12).heldOut.length).toBe(12)
    expect(splitTexts(texts, 0.1, 400)).toEqual(split)
  })

  it('keeps answers to one question together', () => {
    const texts = someTexts(100).flatMap((text) => [text, { ...text, tokens: [...text.tokens.slice(0, -1), 63] }])
    const { heldOut } = splitTexts(texts, 0.2, 400)
    for (const index of heldOut) expect(heldOut).toContain(index ^ 1)
  })

  it('tells texts apart that begin with the same template', () => {
    const texts = someTexts(100).map((text) => ({
      ...text,
      tokens: [1, 2, 3, ...text.tokens.slice(3)],
      answers: [[3, text.tokens.length]] as const,
    }))
    expect(splitTexts(texts, 0.2, 400).heldOut.length).toBe(20)
  })

  it('refuses what has no two sides', () => {
    expect(() => splitTexts([], 0.1, 400)).toThrow(/at least two different texts, got none/)
    const [text] = someTexts(1)
    expect(() => splitTexts([text!, text!], 0.1, 400)).toThrow(/got one; make more/)
  })
})
