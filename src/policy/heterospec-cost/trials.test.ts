import { describe, expect, it } from 'vitest'
import { createPolicyMemory } from '../memory.ts'
import { costMemory } from './memory.ts'
import { Trials } from './trials.ts'

interface Drafter {
  /** Net tokens of a drafted round. */
  readonly gain: number
  /** Plain passes of a draft, and of reading the prompt. */
  readonly price: number
  readonly reading: number
}

const memoryOf = () => costMemory(createPolicyMemory()).trials

/** Answers one after another, each a session of its own; per answer the rounds that were drafted. */
function answers(memory: ReturnType<typeof memoryOf>, count: number, rounds: number, drafter: Drafter, share = 0.01) {
  return Array.from({ length: count }, () => {
    const trials = new Trials(memory, share)
    const drafted: number[] = []
    for (let round = 0; round < rounds; round++) {
      const reading = drafted.length === 0 ? drafter.reading : 0
      if (trials.open({ price: memory.startMs === null ? 0 : reading, room: rounds - round })) {
        drafted.push(round)
        trials.report(drafter.gain, drafter.price, reading, drafter.gain)
        memory.startMs ??= reading
      }
      trials.count(1)
    }
    return drafted
  })
}

describe('trials', () => {
  it('never stop drafts that pay', () => {
    for (const drafted of answers(memoryOf(), 3, 50, { gain: 0.5, price: 0.3, reading: 5 }))
      expect(drafted).toHaveLength(50)
  })

  it('grow rare when drafts do not pay, up to the allowed share', () => {
    const [drafted = []] = answers(memoryOf(), 1, 400, { gain: -0.5, price: 0.5, reading: 0 })
    const intervals = drafted.slice(1).map((round, i) => round - drafted[i]!)
    expect(intervals.slice(0, 7)).toEqual([2, 4, 8, 16, 32, 50, 50])
  })

  it('remember a hopeless drafter from answer to answer, its reading of prompts included', () => {
    const drafter = { gain: -0.5, price: 0.5, reading: 40 }
    const memory = memoryOf()
    const drafted = answers(memory, 120, 100, drafter)
    const begun = drafted.filter((rounds) => rounds.length > 0).length
    const spent = begun * drafter.reading + drafted.flat().length * drafter.price
    expect(begun).toBeGreaterThan(1)
    expect(spent / (120 * 100)).toBeLessThan(0.015)
    // The first answer is the dear one; a long silence follows.
    expect(drafted.slice(1, 30).flat()).toEqual([])
  })

  it('do not begin to draft when the answer will end before the reading is repaid', () => {
    const memory = memoryOf()
    answers(memory, 5, 30, { gain: 0.5, price: 0.1, reading: 2 })
    const open = (price: number, room: number) => new Trials({ ...memory, debt: 1 }, 0.01).open({ price, room })
    expect(open(2, 30)).toBe(true)
    expect(open(2, 4)).toBe(false)
    expect(open(60, 1000)).toBe(false)
  })

  it('repay what was read by what only the reader has brought, not by what cheap sources of a merged tree have', () => {
    const debts = [0.5, 0, undefined].map((worth) => {
      const memory = memoryOf()
      const trials = new Trials(memory, 0.01)
      for (let round = 0; round < 20; round++) trials.report(0.5, 0.1, round === 0 ? 4 : 0, worth)
      return [memory.debt, trials.affords({ price: 5, room: 100 })]
    })
    expect(debts).toEqual([
      [0, true],
      [4, false],
      [4, false],
    ])
  })

  it('come back when drafts begin to pay', () => {
    const memory = memoryOf()
    answers(memory, 1, 300, { gain: -0.2, price: 0.2, reading: 0 })
    expect(answers(memory, 1, 100, { gain: 0.6, price: 0.2, reading: 0 })[0]!.length).toBeGreaterThan(75)
  })
})
