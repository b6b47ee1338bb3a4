import { describe, expect, it } from 'vitest'
import { fakeCalibration } from '../../test/fixtures/calibration.ts'
import { calibrationText, memoryOf, parseCalibration } from './calibration.ts'
import { createPolicyMemory } from './memory.ts'

describe('the text of a calibration', () => {
  it('comes back as it was, byte for byte, in whatever order its keys stood', () => {
    const calibration = fakeCalibration()
    const text = calibrationText(calibration)
    expect(parseCalibration(text, 'x')).toEqual(calibration)
    expect(calibrationText(parseCalibration(text, 'x'))).toBe(text)
    const reversed = Object.fromEntries(Object.entries(calibration).reverse()) as typeof calibration
    expect(calibrationText(reversed)).toBe(text)
  })

  it('keeps what a policy has added to its memory', () => {
    const calibration = fakeCalibration()
    const memory = { ...calibration.memory, byBin: [1, 2] }
    expect(parseCalibration(calibrationText({ ...calibration, memory }), 'x').memory).toHaveProperty('byBin', [1, 2])
  })

  const text = calibrationText(fakeCalibration())
  it.each([
    ['no json', 'text that is not JSON'],
    ['{}', 'kind'],
    [text.replace('"version":1', '"version":2'), 'version'],
    [text.replace('"judged":[1,2]', '"judged":[1,1]'), 'memory.acceptance.0.first'],
    [text.replace('"prices":null', '"prices":{}'), 'prices.machine'],
  ])('is refused in one sentence when broken: %.12s', (broken, why) => {
    expect(() => parseCalibration(broken, 'c.json')).toThrow(
      /^expected a calibration in c.json, got [^\n]*; make it with "heterospec calibrate"$/,
    )
    expect(() => parseCalibration(broken, 'c.json')).toThrow(why)
  })
})

it('gives every session a copy, and without one a memory that knows nothing', () => {
  const calibration = fakeCalibration()
  const memory = memoryOf(calibration)
  memory.acceptance[0]!.first.judged[0] = 99
  expect(memoryOf(calibration).acceptance[0]!.first.judged).toEqual([1, 2])
  expect(memoryOf(undefined)).toEqual(createPolicyMemory())
})
