/** What goes from a full cache of beginnings, by counts over replayed requests: predictions never do much harm, and often good. */
import { expect, it } from 'vitest'
import { PrefixTree } from '../../src/cache/prefix-tree.ts'
import { Belady, mixes, replayCache, replayOf, type Mix } from './conversations.ts'

const BLOCK = 16

function rates(mix: Mix, seed: number): { lru: number; predicted: number; best: number } {
  const requests = replayOf(mix, 400, seed)
  const belady = new Belady(requests, BLOCK)
  const capacity = Math.ceil(belady.workingSet / 2)
  const rate = (eviction: 'lru' | 'mark-predict'): number =>
    replayCache(new PrefixTree(BLOCK, capacity, { eviction }), requests) / belady.asked
  return { lru: rate('lru'), predicted: rate('mark-predict'), best: belady.hits(capacity) / belady.asked }
}

it.each(Object.entries(mixes))('%s', (_, mix) => {
  const { lru, predicted, best } = rates(mix, 3)
  expect(predicted).toBeGreaterThan(lru - 0.02)
  expect(best).toBeGreaterThan(Math.max(lru, predicted))
})

it('single prompts no longer push chats out', () => {
  const { lru, predicted } = rates(mixes['chats, single prompts']!, 3)
  expect(predicted).toBeGreaterThan(lru + 0.03)
})

it('Belady keeps what is asked for next', () => {
  const text = (...words: number[]): number[] => words.flatMap((word) => new Array<number>(BLOCK).fill(word))
  const request = (...words: number[]) => ({ prompt: text(...words), answer: [] })
  const requests = [request(1, 2), request(3), request(4), request(1, 2), request(3), request(1)]
  const belady = new Belady(requests, BLOCK)
  expect(belady.asked).toBe(8)
  expect(belady.workingSet).toBe(3)
  expect([1, 2, 3].map((capacity) => belady.hits(capacity))).toEqual([2, 3, 4])
})
