import { describe, expect, it } from 'vitest'
import { AcceptanceRates } from './rates.ts'

const options = { bins: 2, prior: (bin: number) => (bin === 0 ? 0.2 : 0.9), strength: 10, memory: 0.99 }

describe('acceptance rates', () => {
  it('start from the prior and move to what happened', () => {
    const rates = new AcceptanceRates(options)
    expect(rates.estimate(0)).toBeCloseTo(0.2)
    rates.observe(0, true)
    expect(rates.estimate(0)).toBeCloseTo(3 / 11)
    for (let i = 0; i < 500; i++) rates.observe(0, true)
    expect(rates.estimate(0)).toBeGreaterThan(0.9)
    expect(rates.estimate(1)).toBeCloseTo(0.9)
  })

  it('forget a text that has changed its nature', () => {
    const rates = new AcceptanceRates(options)
    for (let i = 0; i < 5000; i++) rates.observe(0, true)
    for (let i = 0; i < 300; i++) rates.observe(0, false)
    expect(rates.estimate(0)).toBeLessThan(0.1)
  })

  it('never reach certainty', () => {
    const rates = new AcceptanceRates({ ...options, prior: () => 0, strength: 1 })
    expect(rates.estimate(0)).toBeGreaterThan(0)
    const sure = new AcceptanceRates({ ...options, prior: () => 1 })
    expect(sure.estimate(0)).toBeLessThan(1)
  })

  it('of a session teach the shared ones, but only slowly', () => {
    const shared = new AcceptanceRates({ ...options, strength: 50, memory: 0.999 })
    const session = shared.forSession()
    for (let i = 0; i < 20; i++) session.observe(0, true)
    expect(session.estimate(0)).toBeGreaterThan(0.7)
    expect(shared.estimate(0)).toBeGreaterThan(0.3)
    expect(shared.estimate(0)).toBeLessThan(0.5)
    expect(shared.forSession().estimate(0)).toBeCloseTo(shared.estimate(0))
  })
})
