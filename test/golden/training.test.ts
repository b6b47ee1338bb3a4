/**
 * The trainer against the float64 reference: losses, agreement, and the gradient of every tensor against finite differences
 * of the reference, over padded texts, rows without lessons and tokens that cannot be drafted.
 */
import { describe, expect, it } from 'vitest'
import { openBackend } from '../../src/tensor/device.ts'
import { createHeadTrainer, type NetTrainer } from '../../src/train/net/index.ts'
import { omit } from '../../src/util/omit.ts'
import { uniformAt } from '../../src/util/rng.ts'
import type { TrainingBatch } from '../../src/train/types.ts'
import { toyBatch, toyDraftIds, toyShape, toyTeacher, toyWeights } from '../fixtures/training.ts'
import { referenceLoss, type Weights } from './training-reference.ts'

const initial = toyWeights()
const teacher = toyTeacher()
const base = { shape: toyShape, teacher, draftIds: toyDraftIds }
const batch = toyBatch()
const unjudged: TrainingBatch = omit(batch, 'best')

describe('loss, agreement and gradients are the reference’s', () => {
  it.each<[number, string, TrainingBatch, number]>([
    [1, 'plain', batch, 0],
    [3, 'with a loss of states', batch, 0.7],
    [3, 'without the target’s best', unjudged, 0],
    [5, 'plain', batch, 0],
  ])('%i unrolled steps, %s', async (unroll, _name, given, stateLoss) => {
    const options = { ...base, unroll, stateLoss }
    const expected = referenceLoss(initial, given, options)
    await using backend = openBackend({ threads: 1 })
    await using trainer = createHeadTrainer({ ...base, backend, unroll, initial })
    const report = await trainer.evaluate(given)
    report.depths.forEach((depth, step) => {
      const wanted = expected.depths[step]!
      expect(depth.rows).toBe(wanted.rows)
      expect(depth.agreement).toBeCloseTo(wanted.agreement, 12)
      expect(Math.abs(depth.loss / wanted.loss - 1)).toBeLessThan(1e-5)
    })
    const gradients = await trainer.gradients(given, stateLoss)
    let norm = 0
    for (const [name, gradient] of gradients) {
      const length = Math.sqrt(gradient.reduce((sum, x) => sum + x * x, 0))
      norm += length ** 2
      for (const direction of directions(gradient)) {
        const slope = slopeOf((weights) => referenceLoss(weights, given, options).loss, name, direction)
        const ours = gradient.reduce((sum, x, i) => sum + x * direction[i]!, 0)
        expect(Math.abs(ours - slope), `${name}: ${ours} for ${slope}`).toBeLessThan(1e-4 * length + 1e-7)
      }
    }
    await checkStep(trainer, given, stateLoss, Math.sqrt(norm), referenceLoss(initial, given, options).loss)
  })
})

async function checkStep(trainer: NetTrainer, given: TrainingBatch, stateLoss: number, norm: number, loss: number) {
  const report = await trainer.step(given, { learningRate: 1e-3, stateLoss })
  expect(report.gradientNorm).toBeCloseTo(norm, 5)
  expect(Math.abs(report.loss / loss - 1)).toBeLessThan(1e-5)
}

/** Directions of length 1: along the gradient, at random, and along one of the tensor's axes. */
function directions(gradient: Float32Array): Float64Array[] {
  const unit = (values: Float64Array): Float64Array => {
    const length = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0))
    return values.map((x) => x / length)
  }
  const axis = (at: number): Float64Array => new Float64Array(gradient.length).fill(1, at, at + 1)
  return [
    unit(Float64Array.from(gradient)),
    unit(Float64Array.from(gradient, (_, i) => uniformAt(7, i) - 0.5)),
    axis(Math.floor(gradient.length * 0.7)),
  ]
}

/** Derivative of a loss by central differences of fourth order. */
function slopeOf(loss: (weights: Weights) => number, name: string, direction: Float64Array): number {
  const at = (distance: number): number => {
    const moved = Float64Array.from(initial.get(name)!, (x, i) => x + distance * direction[i]!)
    return loss(new Map<string, Float32Array | Float64Array>([...initial, [name, moved]]))
  }
  const step = 1e-3
  return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)
}
