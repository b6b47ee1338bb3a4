/** Every wrong setting gets one sentence that names it; every setting has a help text. */
import { describe, expect, it } from 'vitest'
import { UsageError } from '../util/errors.ts'
import { createSampler, resolveSampleOptions, sampleOptions } from './index.ts'
import type { SampleOptions } from './index.ts'

const bias = 'a number from -1000000 to 1000000, or null for "never"'

describe('sampling options', () => {
  it('are greedy and without any cut by default', () => {
    expect(resolveSampleOptions({})).toEqual({
      temperature: 0,
      topK: 0,
      topP: 1,
      minP: 0,
      typicalP: 1,
      repeatPenalty: 1,
      repeatLastN: 64,
      frequencyPenalty: 0,
      presencePenalty: 0,
      logitBias: {},
    })
  })

  it('take undefined for "not said"', () => {
    expect(resolveSampleOptions({ temperature: undefined, seed: undefined })).toMatchObject(resolveSampleOptions({}))
  })

  it.each<[unknown, string]>([
    [{ temperature: -1 }, 'expected temperature to be a number from 0 to 1000000, got -1; change it or leave it out'],
    [{ temperature: 'hot' }, 'expected temperature to be a number from 0 to 1000000, got "hot"'],
    [{ temperature: NaN }, 'expected temperature to be a number from 0 to 1000000, got NaN'],
    [{ temperature: 1e308 }, 'expected temperature to be a number from 0 to 1000000, got 1e+308'],
    [{ topK: 1.5 }, 'expected topK to be a whole number of 0 or more, got 1.5'],
    [{ topP: 1.1 }, 'expected topP to be a number from 0 to 1, got 1.1'],
    [{ repeatPenalty: 0 }, 'expected repeatPenalty to be a number from 0.000001 to 1000000, got 0'],
    [{ repeatLastN: -2 }, 'expected repeatLastN to be a whole number of -1 or more, got -2'],
    [{ seed: 0.5 }, 'expected seed to be a whole number, got 0.5'],
    [{ logitBias: { the: 1 } }, 'expected logitBias.the to be a token id, got the'],
    [{ logitBias: { 5: 'never' } }, `expected logitBias.5 to be ${bias}, got "never"`],
    [{ logitBias: { 5: Infinity } }, `expected logitBias.5 to be ${bias}, got Infinity`],
    [{ logitBias: { 5: 3.5e38 } }, `expected logitBias.5 to be ${bias}, got 3.5e+38`],
    [{ logitBias: { 5: -1000001 } }, `expected logitBias.5 to be ${bias}, got -1000001`],
    [{ temperatur: 1 }, 'expected sampling options, got temperatur; the options are temperature, topK'],
    [null, 'expected sampling options to be an object, got null'],
  ])('refuse %j with a sentence', (options, sentence) => {
    expect(() => resolveSampleOptions(options as SampleOptions)).toThrow(sentence)
    expect(() => createSampler(options as SampleOptions)).toThrow(UsageError)
  })

  it('take the largest bias, and each way to say never', () => {
    for (const value of [1e6, -1e6, -Infinity, null]) {
      expect(resolveSampleOptions({ logitBias: { 5: value } }).logitBias).toEqual({ 5: value })
    }
  })

  it('refuse a bias on a token that the vocabulary does not have', () => {
    const sampler = createSampler({ logitBias: { 3: 1 } })
    expect(() => sampler.draw(Float32Array.of(1, 2, 3), [], 0)).toThrow(
      'expected token ids below 3 in logitBias, got 3; remove it',
    )
  })

  it('each explain themselves', () => {
    for (const [name, schema] of Object.entries(sampleOptions.shape)) expect(schema.description, name).toMatch(/.{20}/)
  })
})
