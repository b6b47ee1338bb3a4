import { describe, expect, it } from 'vitest'
import { fakeRecording } from '../../../test/fixtures/recording.ts'
import { createPolicyMemory, settleMemory, type PolicyMemory } from '../../policy/index.ts'
import { uniformAt } from '../../util/rng.ts'
import { measuredMachine } from '../simulate/machine.ts'
import type { RecordedAnswer, RecordedPlace } from '../simulate/types.ts'
import { checkAnswer, summariseCheck } from './check.ts'
import { teachAnswer } from './teach.ts'

const tree = { topK: 4, depth: 7, totalTokens: 60 }

/** Answers by a drafter whose trees are always chains of eight, each link said to be 90 % sure and right with `rate`. */
function answersOf(rate: number, seed: number, count = 4, byLevels = true): RecordedAnswer[] {
  return Array.from({ length: count }, (_, index): RecordedAnswer => {
    const { answers } = fakeRecording({ tokens: 200, groups: [index % 2 === 0 ? 'a' : 'b'] })
    const places = answers[0]!.places.map((place, position) => {
      let right = 0
      while (right < 8 && uniformAt(seed, index * 1e5 + position * 10 + right) < rate) right++
      return chainPlace(place, right, byLevels)
    })
    return { ...answers[0]!, places }
  })
}

function chainPlace({ context, next, draftMs }: RecordedPlace, right: number, byLevels: boolean): RecordedPlace {
  const depths = Array.from({ length: 9 }, (_, depth) => depth)
  const tree = {
    tokens: depths.map((depth) => (depth <= right ? next - 1 + depth : 7)),
    parents: depths.map((depth) => depth - 1),
    logProbs: depths.map((depth) => (depth === 0 ? 0 : Math.log(0.9))),
    sources: depths.map(() => 0),
  }
  const levels = depths.slice(1).map((depth) => ({ depth, frontier: [depth], topProbs: [[0.9]] }))
  return { context, tree, next, draftMs, ...(byLevels ? { levels } : {}) }
}

/** A tree of one level: a child of 60 %, right or wrong, and wrong siblings of these chances. */
function levelPlace(
  { context, next, draftMs }: RecordedPlace,
  right: boolean,
  others: readonly number[],
): RecordedPlace {
  const chances = [1, 0.6, ...others]
  const tree = {
    tokens: chances.map((_, node) => (node === 0 ? next - 1 : node === 1 && right ? next : 1e6 + node)),
    parents: chances.map((_, node) => (node === 0 ? -1 : 0)),
    logProbs: chances.map(Math.log),
    sources: chances.map(() => 0),
  }
  return { context, tree, next, draftMs, levels: [{ depth: 1, frontier: [1], topProbs: [[0.9]] }] }
}

function taught(answers: readonly RecordedAnswer[]): PolicyMemory {
  const memory = { ...createPolicyMemory(), lasting: true }
  for (const answer of answers) teachAnswer(answer, tree, memory)
  return settleMemory(memory)
}

const machine = measuredMachine('fake', fakeRecording().prices, 'lookup')
const here = { machine, draft: { roundMs: 0.3, levelMs: 0.05 } }

describe('teaching', () => {
  it('judges the tree of every place, whatever the budget would have verified', () => {
    const memory = { ...createPolicyMemory(), lasting: true }
    const [answer] = answersOf(0, 1)
    teachAnswer(answer!, tree, memory)
    const { judged, accepted } = memory.acceptance[0]!.first
    const sum = (list: readonly number[]): number => list.reduce((total, count) => total + count, 0)
    // One child of the root at each of 200 places, but for the last, which leaves no room for a draft.
    expect(sum(judged)).toBeCloseTo(199)
    expect(sum(accepted)).toBe(0)
    const own = memory.cost!.acceptance[0]!.known.best.first
    expect(sum(own.judged)).toBeCloseTo(199)
    expect(sum(own.accepted)).toBe(0)
    expect(memory).toMatchObject({ draftMs: 0 })
    expect(settleMemory(memory)).toMatchObject({ draftMs: null })
  })

  it('fills entropy bins by trees that have all levels', () => {
    const { bins } = taught(answersOf(0.97, 1))
    expect(bins).toMatchObject({ tree: '4/7/60/weighted' })
    expect(bins!.samples.length).toBeGreaterThan(300)
    expect(taught(answersOf(0.97, 1, 2, false)).bins?.samples ?? []).toEqual([])
  })
})

