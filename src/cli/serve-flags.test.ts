import { describe, expect, it } from 'vitest'
import { samplingFlags } from './options.ts'
import { serveFlags, servedSampling } from './serve-flags.ts'

const parse = (name: string, text: string): unknown => serveFlags.flags.find((flag) => flag.name === name)?.parse(text)

describe('the flags of sampling', () => {
  it('are those of run, but for the temperature, which is 1 as the server has it', () => {
    const defaults = ({ flags }: typeof samplingFlags): object =>
      Object.fromEntries(flags.map(({ name, defaultValue, meaning }) => [name, { defaultValue, meaning }]))
    const ofRun = defaults(samplingFlags) as Record<string, { meaning: string }>
    const ofServe = { ...ofRun, temperature: { ...ofRun['temperature'], defaultValue: 1 } }
    expect(defaults(servedSampling)).toEqual(ofServe)
    const temperature = servedSampling.flags.find(({ name }) => name === 'temperature')
    expect(() => temperature?.parse('hot')).toThrow('leave it out for the default (1)')
  })
})

describe('limits of time', () => {
  it.each([
    ['answer-seconds', '604800', '604801'],
    ['drain-seconds', '86400', '2147484'],
    ['client-seconds', '86400', '86401'],
  ])('--%s takes %s and refuses %s, with the most that it takes', (name, most, more) => {
    expect(parse(name, most)).toBe(Number(most))
    expect(() => parse(name, more)).toThrow(most)
  })
})
