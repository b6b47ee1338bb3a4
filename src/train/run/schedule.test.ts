import { expect, it } from 'vitest'
import { learningRateAt, stateLossAt } from './schedule.ts'

const schedule = { learningRate: 1, decay: 'linear', warmUp: 0.1, stateLoss: 2 } as const

it('rises, then falls to a tenth', () => {
  expect(learningRateAt(schedule, 0, 100)).toBeCloseTo(0.01)
  expect(learningRateAt(schedule, 0.05, 100)).toBeCloseTo(0.5)
  expect(learningRateAt(schedule, 0.1, 100)).toBeCloseTo(1)
  expect(learningRateAt(schedule, 0.55, 100)).toBeCloseTo(0.55)
  expect(learningRateAt(schedule, 1, 100)).toBeCloseTo(0.1)
  expect(learningRateAt({ ...schedule, decay: 'cosine' }, 0.55, 100)).toBeCloseTo(0.55)
  expect(learningRateAt({ ...schedule, decay: 'cosine' }, 1, 100)).toBeCloseTo(0.1)
  expect(learningRateAt({ ...schedule, warmUp: 0 }, 0, 100)).toBe(1)
})

it('takes small steps at first, however short the run is', () => {
  expect(learningRateAt({ ...schedule, warmUp: 0 }, 0, 0)).toBeCloseTo(1 / 20)
  expect(learningRateAt(schedule, 0.1, 9)).toBeCloseTo(1 / 2)
})

it('fades the loss between streams out over the first fifth', () => {
  expect(stateLossAt(schedule, 0)).toBe(2)
  expect(stateLossAt(schedule, 0.1)).toBeCloseTo(1)
  expect(stateLossAt(schedule, 0.2)).toBe(0)
  expect(stateLossAt(schedule, 0.9)).toBe(0)
})