describe('the check', () => {
  it.each([0.3, 0.6, 0.9])('finds what was learned to come true on other answers (right with %d)', (rate) => {
    const memory = taught(answersOf(rate, 1))
    const held = answersOf(rate, 2).map((answer) => checkAnswer(answer, tree, memory, here))
    const { calibrated, own, groups } = summariseCheck(held)
    expect(calibrated.error!).toBeLessThan(0.03)
    if (rate < 0.9) expect(own.error!).toBeGreaterThan(5 * calibrated.error!)
    expect(groups.map(({ group }) => group)).toEqual(['a', 'b', 'overall'])
    for (const { trees, rounds } of groups) {
      expect(Math.abs(trees.expected / trees.real - 1)).toBeLessThan(0.08)
      expect(Math.abs(rounds!.expected / rounds!.real - 1)).toBeLessThan(0.12)
    }
    const all = groups.at(-1)!
    expect(all).toMatchObject({ answers: 4, trees: { rounds: 4 * 192 } })
    expect(all.rounds!.speedup).toBeGreaterThan(1)
  })

  it('takes whole trees whatever a draft costs', () => {
    const memory = taught(answersOf(0.9, 1))
    const [answer] = answersOf(0.9, 2)
    const free = checkAnswer(answer!, tree, memory, here)
    const dear = checkAnswer(answer!, tree, memory, { machine, draft: { roundMs: 500, levelMs: 100 } })
    const { trees } = dear
    expect(trees).toEqual(free.trees)
    expect(dear.rounds!.real).toBeLessThan(free.rounds!.real)
    expect(trees.real).toBeGreaterThan(4)
  })

  it('tells drafts of one estimate apart by entropy, as the budget does', () => {
    /** A first child of 60 %, right in one of three open places and in nine of ten sure ones. */
    const answers = (seed: number): RecordedAnswer[] =>
      answersOf(0, seed).map((answer) => ({
        ...answer,
        places: answer.places.map((place, position) => {
          const open = position % 2 === 0
          const right = uniformAt(seed + 10, answer.places.length * seed + position) < (open ? 0.33 : 0.9)
          return levelPlace(place, right, open ? Array<number>(8).fill(0.05) : [0.001])
        }),
      }))
    const memory = taught(answers(1))
    const { calibrated } = summariseCheck(answers(2).map((answer) => checkAnswer(answer, tree, memory, here)))
    const between = calibrated.classes.filter(({ from, to }) => from >= 0.5 && to <= 0.7)
    expect(between.reduce((nodes, own) => nodes + own.nodes, 0)).toBe(0)
    const chances = calibrated.classes.filter(({ from, nodes }) => from >= 0.2 && nodes > 0).map((own) => own.accepted!)
    expect(Math.min(...chances)).toBeLessThan(0.45)
    expect(Math.max(...chances)).toBeGreaterThan(0.8)
  })

  it('sees it where the answers are unlike those that were learned from', () => {
    const memory = taught(answersOf(0.9, 1))
    const { calibrated, groups } = summariseCheck(
      answersOf(0.3, 2).map((answer) => checkAnswer(answer, tree, memory, here)),
    )
    expect(calibrated.error!).toBeGreaterThan(0.1)
    expect(groups.at(-1)!.trees.expected).toBeGreaterThan(1.5 * groups.at(-1)!.trees.real)
  })

  it('leaves the memory as it is, and needs no prices', () => {
    const memory = taught(answersOf(0.6, 1))
    const before = structuredClone(memory)
    const [answer] = answersOf(0.9, 3)
    checkAnswer(answer!, tree, memory, here)
    expect(memory).toEqual(before)
    expect(checkAnswer(answer!, tree, memory, undefined).rounds).toBeNull()
  })
})
