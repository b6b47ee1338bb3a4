/** Formats: what they let come, what they force, how they follow trees, and which schemas are refused. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { loadTokenizer, type Tokenizer } from '../text/index.ts'
import { createTree } from '../tree/index.ts'
import { FormatCompiler, type AnswerConstraint, type AnswerForm, type JsonSchema } from './index.ts'

let tokenizer: Tokenizer
let formats: FormatCompiler
beforeAll(async () => {
  tokenizer = await loadTokenizer(inject('tinyModelPath'))
  formats = new FormatCompiler(tokenizer, tokenizer.vocabSize + 7)
})
afterAll(() => {
  formats[Symbol.dispose]()
  tokenizer[Symbol.dispose]()
})

const tokensOf = (text: string): number[] => tokenizer.tokenize(text)
const open = (form: AnswerForm): Promise<AnswerConstraint> => formats.open(form, 0)

/** May an answer be this text and end there? */
async function takes(form: AnswerForm, text: string): Promise<boolean> {
  using constraint = await open(form)
  const tokens = tokensOf(text)
  const prefix: number[] = []
  for (const token of [...tokens, tokenizer.eos ?? 0]) {
    if (!constraint.allows(prefix, token)) return false
    prefix.push(token)
  }
  return true
}

const person: JsonSchema = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer', minimum: 0 } },
  required: ['name', 'age'],
  additionalProperties: false,
}

describe('a format', () => {
  it.each<[AnswerForm, string, string]>([
    [{ type: 'json' }, '{"a": [1, {"b": null}]}', '[1]'],
    [{ type: 'json-schema', schema: person }, '{"name": "Ä", "age": 3}', '{"name": "Ä", "age": -3}'],
    [{ type: 'json-schema', schema: person }, '{"name": "", "age": 0}', '{"name": ""}'],
    [{ type: 'json-schema', schema: true }, '[true]', 'true false'],
    [{ type: 'regex', pattern: '[a-c]{2,3}' }, 'abc', 'abcd'],
    [{ type: 'choice', choices: ['yes', 'no "really"', 'ä\\n'] }, 'no "really"', 'no'],
    [{ type: 'choice', choices: ['yes', 'ä\\n'] }, 'ä\\n', 'ä\n'],
    [{ type: 'grammar', grammar: 'root ::= "a"+ tail\ntail ::= [0-9]' }, 'aa1', 'aa'],
  ])('%j takes %s, and not %s', async (form, good, bad) => {
    expect(await takes(form, good)).toBe(true)
    expect(await takes(form, bad)).toBe(false)
  })

  it('gives the same as a mask and token by token', async () => {
    using constraint = await open({ type: 'json-schema', schema: person })
    for (const text of ['', '{', '{"name": "a', '{"name": "a", "age": 1', '{"name": "a", "age": 1}']) {
      const prefix = tokensOf(text)
      const mask = constraint.allowed(prefix)
      for (let id = 0; id < tokenizer.vocabSize; id++) {
        const bit = ((mask[id >> 5] ?? 0) >>> (id & 31)) & 1
        expect(constraint.allows(prefix, id), `${text} then ${id}`).toBe(bit === 1)
      }
      for (let id = tokenizer.vocabSize; id < tokenizer.vocabSize + 7; id++)
        expect(((mask[id >> 5] ?? 0) >>> (id & 31)) & 1, `${text} then ${id} of ${tokenizer.vocabSize}`).toBe(0)
    }
  })

  it('begins where the answer does', async () => {
    using constraint = await formats.open({ type: 'choice', choices: ['yes'] }, 2)
    const [y] = tokensOf('y')
    expect(constraint.allows([7, 8], y!)).toBe(true)
    expect(constraint.allows([7, 8, y!], y!)).toBe(false)
  })
})

