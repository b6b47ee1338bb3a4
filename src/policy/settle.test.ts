import { describe, expect, it } from 'vitest'
import { createTree } from '../tree/index.ts'
import { Acceptance } from './acceptance.ts'
import { CalibratedAcceptance } from './heterospec-cost/acceptance.ts'
import { FadingFit } from './heterospec-cost/fading-fit.ts'
import { costMemory } from './heterospec-cost/memory.ts'
import { Outlook } from './heterospec-cost/outlook.ts'
import { RoundTimes } from './heterospec-cost/times.ts'
import { createPolicyMemory } from './memory.ts'
import { HEAVIEST, HEAVIEST_OUTLOOK, priceDrafts, settleMemory } from './settle.ts'
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
    const capped = { judged: [HEAVIEST, 10], accepted: [HEAVIEST / 4, 5] }
    expect(settled).toMatchObject({ extra: { bins: [capped] } })
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

describe('what heterospec-cost has learned', () => {
  const KIND = { source: 0, depth: 1, bin: 1, best: true }

  /** After `count` more nodes that the drafter gave one half, all of which came true, or none; their children were as likely. */
  function learned(count: number, right: boolean, memory: PolicyMemory): PolicyMemory {
    const cost = costMemory(memory)
    const drafted = createTree(1)
    drafted.add(0, 2, Math.log(0.5))
    const acceptance = new CalibratedAcceptance(cost.acceptance, memory.lasting)
    const outlook = new Outlook(cost.outlook, memory.lasting)
    for (let i = 0; i < count; i++) {
      acceptance.refresh()
      acceptance.learn(drafted, 0, [right ? 2 : 3], [-1, KIND.bin])
      outlook.observe(0.5, KIND.bin, [right ? 0.9 : 0.1])
    }
    return memory
  }

  /** The chance that a new request sees, and that of the best child to be foreseen. */
  const known = (memory: PolicyMemory): number =>
    new CalibratedAcceptance(costMemory(memory).acceptance).calibrate(0.5, KIND)
  const foreseen = (memory: PolicyMemory): number => {
    const { share, better, worse } = new Outlook(costMemory(memory).outlook).of(0.5, KIND.bin, 0.5)
    return share * better[0]! + (1 - share) * worse[0]!
  }

  it('counts all nodes alike while a calibration is made, where otherwise the newest win', () => {
    const turned = (memory: PolicyMemory): PolicyMemory => learned(2000, true, learned(2000, false, memory))
    expect(known(turned(lasting()))).toBeCloseTo(0.5, 1)
    expect(known(turned(createPolicyMemory()))).toBeGreaterThan(0.95)
    expect(foreseen(turned(lasting()))).toBeCloseTo(0.5, 1)
    expect(foreseen(turned(createPolicyMemory()))).toBeGreaterThan(0.85)
  })

  it('keeps chances and loses weight when settled, and what belongs to a machine', () => {
    const memory = learned(3000, true, learned(1000, false, lasting()))
    Object.assign(costMemory(memory), { growth: 'levels' })
    Object.assign(costMemory(memory).trials, { gain: 3, drafted: 4000, interval: 8, wait: 7, startMs: 2 })
    costMemory(memory).draftTimes.products.push(1)
    costMemory(memory).hostTimes.moments.push(1)
    const settled = settleMemory(memory)
    expect(known(settled)).toBeCloseTo(0.75, 1)
    expect(foreseen(settled)).toBeCloseTo(foreseen(memory), 1)
    const { acceptance, outlook } = costMemory(settled)
    expect(Math.max(...acceptance[0]!.bins[KIND.bin]!.best.first.judged)).toBe(HEAVIEST)
    const pairs = outlook.weights.flatMap((weight, cell) => (cell % 2 === 0 ? weight + outlook.weights[cell + 1]! : []))
    expect(Math.max(...pairs)).toBeCloseTo(HEAVIEST_OUTLOOK)
    const fresh = costMemory(createPolicyMemory())
    expect(settled.cost).toEqual({ ...fresh, acceptance, outlook, growth: 'levels' })
  })

  it('outweighs the first nodes of sessions, and gives way to a few hundred of a kind that say otherwise', () => {
    const settled = settleMemory(learned(5000, true, lasting()))
    const after = (count: number): PolicyMemory => learned(count, false, structuredClone(settled))
    expect(known(after(50))).toBeGreaterThan(0.85)
    expect(known(after(250))).toBeGreaterThan(0.5)
    expect(known(after(350))).toBeLessThan(0.5)
    expect(foreseen(after(20))).toBeGreaterThan(0.7)
    expect(foreseen(after(90))).toBeGreaterThan(0.5)
    expect(foreseen(after(130))).toBeLessThan(0.5)
  })

  it('takes draft prices that were measured on the machine, until its own rounds tell others', () => {
    const priced = (price: Parameters<typeof priceDrafts>[1]): PolicyMemory => {
      const settled = settleMemory(learned(1, true, lasting()))
      priceDrafts(settled, price)
      return settled
    }
    const grown = priced({ roundMs: 12, levelMs: 2 })
    expect(grown).toMatchObject({ draftMs: 12, levelMs: 2 })
    expect(new RoundTimes(costMemory(grown)).levelOf({ merged: false, levels: 1 })).toEqual({
      passMs: 2,
      nodeMs: 0,
      onceMs: 0,
    })
    const whole = priced({ roundMs: 3, levelMs: null })
    expect(new FadingFit(costMemory(whole).draftTimes, 5).expect([0, 20, 1, 0, 0])).toBeCloseTo(3, 0)
  })
})
