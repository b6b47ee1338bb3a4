/** Parts of a batch that are computed at the same time do what the whole does. */
import { afterAll, describe, expect, it } from 'vitest'
import { openBackend } from '../../tensor/index.ts'
import { toyBatch, toyDraftIds, toyShape, toyTeacher, toyWeights } from '../../../test/fixtures/training.ts'
import type { TrainingBatch } from '../types.ts'
import { createHeadTrainer, type HeadTrainerOptions, type NetTrainer } from './index.ts'
import { splitBatch } from './share.ts'

// Threads of one device spin while they wait for one whose core another program has; parts have a thread each all the same.
const backend = openBackend({ threads: 1 })
const batch = toyBatch()
const quick = { learningRate: 3e-3, stateLoss: 0.1 }

function open(options: Partial<HeadTrainerOptions> = {}): NetTrainer {
  return createHeadTrainer({
    ...{ shape: toyShape, backend, teacher: toyTeacher(), draftIds: toyDraftIds, unroll: 3, initial: toyWeights() },
    ...options,
  })
}

/** The batch with nothing to learn in some of its texts. */
function silent(texts: readonly number[]): TrainingBatch {
  const answered = batch.answered.map((one, row) => (texts.includes(Math.floor(row / batch.length)) ? 0 : one))
  return { ...batch, answered }
}

function furthest(a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>): number {
  return Math.max(...[...a].flatMap(([name, values]) => [...values].map((x, i) => Math.abs(x - b.get(name)![i]!))))
}

afterAll(() => backend[Symbol.asyncDispose]())

describe('a batch in shares', () => {
  it.each([
    [2, batch],
    [3, batch],
    [9, batch],
    [3, silent([0])],
    [3, silent([1, 2])],
  ])('of %d parts has the losses and gradients of the whole', async (shares, given) => {
    await using whole = open()
    await using parts = open({ shares })
    for (const stateLoss of [0.1, 0]) {
      const [expected, gradients] = [await whole.gradients(given, stateLoss), await parts.gradients(given, stateLoss)]
      expect(furthest(expected, gradients)).toBeLessThan(1e-6)
    }
    const [one, many] = [await whole.evaluate(given), await parts.evaluate(given)]
    expect(many.loss).toBeCloseTo(one.loss, 5)
    expect(many.depths.map(({ rows, agreement }) => [rows, agreement])).toEqual(
      one.depths.map(({ rows, agreement }) => [rows, agreement]),
    )
    const [first, second] = [await whole.step(given, quick), await parts.step(given, quick)]
    expect(second.loss).toBeCloseTo(first.loss, 5)
    expect(second.gradientNorm).toBeCloseTo(first.gradientNorm, 5)
  })

  it('goes on bit for bit from its state, with part of the draft vocabulary, too', async () => {
    for (const candidates of [0, 16]) {
      await using trainer = open({ shares: 2, candidates })
      await trainer.step(batch, quick)
      const saved = trainer.state()
      await trainer.step(toyBatch(90, 33), quick)
      await using resumed = open({ shares: 2, candidates, initial: toyWeights(77) })
      resumed.restore(saved)
      await resumed.step(toyBatch(90, 33), quick)
      expect([...resumed.state()]).toEqual([...trainer.state()])
    }
  })

  it('changes nothing when a part of it is broken', async () => {
    await using trainer = open({ shares: 3 })
    await trainer.step(batch, quick)
    const before = trainer.state()
    const tokens = batch.tokens.slice()
    tokens.fill(9999, 2 * batch.length)
    await expect(trainer.step({ ...batch, tokens }, quick)).rejects.toThrow('expected tokens below')
    const states = batch.states.slice().fill(Number.NaN, 2 * batch.length * toyShape.width)
    await expect(trainer.step({ ...batch, states }, quick)).rejects.toThrow('expected a finite loss')
    expect([...trainer.state()]).toEqual([...before])
    await trainer.step(batch, quick)
  })

  it('has every text once, in order, and no empty part', () => {
    for (const shares of [1, 2, 3, 5]) {
      const parts = splitBatch(batch, shares)
      expect(parts).toHaveLength(Math.min(shares, batch.texts))
      expect(parts.every(({ texts }) => texts > 0)).toBe(true)
      for (const name of ['tokens', 'features', 'states', 'answered', 'best'] as const)
        expect(parts.flatMap((part) => [...part[name]!])).toEqual([...batch[name]!])
    }
  })
})
