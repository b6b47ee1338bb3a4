/** The worlds of the simulations: drafters of several qualities, machines with several price lists. */
import { createCostModel, type CostSample } from '../../src/policy/index.ts'
import type { Regime, World } from './simulation.ts'

/** Drafters, on texts of one kind. What they believe is off on purpose. */
export const regimes = {
  /** Many near misses; the drafter is too sure of itself. */
  chat: [
    { share: 0.3, chances: [0.75, 0.1, 0.04], beliefs: [0.8, 0.1, 0.04] },
    { share: 0.7, chances: [0.28, 0.12, 0.07, 0.04], beliefs: [0.4, 0.15, 0.1, 0.05] },
  ],
  /** Long runs that are right; the drafter is too modest. */
  copy: [
    { share: 0.85, chances: [0.93, 0.03], beliefs: [0.85, 0.05] },
    { share: 0.15, chances: [0.3, 0.1, 0.05], beliefs: [0.5, 0.2, 0.1] },
  ],
  /** Next to nothing is right. */
  random: [{ share: 1, chances: [0.06, 0.04, 0.03], beliefs: [0.3, 0.2, 0.1] }],
} satisfies Record<string, Regime>

/** All of them by turns, a hundred tokens each. */
export const mixed = (position: number): Regime =>
  [regimes.chat, regimes.copy, regimes.random, regimes.copy][Math.floor(position / 100) % 4] as Regime

/** Milliseconds by rows, as measured on real machines. */
export const machines = {
  /** Two old cores: almost proportional. */
  cpu: { 1: 12.4, 2: 20, 3: 27, 4: 33, 6: 43, 8: 52, 12: 71, 16: 90, 24: 134, 32: 178 },
  /** The same with repacked weights: a stair of four rows. */
  stairs: { 1: 9, 2: 12.7, 3: 12.7, 4: 12.7, 6: 20, 8: 23.8, 12: 29, 16: 33, 24: 47, 32: 60 },
  /** Eight rows for little more than one. */
  flat: { 1: 8, 2: 8.1, 3: 8.2, 4: 8.5, 6: 9, 8: 9.5, 12: 12.5, 16: 15, 24: 20, 32: 26 },
} satisfies Record<string, Record<number, number>>

export type Machine = Readonly<Record<number, number>>

/** The price list of a machine as samples; `error` spoils them, up or down by that share. */
export function samplesOf(machine: Machine, error = 0): CostSample[] {
  return Object.entries(machine).map(([rows, ms]) => {
    const wrong = 1 + (error * (((Number(rows) * 7) % 5) - 2)) / 2
    return { rows: Number(rows), context: 0, ms: ms * wrong }
  })
}

/** A machine and a drafter in one world; the policy is told the true prices unless `samples` says otherwise. */
export function worldOf(machine: Machine, more: Partial<World> & { samples?: CostSample[] }): World {
  const { samples = samplesOf(machine), ...rest } = more
  const truth = createCostModel(samplesOf(machine))
  return {
    seed: 1,
    tokens: 600,
    regime: mixed,
    targetMs: (rows, context) => truth.targetMs(rows, context),
    cost: createCostModel(samples),
    draft: { by: 'tree', ms: 0.1 },
    ...rest,
  }
}
