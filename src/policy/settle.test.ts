import { describe, expect, it } from 'vitest'
import { createTree } from '../tree/index.ts'
import { Acceptance } from './acceptance.ts'
import { createPolicyMemory } from './memory.ts'
import { HEAVIEST, settleMemory } from './settle.ts'
import type { PolicyMemory } from './types.ts'

/** A root with one child that is believed to 90 %. */
function tree() {
  const made = createTree(1)
  made.add(0, 2, Math.log(0.9))
  return made
}

/** After `rounds` rounds, of which one in `every` went as drafted. */
function taught(rounds: number, every: number, memory: PolicyMemory): PolicyMemory {
  const acceptance = new Acceptance(memory.acceptance, memory.lasting)
  for (let round = 0; round < rounds; round++) acceptance.learn(tree(), 0, [round % every === 0 ? 2 : 3])
  return memory
}

const lasting = (): PolicyMemory => ({ ...createPolicyMemory(), lasting: true })
const chance = (memory: PolicyMemory): number => new Acceptance(memory.acceptance).calibrate(0.9, 1)

describe('a memory that lasts', () => {
  it('counts all rounds alike, where another follows the newest', () => {
    const late = (memory: PolicyMemory): number => chance(taught(300, 1, taught(300, 1000, memory)))
    expect(late(lasting())).toBeCloseTo(0.5, 1)
    expect(late(createPolicyMemory())).toBeGreaterThan(0.95)
  })
})

describe('a settled memory', () => {
  it('keeps chances and loses weight, times and the mark of calibration', () => {
    const memory = { ...taught(5000, 4, lasting()), draftMs: 1, levelMs: 2, roundsSincePlain: 7 }
    const settled = settleMemory(memory)
    expect(chance(settled)).toBeCloseTo(0.25, 2)
    expect(Math.max(...settled.acceptance[0]!.first.judged)).toBe(HEAVIEST)
    expect(settled).toMatchObject({ draftMs: null, levelMs: null, roundsSincePlain: 0, bins: null })
    expect(settled).not.toHaveProperty('lasting')
    expect(Math.max(...memory.acceptance[0]!.first.judged)).toBeGreaterThan(4000)
  })

  it('outweighs the first rounds of a session, and gives way to some hundred that say otherwise', () => {
    const settled = settleMemory(taught(5000, 1, lasting()))
    expect(chance(taught(20, 1000, settled))).toBeGreaterThan(0.9)
    expect(chance(taught(400, 1000, settled))).toBeLessThan(0.1)
  })

  it('finds counts wherever a policy keeps them', () => {
    const own = { judged: [4000, 10], accepted: [1000, 5] }
    const settled = settleMemory({ ...lasting(), extra: { bins: [own] } } as PolicyMemory)
    expect(settled).toMatchObject({ extra: { bins: [{ judged: [1000, 10], accepted: [250, 5] }] } })
  })

  it('fits bins on all samples and keeps a spread of them', () => {
    const samples = Array.from({ length: 4000 }, (_, i) => {
      return { entropy: i / 250, rank: i < 2000 ? 1 : 30, fullyAccepted: true }
    })
    const { bins } = settleMemory({
      ...lasting(),
      bins: { tree: 'a', samples, sinceFit: 5, edges: [], basis: 'none' },
    })
    expect(bins).toMatchObject({ tree: 'a', sinceFit: 0, basis: 'accepted' })
    expect(bins!.edges.some((edge) => Math.abs(edge - 8) < 0.01)).toBe(true)
    expect(bins!.samples).toHaveLength(512)
    expect(bins!.samples.filter(({ rank }) => rank === 1)).toHaveLength(256)
  })
})
