/**
 * Is the adaptive policy worth its name? In simulated time, so that a per cent is a per cent on every machine.
 * What it is compared with is chosen in hindsight: the best fixed number of nodes of the same world.
 */
import { describe, expect, it } from 'vitest'
import { createPolicy, type BudgetOptions, type CostModel } from '../../src/policy/index.ts'
import { simulate, type World } from './simulation.ts'
import { machines, mixed, regimes, samplesOf, worldOf } from './worlds.ts'

const texts: Record<string, World['regime']> = {
  ...Object.fromEntries(Object.entries(regimes).map(([name, regime]) => [name, () => regime])),
  mixed,
}
const cells = Object.entries(machines).flatMap(([machine, prices]) =>
  Object.entries(texts).map(([text, regime]) => ({ machine, text, prices, regime })),
)

const fixedNodes = [1, 2, 3, 5, 7, 11, 15, 31]

/** Tokens per second of one policy in a fresh copy of the world. */
function rate(world: () => World, options: BudgetOptions): number {
  return simulate(world(), createPolicy(options)).rate
}

describe('goodput in simulated time', () => {
  it.each(cells)('$text text on machine $machine: near the best fixed budget, never below plain decoding', (cell) => {
    const world = () => worldOf(cell.prices, { regime: cell.regime, noise: 0.05 })
    const off = rate(world, { policy: 'off' })
    const best = Math.max(off, ...fixedNodes.map((nodes) => rate(world, { policy: 'fixed', depth: 16, nodes })))
    const goodput = rate(world, { policy: 'goodput' })
    expect(goodput / off).toBeGreaterThan(0.97)
    expect(goodput / best).toBeGreaterThan(0.95)
  })

  it('beats every fixed budget on a text that changes its nature', () => {
    const world = () => worldOf(machines.stairs, { noise: 0.1 })
    const best = Math.max(...fixedNodes.map((nodes) => rate(world, { policy: 'fixed', depth: 16, nodes })))
    expect(rate(world, { policy: 'goodput' }) / best).toBeGreaterThan(1.05)
  })

  it.each(Object.keys(texts))(
    'a draft model that costs a third of the target per level never hurts %s text',
    (text) => {
      for (const prices of Object.values(machines)) {
        const world = () =>
          worldOf(prices, { regime: texts[text]!, draft: { by: 'level', ms: 0.3 * prices[1] }, noise: 0.1 })
        expect(rate(world, { policy: 'goodput' }) / rate(world, { policy: 'off' })).toBeGreaterThan(0.97)
      }
    },
  )

  it('pays for a draft model where it is good', () => {
    const draft = { by: 'level', ms: 0.1 * machines.flat[1] } as const
    const world = () => worldOf(machines.flat, { regime: () => regimes.copy, draft })
    expect(rate(world, { policy: 'goodput' }) / rate(world, { policy: 'off' })).toBeGreaterThan(2)
  })

  it('survives a price list that is thirty per cent off', () => {
    for (const [name, prices] of Object.entries(machines)) {
      const world = () => worldOf(prices, { samples: samplesOf(prices, 0.3), noise: 0.15 })
      const ratio = rate(world, { policy: 'goodput' }) / rate(world, { policy: 'off' })
      expect(ratio, name).toBeGreaterThan(1)
    }
  })

  it('finds out that plain passes are cheaper than measured', () => {
    const samples = samplesOf(machines.cpu).map((sample) =>
      sample.rows === 1 ? { ...sample, ms: 1.5 * sample.ms } : sample,
    )
    const world = () => worldOf(machines.cpu, { samples, regime: () => regimes.chat, tokens: 1200 })
    expect(rate(world, { policy: 'goodput' }) / rate(world, { policy: 'off' })).toBeGreaterThan(0.95)
  })

  it('follows a machine that comes to ask twice the price for wide passes', () => {
    const rows = machines.flat
    const late = (world: World, cost: CostModel): World => {
      let passes = 0
      return {
        ...world,
        cost,
        targetMs: (n, context) => world.targetMs(n, context) * (passes++ > 200 && n > 1 ? 2 : 1),
      }
    }
    const world = () => {
      const start = worldOf(rows, { regime: () => regimes.chat, tokens: 1500 })
      return late(start, start.cost)
    }
    const { rounds } = simulate(world(), createPolicy({ policy: 'goodput' }))
    const plain = rounds.slice(-100).filter((round) => round.scored.size === 1)
    expect(plain.length).toBeGreaterThan(60)
  })
})
