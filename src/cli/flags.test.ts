import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { flagsOf, readFlags, show } from './flags.ts'

const schema = z.strictObject({
  method: z.literal('test'),
  maxNgram: z.int().min(1).max(16).default(5).describe('Longest run.'),
  share: z.number().gt(0).max(1).optional().describe('GGUF share'),
  strict: z.boolean().default(true).describe('be strict'),
  kind: z.enum(['one', 'two']).default('one'),
  names: z
    .array(z.enum(['a', 'b']))
    .min(1)
    .default(['a']),
  edges: z.array(z.number().min(0), 'a list of numbers of at least 0').max(3).default([]),
  bias: z.record(z.string(), z.number()).default({}),
  spoken: z.number('a share from 0 to 1').max(1, 'a share from 0 to 1').default(1),
})
const flags = flagsOf(schema, 'test', ['method'])
const flag = (property: string) => flags.find((candidate) => candidate.property === property)!

describe('flagsOf', () => {
  it('names flags by method and property', () => {
    expect(flags.map(({ name }) => name)).toEqual([
      'test-max-ngram',
      'test-share',
      'test-strict',
      'test-kind',
      'test-names',
      'test-edges',
      'test-bias',
      'test-spoken',
    ])
    expect(flag('maxNgram').attribute).toBe('testMaxNgram')
  })

  it('reads type, range, default and meaning from the schema', () => {
    expect(flag('maxNgram')).toMatchObject({
      type: 'integer',
      expected: 'a whole number from 1 to 16',
      defaultValue: 5,
      meaning: 'longest run',
    })
    expect(flag('share')).toMatchObject({
      expected: 'a number of more than 0 and at most 1',
      meaning: 'GGUF share',
      defaultValue: undefined,
    })
    expect(flag('kind')).toMatchObject({ type: 'choice', choices: ['one', 'two'], expected: 'one of one, two' })
    expect(flag('names')).toMatchObject({ type: 'list', expected: 'a comma-separated list of a, b' })
    expect(flag('spoken').expected).toBe('a share from 0 to 1')
  })

  it('parses what was typed', () => {
    expect(flag('maxNgram').parse('16')).toBe(16)
    expect(flag('names').parse('a, b')).toEqual(['a', 'b'])
    expect(flag('edges').parse('0.5, 2,1e1')).toEqual([0.5, 2, 10])
    expect(show(flag('edges').defaultValue)).toBe('none')
    expect(flag('bias').parse('7=-1.5', flag('bias').parse('3=2'))).toEqual({ 3: 2, 7: -1.5 })
  })

  it.each([
    [
      'maxNgram',
      'hot',
      "expected a whole number from 1 to 16 for --test-max-ngram, got 'hot'; leave it out for the default (5)",
    ],
    [
      'maxNgram',
      '17',
      "expected a whole number from 1 to 16 for --test-max-ngram, got '17'; leave it out for the default (5)",
    ],
    [
      'maxNgram',
      '',
      "expected a whole number from 1 to 16 for --test-max-ngram, got ''; leave it out for the default (5)",
    ],
    ['share', '0', "expected a number of more than 0 and at most 1 for --test-share, got '0'; see --help"],
    ['kind', 'three', "expected one of one, two for --test-kind, got 'three'; leave it out for the default (one)"],
    [
      'edges',
      '1,,2',
      "expected a list of numbers of at least 0 for --test-edges, got '1,,2'; leave it out for the default (none)",
    ],
    [
      'names',
      'a,c',
      "expected a comma-separated list of a, b for --test-names, got 'a,c'; leave it out for the default (a)",
    ],
    [
      'bias',
      '7',
      "expected a pair like 42=-1.5 of token id and number for --test-bias, got '7'; leave it out for the default (none)",
    ],
  ])('refuses --%s %s in one sentence', (property, text, message) => {
    expect(() => flag(property).parse(text)).toThrow(expect.objectContaining({ code: 'bad-option', message }))
  })
})

describe('readFlags', () => {
  it('takes what was typed and nothing else', () => {
    expect(readFlags({ testMaxNgram: 3, testStrict: false, other: 1 }, flags)).toEqual({ maxNgram: 3, strict: false })
  })

  it('ignores what commander fills in for a "--no-" that nobody typed', () => {
    expect(readFlags({ testStrict: true }, flags)).toEqual({})
  })
})

describe('show', () => {
  it('writes values as they are typed', () => {
    expect([show(['a', 'b']), show({ 7: -1 }), show({}), show(0.5)]).toEqual(['a,b', '7=-1', 'none', '0.5'])
  })
})