it('behind the end anything may come', async () => {
  using constraint = await open({ type: 'choice', choices: ['a'] })
  const ended = [...tokensOf('a'), tokenizer.eos!]
  expect(constraint.allows(ended, 40)).toBe(true)
  expect(constraint.allowed(ended)[1]).toBe(-1)
  expect(constraint.allows(tokensOf('a'), 40)).toBe(false)
})

describe('a tree', () => {
  it('loses what cannot come, with all below it', async () => {
    using constraint = await open({ type: 'choice', choices: ['abcd', 'abX'] })
    const [a, b, c, d, x] = ['a', 'b', 'c', 'd', 'X'].map((text) => tokensOf(text)[0]!)
    const tree = createTree(a!)
    const good = tree.add(0, b!, -1)
    const wrong = tree.add(0, c!, -1)
    const below = tree.add(wrong, d!, -1)
    const deeper = tree.add(good, x!, -1)
    const alsoWrong = tree.add(good, d!, -1)
    expect(constraint.reachable([a!], tree)).toEqual([good, deeper])
    expect([below, alsoWrong]).toEqual([3, 5])
    // A question about a tree leaves no trace.
    expect(constraint.allows([a!], b!)).toBe(true)
  })

  it('gets what must come, as far as it must, and the end', async () => {
    using constraint = await open({ type: 'choice', choices: ['abcd', 'abcXYZ'] })
    expect(tokenizer.detokenize(constraint.forced(tokensOf('a'), [], 16))).toBe('bc')
    expect(constraint.forced(tokensOf('a'), [], 1)).toHaveLength(1)
    const path = tokensOf('bcX')
    const rest = constraint.forced(tokensOf('a'), path, 16)
    expect(tokenizer.detokenize(rest)).toBe('YZ')
    expect(rest.at(-1)).toBe(tokenizer.eos)
    expect(constraint.forced(tokensOf('a'), tokensOf('Q'), 16)).toEqual([])
    expect(constraint.forced([...tokensOf('abcd'), tokenizer.eos!], [], 16)).toEqual([])
  })
})

describe('schemas', () => {
  it.each<[string, JsonSchema]>([
    ['not', { not: { type: 'string' } }],
    ['multipleOf', { type: 'integer', multipleOf: 3 }],
    ['uniqueItems', { type: 'array', uniqueItems: true }],
    ['exclusiveMinimum', { type: 'number', exclusiveMinimum: 0 }],
    ['allOf', { allOf: [{ type: 'object' }, { type: 'object' }] }],
    ['properties', { anyOf: [{ type: 'object' }], properties: {} }],
    ['pattern', { type: 'string', pattern: 'a', maxLength: 3 }],
    ['maxLength', { type: 'string', maxLength: 1e9 }],
    ['"q"', { type: 'object', properties: {}, required: ['q'] }],
    ['#/properties/a/items', { type: 'object', properties: { a: { items: { if: true } } } }],
    ['nonsense', { type: 'nonsense' }],
    ['nowhere', { $ref: '#/nowhere' }],
  ])('with %s are refused by name', async (word, schema) => {
    const refused = formats.prepare({ type: 'json-schema', schema })
    await expect(refused).rejects.toMatchObject({ code: 'bad-option' })
    await expect(refused).rejects.toThrow(word)
    await expect(refused).rejects.toThrow(/^expected .*, got .*; change/)
  })

  it('that cannot be read leave others as they were', async () => {
    using constraint = await open({ type: 'json-schema', schema: person })
    const bad = ['root ::= nowhere', 'root', '((((', 'root ::= "a']
    for (const grammar of bad)
      await expect(formats.prepare({ type: 'grammar', grammar })).rejects.toThrow(/^expected a/)
    for (const pattern of ['(', '[', 'a{3,1}']) {
      await expect(formats.prepare({ type: 'regex', pattern })).rejects.toThrow(/^expected a regex/)
    }
    expect(constraint.allows([], tokensOf('{')[0]!)).toBe(true)
    expect(await takes({ type: 'json-schema', schema: person }, '{"name": "x", "age": 1}')).toBe(true)
  })
})
