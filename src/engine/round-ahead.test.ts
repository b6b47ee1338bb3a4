import { describe, expect, it } from 'vitest'
import { RoundAhead } from './round-ahead.ts'
import type { GenerateEvent, RoundTrace } from './types.ts'

const event = (text: string): GenerateEvent => ({ type: 'text', text, tokens: [], origins: [] })
const textOf = (of: GenerateEvent): string => (of.type === 'text' ? of.text : of.type)
const trace = (round: number): RoundTrace => ({ round }) as RoundTrace

/** A seat that writes down what happens, rounds that end when told, and a clock that is set by hand. */
function world({ inStep = false } = {}) {
  const log: string[] = []
  const clock = { now: 0 }
  const leaving = new AbortController()
  const ahead = new RoundAhead({
    seat: { away: () => log.push('away'), back: () => log.push('back') },
    leaving,
    clock: () => clock.now,
    inStep,
  })
  let finish: (result: RoundTrace | undefined) => void = () => undefined
  let fail: (reason: Error) => void = () => undefined
  const round = (): Promise<RoundTrace | undefined> => {
    log.push('round')
    return new Promise((resolve, reject) => {
      finish = resolve
      fail = reject
    })
  }
  const hand = async (...texts: string[]): Promise<void> => {
    for await (const heard of ahead.hand(texts.map(event))) log.push(`heard ${textOf(heard)}`)
  }
  return { log, clock, leaving, ahead, round, hand, finish: () => finish(trace(1)), fail: () => fail(new Error('no')) }
}

describe('a round', () => {
  it('is in work while its reader hears what came before, and nobody waits for the reader when it has ended', async () => {
    const { log, ahead, round, finish } = world()
    ahead.begin(round)
    const events = ahead.hand([event('a'), event('b')])
    await events.next()
    expect(log).toEqual(['round'])
    finish()
    await new Promise(setImmediate)
    expect(log).toEqual(['round', 'away'])
    await events.next()
    expect(log).toEqual(['round', 'away', 'back'])
    await events.return()
    expect((await ahead.end())?.round).toBe(1)
  })

  it('in step begins when the reader has come back', async () => {
    const { log, ahead, round, hand, finish } = world({ inStep: true })
    ahead.begin(round)
    await hand('a')
    const ended = ahead.end()
    finish()
    expect((await ended)?.round).toBe(1)
    expect(log).toEqual(['away', 'heard a', 'back', 'round'])
  })

  it('that fails says so when the reader has come back', async () => {
    const { ahead, round, hand, fail } = world()
    ahead.begin(round)
    fail()
    await hand('a')
    await expect(ahead.end()).rejects.toThrow('no')
  })

  it('is stopped and waited for when the reader leaves', async () => {
    const { leaving, ahead, round, finish } = world()
    ahead.begin(round)
    let disposed = false
    const disposing = ahead[Symbol.asyncDispose]().then(() => (disposed = true))
    await new Promise(setImmediate)
    expect([leaving.signal.aborted, disposed]).toEqual([true, false])
    finish()
    await disposing
  })
})

describe('time', () => {
  it.each([false, true])(
    'is that of rounds and of what is done between them, not the reader (in step: %s)',
    async (inStep) => {
      const { clock, ahead, round, finish } = world({ inStep })
      clock.now = 2 // spelled the first token
      ahead.begin(round)
      const events = ahead.hand([event('a')])
      await events.next()
      if (!inStep) {
        clock.now += 5
        finish()
        await new Promise(setImmediate)
      }
      clock.now += 100 // the reader
      await events.next()
      const ended = ahead.end()
      if (inStep) {
        clock.now += 5
        finish()
      }
      await ended
      expect(ahead.ms).toBe(7)
    },
  )
})
