import { describe, expect, it } from 'vitest'
import { markov, TableModel } from '../../test/fakes/table-model.ts'
import type { ScoreItem, Sequence } from '../model/index.ts'
import { createCostModel, type CostModel } from '../policy/index.ts'
import { ManualClock } from '../util/clock.ts'
import { createTree } from '../tree/index.ts'
import type { Seat, SharedScores } from './pass-types.ts'
import { SharedPasses } from './shared-passes.ts'

/** A table model that remembers how many texts each pass held, and refuses trees with the root `bad`. */
class Recorder extends TableModel {
  readonly batches: number[] = []
  readonly bad = 31
  beforePass = (): void => undefined

  constructor() {
    super({ vocabSize: 32, next: markov(1, 32) })
  }

  override async score(batch: readonly ScoreItem[]): ReturnType<TableModel['score']> {
    if (batch.some(({ tree }) => tree.tokens[0] === this.bad)) throw new Error('a tree that nobody can score')
    this.batches.push(batch.length)
    this.beforePass()
    return super.score(batch)
  }
}

class Guest {
  readonly seat: Seat
  readonly sequence: Sequence

  constructor(passes: SharedPasses, model: TableModel, cost: CostModel = createCostModel()) {
    this.seat = passes.join({ cost })
    this.sequence = model.open()
    this.seat.decode()
  }

  async round(token = 1, signal?: AbortSignal, drafted = false): Promise<SharedScores> {
    const scored = await this.seat.score({ sequence: this.sequence, tree: createTree(token) }, { signal, drafted })
    scored.scores.logits(0)
    this.sequence.commit([])
    return scored
  }
}

function open(count: number): { passes: SharedPasses; model: Recorder; guests: Guest[] } {
  const model = new Recorder()
  const passes = new SharedPasses(model)
  return { passes, model, guests: Array.from({ length: count }, () => new Guest(passes, model)) }
}

describe('shared passes', () => {
  it('hold the trees of all that decode, round after round', async () => {
    const { model, guests } = open(3)
    for (let round = 0; round < 4; round++) {
      const results = await Promise.all(guests.map((guest) => guest.round()))
      expect(results.map(({ shared }) => [shared?.requests, shared?.rows])).toEqual([
        [3, 3],
        [3, 3],
        [3, 3],
      ])
    }
    expect(model.batches).toEqual([3, 3, 3, 3])
  })

  it('are a request’s own while it is alone', async () => {
    const { model, guests } = open(1)
    expect((await guests[0]!.round()).shared).toBeUndefined()
    expect(guests[0]!.seat.batch).toBe(1)
    expect(model.batches).toEqual([1])
  })

  it('do not wait for a reader who stays away, nor count on it', async () => {
    const { guests } = open(3)
    const [one, two, away] = guests as [Guest, Guest, Guest]
    away.seat.away()
    await Promise.all([one.round(), two.round()])
    expect(one.seat.batch).toBe(2)
    away.seat.back()
    expect(one.seat.batch).toBe(3)
    const results = await Promise.all(guests.map((guest) => guest.round()))
    expect(results[0]!.shared?.requests).toBe(3)
  })

  it('wait for a reader who comes back at once', async () => {
    const { guests } = open(2)
    const [one, two] = guests as [Guest, Guest]
    two.seat.away()
    const first = one.round()
    two.seat.back()
    const second = two.round()
    expect((await first).shared?.requests).toBe(2)
    await second
  })

  it('do not wait long for somebody who drafts for long', async () => {
    const { guests } = open(3)
    const [one, two] = guests as [Guest, Guest]
    const results = await Promise.all([one.round(), two.round()])
    expect(results[0].shared?.requests).toBe(2)
  })

  it('go on without somebody who leaves while the others wait', async () => {
    const { guests } = open(3)
    const [one, two, three] = guests as [Guest, Guest, Guest]
    const rounds = [one.round(), two.round()]
    three.seat[Symbol.dispose]()
    for (const { shared } of await Promise.all(rounds)) expect(shared?.requests).toBe(2)
  })

  it('let go of a tree whose request was aborted before its pass', async () => {
    const { guests, model } = open(3)
    const [one, two, three] = guests as [Guest, Guest, Guest]
    const controller = new AbortController()
    const aborted = one.round(1, controller.signal)
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' })
    one.seat[Symbol.dispose]()
    await Promise.all([two.round(), three.round()])
    expect(model.batches).toEqual([2])
  })

  it('tell a request of its own failure only', async () => {
    const { guests, model } = open(3)
    const [one, two, three] = guests as [Guest, Guest, Guest]
    const results = await Promise.allSettled([one.round(), two.round(model.bad), three.round()])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    two.seat[Symbol.dispose]()
    await Promise.all([one.round(), three.round()])
    expect(model.batches.at(-1)).toBe(2)
  })

  it('tell those who share them to rest when drafts take longer than they are worth, and only those', async () => {
    const model = new Recorder()
    const clock = new ManualClock()
    const passes = new SharedPasses(model, clock.now)
    model.beforePass = () => clock.advance(10)
    const cost = { targetMs: () => 10, cheapRows: [1], observe: () => undefined }
    const guests = Array.from({ length: 4 }, () => new Guest(passes, model, cost))
    const other = createCostModel()
    let drafted = 0
    for (let round = 0; round < 200; round++) {
      await Promise.all(
        guests.map((guest) => {
          const { resting } = guest.seat
          // A draft of 5 ms for each of them, of which nothing ever comes true.
          if (!resting) clock.advance(5)
          drafted += resting ? 0 : 1
          return guest.round(1, undefined, !resting)
        }),
      )
    }
    expect(drafted / 800).toBeLessThan(0.1)
    expect(passes.rests(cost)).toBe(true)
    expect(passes.rests(other)).toBe(false)
    // Whoever is left alone decides for itself.
    guests.slice(1).forEach(({ seat }) => seat[Symbol.dispose]())
    expect(guests[0]!.seat.resting).toBe(false)
    // Four that come together will be such a batch: nobody needs the logits of their prompts.
    guests[0]!.seat[Symbol.dispose]()
    const readers = Array.from({ length: 4 }, () => passes.join({ cost }))
    const resting = readers.map((seat) => {
      seat.read(100)
      return seat.resting
    })
    expect(resting).toEqual([false, true, true, true])
    expect(readers.map((seat) => seat.resting)).toEqual([true, true, true, true])
  })

  it('are drafted for by nobody while somebody reads a prompt, not even by one who decodes alone', () => {
    const { passes, guests } = open(1)
    const [one] = guests as [Guest]
    expect(one.seat.resting).toBe(false)
    const reader = passes.join({ cost: createCostModel() })
    expect(one.seat.resting).toBe(false)
    reader.read(100)
    expect(one.seat.resting).toBe(true)
    reader.decode()
    expect(one.seat.resting).toBe(false)
    reader.read(100)
    reader[Symbol.dispose]()
    expect(one.seat.resting).toBe(false)
  })

  it('teach the price list once what they cost', async () => {
    const model = new Recorder()
    const passes = new SharedPasses(model)
    const seen: number[] = []
    const cost = { ...createCostModel(), observe: (rows: number) => seen.push(rows), targetMs: () => 1, cheapRows: [1] }
    const seats = [0, 1].map(() => passes.join({ cost }))
    for (const seat of seats) seat.decode()
    await Promise.all(seats.map((seat) => seat.score({ sequence: model.open(), tree: createTree(1) })))
    expect(seen).toEqual([2])
  })
})
