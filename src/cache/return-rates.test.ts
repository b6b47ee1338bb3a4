import { describe, expect, it } from 'vitest'
import { hashesOf, ReturnRates } from './return-rates.ts'

const BLOCK = 4
const text = (...parts: string[]): number[] => Array.from(parts.join(''), (letter) => letter.charCodeAt(0))
const hashes = (...parts: string[]): number[] => hashesOf(text(...parts), BLOCK)

describe('numbers of beginnings', () => {
  it('are the same for the same tokens, and others for others, wherever they differ', () => {
    const all = hashes('abcd', 'efgh', 'ij')
    expect(all).toHaveLength(2)
    expect(hashes('abcd', 'efgh', 'ijkl').slice(0, 2)).toEqual(all)
    expect(hashes('abcd', 'efgX')[0]).toBe(all[0])
    expect(hashes('abcd', 'efgX')[1]).not.toBe(all[1])
    expect(hashes('Xbcd', 'efgh')[1]).not.toBe(all[1])
    const large = 2 ** 40
    expect(hashesOf([large, 1, 2, 3], BLOCK)).not.toEqual(hashesOf([0, 1, 2, 3], BLOCK))
  })
})

describe('rates of coming back', () => {
  const BRANCH = 1
  /** A request as the cache sees it: asked for, read, answered. */
  function request(rates: ReturnRates, prompt: string, answer: string, branch = BRANCH): number {
    rates.ask(hashes(prompt))
    const chance = rates.end(hashes(prompt), branch)
    expect(rates.end(hashes(prompt, answer), branch)).toBe(chance)
    return chance
  }
  const name = (index: number): string => String(index).padStart(4, '0')

  it('are high at first, and fall when nothing of a kind comes back', () => {
    const rates = new ReturnRates(10)
    const chances = Array.from({ length: 60 }, (_, index) => request(rates, `${name(index)}once`, 'done'))
    expect(chances[0]).toBe(1)
    expect(chances.at(-1)).toBeLessThan(0.1)
    // Of another beginning nothing is known but what holds for all.
    expect(request(rates, 'anew', 'done', 2)).toBeGreaterThan(chances.at(-1) ?? 1)
  })

  it('stay high where texts are gone on from, and tell their turns apart', () => {
    const rates = new ReturnRates(10)
    let [first, later, third] = [0, 0, 0]
    for (let index = 0; index < 40; index++) {
      const begun = `${name(index)}chat`
      first = request(rates, begun, 'yes.')
      // Only every other one goes on, and then always.
      if (index % 2 === 0) continue
      later = request(rates, `${begun}yes.more`, 'yes.')
      third = request(rates, `${begun}yes.moreyes.more`, 'yes.')
    }
    expect(first).toBeGreaterThan(0.3)
    expect(first).toBeLessThan(0.7)
    expect(later).toBeGreaterThan(0.9)
    expect(third).toBeLessThan(0.3)
  })

  it('count a text that is asked for as it was as one that comes back', () => {
    const rates = new ReturnRates(10)
    for (let index = 0; index < 40; index++) request(rates, 'samesame', name(index))
    expect(request(rates, 'samesame', 'done')).toBeGreaterThan(0.9)
  })

  it('forget what took too long', () => {
    const rates = new ReturnRates(4)
    for (let index = 0; index < 40; index++) {
      request(rates, `${name(index)}late`, 'done')
      if (index >= 5) rates.ask(hashes(`${name(index - 5)}late`))
    }
    expect(request(rates, 'xxxxlate', 'done')).toBeLessThan(0.1)
  })
})
