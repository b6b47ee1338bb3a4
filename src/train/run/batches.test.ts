import { describe, expect, it } from 'vitest'
import { fakeReader, someTexts } from '../../../test/fakes/training-texts.ts'
import { BatchBuilder, planEpoch } from './batches.ts'
import { halfTable } from './half.ts'
import { windowsOf } from './texts.ts'

describe('the order of an epoch', () => {
  const windows = windowsOf(someTexts(150), [...Array(150).keys()], 16)

  it('holds every window once, in batches of like length', () => {
    const batches = planEpoch(windows, { batchSize: 8, seed: 3, epoch: 0 })
    expect(batches.flat()).toHaveLength(windows.length)
    expect(new Set(batches.flat())).toEqual(new Set(windows))
    expect(batches).toHaveLength(Math.ceil(windows.length / 8))
  })

  it('depends on seed and epoch and on nothing else', () => {
    const plan = (seed: number, epoch: number) => planEpoch(windows, { batchSize: 8, seed, epoch })
    expect(plan(1, 2)).toEqual(plan(1, 2))
    expect(plan(1, 2)).not.toEqual(plan(1, 3))
    expect(plan(1, 2)).not.toEqual(plan(2, 2))
  })
})

describe('a batch', () => {
  it('has the tokens, features and answers of its windows, and nothing behind them', async () => {
    const width = 4
    const texts = someTexts(12)
    const reader = fakeReader(width)
    const features = await reader.read(texts.map(({ tokens }) => tokens))
    const table = halfTable()
    const windows = windowsOf(texts, [...texts.keys()], 16)
    const batch = new BatchBuilder(width, 3, 16).build(
      windows,
      windows.map(({ text }) => texts[text]!),
      windows.map(({ text }) => features[text]!),
    )
    expect(batch).toMatchObject({ texts: windows.length, length: 16 })
    windows.forEach(({ text, from, to }, index) => {
      const { tokens, answers } = texts[text]!
      const { numbers, best } = features[text]!
      for (let row = 0; row < 16; row++) {
        const at = index * 16 + row
        const position = from + row
        const inside = position < to
        expect(batch.tokens[at]).toBe(inside ? tokens[position] : 0)
        expect(batch.best![at]).toBe(inside ? best[position] : 0)
        expect(batch.answered[at]).toBe(Number(inside && answers.some(([a, b]) => position >= a && position < b)))
        const number = (column: number) => (inside ? table[numbers[position * 16 + column]!] : 0)
        expect(batch.features[at * 12 + 11]).toBe(number(11))
        expect(batch.states[at * 4 + 3]).toBe(number(15))
      }
    })
  })
})
