import { afterAll, describe, expect, it } from 'vitest'
import { openBackend } from '../../tensor/index.ts'
import type { TrainingBatch } from '../types.ts'
import {
  noise,
  toyBatch,
  toyDraftIds,
  toyShape,
  toyTeacher,
  toyWeights,
  VOCABULARY,
} from '../../../test/fixtures/training.ts'
import { referenceLoss } from '../../../test/golden/training-reference.ts'
import { scaleFusion, scaleTaps } from './tap-scales.ts'
import { createHeadTrainer, initialWeights, type HeadTrainerOptions, type NetTrainer } from './index.ts'

const backend = openBackend({ threads: 1 })
const batch = toyBatch()
const quick = { learningRate: 3e-3, stateLoss: 0.1 }

function open(options: Partial<HeadTrainerOptions> = {}): NetTrainer {
  return createHeadTrainer({
    shape: toyShape,
    backend,
    teacher: toyTeacher(),
    draftIds: toyDraftIds,
    unroll: 3,
    initial: toyWeights(),
    ...options,
  })
}

afterAll(() => backend[Symbol.asyncDispose]())

describe('a trainer', () => {
  it('learns one batch down to the entropy of its lessons', async () => {
    const { depths } = referenceLoss(toyWeights(), batch, {
      shape: toyShape,
      teacher: toyTeacher(),
      draftIds: toyDraftIds,
      unroll: 3,
      stateLoss: 0,
    })
    await using trainer = open()
    const first = await trainer.evaluate(batch)
    for (let step = 0; step < 500; step++) {
      await trainer.step(batch, { learningRate: 1e-2 * (1 - step / 500), stateLoss: 0 })
    }
    const last = await trainer.evaluate(batch)
    last.depths.forEach((depth, step) => {
      const floor = depths[step]!.entropy
      expect(first.depths[step]!.loss - floor).toBeGreaterThan(1)
      expect(depth.loss - floor).toBeGreaterThan(-1e-6)
      expect(depth.loss - floor).toBeLessThan(0.02)
    })
  })

  it('learns with part of the draft vocabulary what it would with all of it', async () => {
    await using trainer = open({ candidates: 16 })
    await using whole = open()
    for (let step = 0; step < 300; step++) {
      for (const each of [trainer, whole]) {
        await each.step(batch, { learningRate: 1e-2 * (1 - step / 300), stateLoss: 0 })
      }
    }
    const [restricted, plain] = [await trainer.evaluate(batch), await whole.evaluate(batch)]
    expect(restricted.loss).toBeLessThan(plain.loss + 0.1)
    expect(restricted.loss).not.toBe(plain.loss)
    const saved = trainer.state()
    const reported = await trainer.step(batch, quick)
    expect(Math.abs(reported.loss / restricted.loss - 1)).toBeLessThan(0.1)
    await using resumed = open({ candidates: 16 })
    resumed.restore(saved)
    await resumed.step(batch, quick)
    expect([...resumed.state()]).toEqual([...trainer.state()])
  })

  it('goes on bit for bit from its state', async () => {
    const other = toyBatch(90, 33)
    const train = async (trainer: NetTrainer): Promise<void> => {
      for (const each of [batch, other, batch]) await trainer.step(each, quick)
    }
    await using trainer = open()
    await train(trainer)
    const saved = trainer.state()
    await train(trainer)
    await using resumed = open({ initial: toyWeights(77) })
    resumed.restore(saved)
    await train(resumed)
    expect([...resumed.state()]).toEqual([...trainer.state()])
    expect([...saved.get('fc.weight')!]).not.toEqual([...trainer.state().get('fc.weight')!])
  })

  it('makes a step of the learning rate, and none longer than its clip allows', async () => {
    await using trainer = open()
    const before = trainer.weights()
    await trainer.step(batch, { learningRate: 1e-3, stateLoss: 0 })
    // AdamW's first step is the learning rate times the sign of the gradient.
    for (const [name, weights] of trainer.weights()) {
      const moves = weights.map((x, i) => Math.abs(x - before.get(name)![i]!))
      expect(Math.max(...moves)).toBeGreaterThan(0.9e-3)
      expect(Math.max(...moves)).toBeLessThan(1.1e-3)
    }
    const norm = Math.sqrt(
      [...trainer.state()]
        .filter(([name]) => name.startsWith('mean '))
        .reduce((sum, [, mean]) => sum + mean.reduce((total, x) => total + (x / 0.1) ** 2, 0), 0),
    )
    expect(norm).toBeCloseTo(0.5, 4)
  })

  it('learns from streams of other sizes as it does from streams of size one', async () => {
    const factors = [8, 0.5, 32] as const
    const width = batch.states.length / batch.tokens.length
    const larger = { ...batch, features: scaleTaps(batch.features, factors, width) }
    const weights = toyWeights()
    const smaller = factors.map((factor) => 1 / factor)
    await using plain = open()
    await using scaled = open({ initial: scaleFusion(weights, smaller, width), tapScales: factors })
    for (let step = 0; step < 3; step++) {
      const expected = await plain.step(batch, quick)
      const { loss, gradientNorm } = await scaled.step(larger, quick)
      // Powers of two: not a bit differs.
      expect({ loss, gradientNorm }).toEqual({ loss: expected.loss, gradientNorm: expected.gradientNorm })
    }
    expect([...scaled.weights()]).toEqual([...scaleFusion(plain.weights(), smaller, width)])
  })

  it.each([
    ['states', Number.NaN],
    ['features', Number.NaN],
    ['features', Number.POSITIVE_INFINITY],
  ] as const)('refuses %s of %d and changes nothing', async (part, value) => {
    await using trainer = open()
    await trainer.step(batch, quick)
    const before = trainer.state()
    const broken = batch[part].slice()
    broken[8 * (broken.length / batch.answered.length)] = value
    await expect(trainer.step({ ...batch, [part]: broken }, quick)).rejects.toThrow('expected a finite loss')
    expect([...trainer.state()]).toEqual([...before])
    await trainer.step(batch, quick)
  })

  it('counts answers that cannot be drafted as wrong, and refuses to learn from nothing else', async () => {
    const strange: TrainingBatch = { ...batch, best: new Int32Array(batch.tokens.length).fill(1) }
    await using trainer = open()
    const { depths } = await trainer.evaluate(strange)
    const known = await trainer.evaluate(batch)
    expect(depths.map(({ rows }) => rows)).toEqual(known.depths.map(({ rows }) => rows))
    expect(depths.map(({ agreement }) => agreement)).toEqual([0, 0, 0])
    await expect(trainer.step(strange, quick)).rejects.toThrow('expected a batch with lessons')
  })

  it('refuses tokens and weights that do not fit', async () => {
    await using trainer = open()
    const tokens = batch.tokens.slice().fill(VOCABULARY)
    await expect(trainer.step({ ...batch, tokens }, quick)).rejects.toThrow(`expected tokens below ${VOCABULARY}`)
    await expect(trainer.step({ ...batch, states: batch.states.slice(1) }, quick)).rejects.toThrow('numbers in states')
    const missing = toyWeights()
    missing.delete('output.weight')
    expect(() => open({ initial: missing })).toThrow('output.weight')
    expect(() => trainer.restore(new Map())).toThrow('of a checkpoint')
    expect(() => open({ unroll: 17 })).toThrow('1 to 16 unrolled steps')
  })
})

