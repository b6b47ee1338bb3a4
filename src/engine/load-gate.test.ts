import { describe, expect, it } from 'vitest'
import { uniformAt } from '../util/rng.ts'
import { LoadGate } from './load-gate.ts'

/** What drafting does to a cycle: tokens that come true per sequence, and the time it adds in plain cycles. */
interface Draft {
  readonly brings: number
  readonly takes: number
}

/** Plain cycles of 16 ms that the list takes for 10. */
const PLAIN_MS = 16

/** A list that learns from wide passes that all is dearer than it thought. */
const listAt = (cycle: number) => (requests: number, context: number) =>
  (10 + requests + context / 100) * (1 + cycle / 500)

/** Runs so many cycles; answers per cycle whether it was drafted, and the rate against plain decoding. */
function run(gate: LoadGate, cycles: number, requests: number, draft: (cycle: number) => Draft, seed = 1) {
  const drafted: boolean[] = []
  let [ms, tokens] = [0, 0]
  for (let cycle = 0; cycle < cycles; cycle++) {
    gate.decide(requests)
    const { open } = gate
    const { brings, takes } = draft(cycle)
    const noise = 0.9 + 0.2 * uniformAt(seed, 2 * cycle)
    const took = PLAIN_MS * (open ? 1 + takes : 1) * noise
    // Whole tokens, more or less than the mean.
    const accepted = open ? Math.floor(2 * brings * requests * uniformAt(seed, 2 * cycle + 1) + 0.5) : 0
    gate.observe({ requests, context: 100, listMs: listAt(cycle), ms: took, drafted: open, accepted })
    drafted.push(open)
    ms += took
    tokens += requests + accepted
  }
  return { drafted, rate: (tokens * PLAIN_MS) / (ms * requests) }
}

const share = (drafted: readonly boolean[]): number => drafted.filter(Boolean).length / drafted.length
const good: Draft = { brings: 0.6, takes: 0.2 }
const bad: Draft = { brings: 0.1, takes: 0.3 }
const hopeless: Draft = { brings: 0, takes: 1 }

describe('a load that is judged', () => {
  it('loses next to nothing by drafts that do not pay', () => {
    for (const draft of [bad, hopeless]) {
      for (const seed of [1, 2, 3]) expect(run(new LoadGate(), 3000, 8, () => draft, seed).rate).toBeGreaterThan(0.98)
    }
    const { drafted } = run(new LoadGate(), 6000, 8, () => hopeless)
    expect(share(drafted.slice(3000))).toBeLessThan(0.01)
  })

  it('tries ever more seldom what only luck makes pay now and then', () => {
    for (const seed of [1, 2, 3]) {
      const { drafted, rate } = run(new LoadGate(), 6000, 2, () => ({ brings: 0.35, takes: 0.4 }), seed)
      expect(share(drafted)).toBeLessThan(0.08)
      expect(rate).toBeGreaterThan(0.99)
    }
  })

  it('drafts on and on where drafts pay, and times a plain pass now and then', () => {
    const { drafted, rate } = run(new LoadGate(), 2000, 8, () => good)
    expect(share(drafted)).toBeGreaterThan(0.95)
    expect(drafted.slice(-200)).toContain(false)
    expect(rate).toBeGreaterThan(1.28)
  })

  it('finds out when texts change', () => {
    const { drafted } = run(new LoadGate(), 4000, 8, (cycle) => (cycle < 1000 ? bad : cycle < 3000 ? good : bad))
    expect(share(drafted.slice(200, 1000))).toBeLessThan(0.1)
    expect(share(drafted.slice(1500, 3000))).toBeGreaterThan(0.9)
    expect(share(drafted.slice(3100))).toBeLessThan(0.1)
  })

  it('is forgotten when the load falls', () => {
    const gate = new LoadGate()
    run(gate, 1000, 8, () => bad)
    const { drafted } = run(gate, 100, 2, () => good)
    expect(share(drafted)).toBeGreaterThan(0.9)
    // And remembered when it rises again.
    expect(share(run(gate, 100, 7, () => bad).drafted)).toBeLessThan(0.1)
  })

  it('is expected of as many once they were tried, also while they are tried again', () => {
    const gate = new LoadGate()
    expect(gate.rests(8)).toBe(false)
    const expected: boolean[] = []
    run(gate, 400, 8, () => {
      expected.push(gate.rests(8))
      return bad
    })
    expect(new Set(expected.slice(40))).toEqual(new Set([true]))
    expect([gate.rests(2), gate.rests(1)]).toEqual([false, false])
    const good8 = new LoadGate()
    run(good8, 400, 8, () => good)
    expect(good8.rests(8)).toBe(false)
  })

  it('says nothing about one who is alone', () => {
    const gate = new LoadGate()
    run(gate, 1000, 8, () => bad)
    gate.decide(1)
    expect(gate.open).toBe(true)
  })

  it('is not misjudged because somebody else had the processor for a while', () => {
    const gate = new LoadGate()
    run(gate, 300, 8, () => good)
    gate.observe({ requests: 8, context: 100, listMs: () => 10, ms: 60_000, drafted: true, accepted: 2 })
    expect(share(run(gate, 100, 8, () => good).drafted)).toBeGreaterThan(0.9)
  })
})