describe('initial weights', () => {
  const { width, feedForwardWidth, headCount, kvHeadCount, headDim } = toyShape
  const matrix = (seed: number, outputs: number, inputs: number): Float32Array =>
    noise(seed, outputs * inputs, 1.5 / Math.sqrt(inputs))
  const layer = new Map([
    ['attn_norm', noise(1, width, 0.5).map((x) => 2 + x)],
    ['attn_q', matrix(2, headCount * headDim, width)],
    ['attn_k', matrix(3, kvHeadCount * headDim, width)],
    ['attn_v', matrix(4, kvHeadCount * headDim, width)],
    ['attn_output', matrix(5, width, headCount * headDim)],
    ['ffn_norm', noise(6, width, 0.5).map((x) => 2 + x)],
    ['ffn_gate', matrix(7, feedForwardWidth, width)],
    ['ffn_up', matrix(8, feedForwardWidth, width)],
    ['ffn_down', matrix(9, width, feedForwardWidth)],
  ])
  const teacher = toyTeacher()
  const given = { shape: toyShape, teacher, layer, tapScales: [0.5, 2, 3] as const, seed: 3 }

  it('begin as the target’s last layer over the highest tap, whatever the scale', () => {
    const half = (rows: Float32Array): Float32Array =>
      Float32Array.from({ length: 2 * rows.length }, (_, i) =>
        i % (2 * width) < width ? 0 : rows[Math.floor(i / (2 * width)) * width + (i % width)]!,
      )
    const plain = new Map<string, Float32Array>([
      [
        'fc.weight',
        Float32Array.from(
          { length: 3 * width * width },
          (_, i) => +(i % (3 * width) === 2 * width + Math.floor(i / (3 * width))),
        ),
      ],
      ['blk.0.attn_norm.weight', new Float32Array(width).fill(1)],
      ['blk.0.attn_norm_2.weight', layer.get('attn_norm')!],
      ...['attn_q', 'attn_k', 'attn_v'].map((name) => [`blk.0.${name}.weight`, half(layer.get(name)!)] as const),
      ...['attn_output', 'ffn_norm', 'ffn_gate', 'ffn_up', 'ffn_down'].map(
        (name) => [`blk.0.${name}.weight`, layer.get(name)!] as const,
      ),
      ['output_norm.weight', teacher.outputNorm],
      ['output.weight', teacher.output],
    ])
    const options = {
      shape: { ...toyShape, normEpsilon: 1e-12 },
      teacher,
      draftIds: toyDraftIds,
      unroll: 2,
      stateLoss: 0,
    }
    const expected = referenceLoss(plain, batch, options)
    const quiet = referenceLoss(initialWeights({ ...given, rotation: 'normal', noise: 0 }), batch, options)
    expect(quiet.loss).toBeCloseTo(expected.loss, 5)
    const noisy = referenceLoss(initialWeights({ ...given, rotation: 'normal' }), batch, options)
    expect(noisy.loss).not.toBeCloseTo(expected.loss, 2)
    expect(Math.abs(noisy.loss / expected.loss - 1)).toBeLessThan(0.3)
  })

  it('put halves that rotate together beside each other', () => {
    const plain = initialWeights({ ...given, rotation: 'normal' }).get('blk.0.attn_k.weight')!
    const turned = initialWeights({ ...given, rotation: 'neox' }).get('blk.0.attn_k.weight')!
    const feature = (rows: Float32Array, row: number): number[] => [
      ...rows.subarray((2 * row + 1) * width, (2 * row + 2) * width),
    ]
    for (const [from, to] of [
      [0, 0],
      [headDim / 2, 1],
      [1, 2],
      [headDim + headDim - 1, headDim + headDim - 1],
    ] as const) {
      expect(feature(turned, to)).toEqual(feature(plain, from))
    }
  })

  it('refuse a layer of other sizes', () => {
    const short = new Map([...layer, ['attn_k', new Float32Array(width)]])
    expect(() => initialWeights({ ...given, layer: short, rotation: 'normal' })).toThrow('attn_k of the target')
  })
})
