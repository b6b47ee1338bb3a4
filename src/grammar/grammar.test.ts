/** Formats: what they let come, what they force, how they follow trees, and which schemas are refused. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { loadTokenizer, type Tokenizer } from '../text/index.ts'
import { createTree } from '../tree/index.ts'
import { uniformAt } from '../util/rng.ts'
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

/** The token of one byte. */
function tokenOf(byte: number): number {
  const ids = Array.from({ length: tokenizer.vocabSize }, (_, id) => id)
  return ids.find((id) => tokenizer.bytes(id).length === 1 && tokenizer.bytes(id)[0] === byte) ?? -1
}

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
    [{ type: 'json-schema', schema: { type: ['number', 'null'], exclusiveMinimum: 0 } }, 'null', '0.0'],
    [{ type: 'json-schema', schema: { type: 'array', items: { type: 'number', maximum: 1 } } }, '[-3, 0.5]', '[1.5]'],
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

describe('lengths of strings', () => {
  /** What may come. The last word of a mask has bits beyond the vocabulary, which mean nothing. */
  const idsOf = (constraint: AnswerConstraint, prefix: readonly number[]): number[] => {
    const mask = constraint.allowed(prefix)
    return Array.from({ length: tokenizer.vocabSize }, (_, id) => id).filter((id) => (mask[id >> 5]! >>> (id & 31)) & 1)
  }
  const character = String.raw`([^"\\\x00-\x1f]|\\(["\\/bfnrt]|u[0-9a-fA-F]{4}))`
  const object = (properties: Record<string, JsonSchema>): JsonSchema => ({
    ...{ type: 'object', properties, required: Object.keys(properties), additionalProperties: false },
  })
  const two = object({
    a: { type: 'string', minLength: 2, maxLength: 24 },
    b: { type: ['string', 'null'], maxLength: 30 },
  })
  const pattern = `\\{"a": "${character}{2,24}", "b": ("${character}{0,30}"|null)\\}`

  it.each([
    ['', true],
    ['x'.repeat(30), true],
    ['x'.repeat(31), false],
    ['ä'.repeat(30), true],
    ['ä'.repeat(31), false],
    ['\\n'.repeat(30), true],
    ['\\n'.repeat(31), false],
    [`${'x'.repeat(29)}\\u00e4`, true],
    [`${'x'.repeat(30)}\\u00e4`, false],
    ['a\tb', false],
  ])('hold: %j is %s', async (text, good) => {
    const schema: JsonSchema = { type: 'string', maxLength: 30 }
    expect(await takes({ type: 'json-schema', schema }, `"${text}"`)).toBe(good)
  })

  it('of 0 at least are no lengths', async () => {
    for (const text of ['""', '"ab"', '"\\""']) {
      expect(await takes({ type: 'json-schema', schema: { type: 'string', minLength: 0 } }, text)).toBe(true)
    }
  })

  it('give the masks that a grammar would give which counts itself, wherever an answer goes', async () => {
    using limited = await open({ type: 'json-schema', schema: two })
    using counted = await open({ type: 'regex', pattern })
    const content = ['x', 'hello', ' ', 'ä', '\\n', '\\u00e4', '\\"', '€', 'the ', '1']
    const ends = ['"', '", "b": "', '", "b": null}', '"}']
    let full = 0
    for (let walk = 0; walk < 12; walk++) {
      const prefix: number[] = tokensOf('{"a": "')
      for (let step = 0; step < 60 && prefix.at(-1) !== tokenizer.eos; step++) {
        const text = tokenizer.detokenize(prefix)
        expect(idsOf(limited, prefix), text).toEqual(idsOf(counted, prefix))
        // Stays in a string until it is full, most of the time.
        const pieces = step % 20 < 17 ? content : ends
        const wanted = tokensOf(pieces[Math.floor(uniformAt(walk, step) * pieces.length)]!)
        const refused = wanted.findIndex(
          (token, index) => !counted.allows([...prefix, ...wanted.slice(0, index)], token),
        )
        wanted.slice(0, refused < 0 ? wanted.length : refused + 1).forEach((token, index) => {
          const before = [...prefix, ...wanted.slice(0, index)]
          expect(limited.allows(before, token), text).toBe(counted.allows(before, token))
        })
        prefix.push(...wanted.slice(0, refused < 0 ? wanted.length : refused))
        if (refused >= 0 && pieces === content) full++
      }
    }
    expect(full).toBeGreaterThan(20)
    // A string that is too short may not end.
    using again = await open({ type: 'json-schema', schema: two })
    for (const text of ['{"a": "', '{"a": "x', '{"a": "xy', '{"a": "\\', '{"a": "\\"']) {
      expect(idsOf(again, tokensOf(text)), text).toEqual(idsOf(counted, tokensOf(text)))
    }
  })

  it('hold along a tree, and between the marks of tools', async () => {
    const schema = object({ a: { type: 'string', maxLength: 20 } })
    const tag = { trigger: '<call>', begin: '<call>', schema, strict: true, end: '</call>' }
    const form: AnswerForm = { type: 'tags', tags: [tag], required: false, single: false }
    const call = (length: number): string => `free "text" <call>{"a": "${'x'.repeat(length)}"}</call>`
    expect(await takes(form, call(20))).toBe(true)
    expect(await takes(form, call(21))).toBe(false)
    using constraint = await open({ type: 'json-schema', schema })
    const prefix = tokensOf(`{"a": "${'y '.repeat(9)}`)
    const [y] = tokensOf('y')
    const tree = createTree(prefix.at(-1)!)
    const chain = [y!, y!, y!].reduce<number[]>(
      (nodes, token) => [...nodes, tree.add(nodes.at(-1) ?? 0, token, -1)],
      [],
    )
    expect(constraint.reachable(prefix, tree)).toEqual(chain.slice(0, 2))
    expect(constraint.reachable(prefix, tree)).toEqual(chain.slice(0, 2))
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

describe('names and items', () => {
  it('of any spelling are written as JSON', async () => {
    const strange = ['a"b', 'c\\d', 'e\nf', '\x7f', 'é😀"']
    const properties = Object.fromEntries(strange.map((name) => [name, { type: 'null' }]))
    const form: AnswerForm = {
      type: 'json-schema',
      schema: { type: 'object', properties, required: strange.slice(0, 4) },
    }
    const spelled = strange.map((name) => `${JSON.stringify(name)}: null`)
    expect(await takes(form, `{${spelled.join(', ')}}`)).toBe(true)
    expect(await takes(form, `{${spelled.slice(0, 4).join(', ')}}`)).toBe(true)
    expect(await takes(form, `{${spelled.slice(1).join(', ')}}`)).toBe(false)
  })

  it('that no property may have are left out', async () => {
    const schema = { type: 'object', properties: { a: false, b: { type: 'null' } } }
    expect(await takes({ type: 'json-schema', schema }, '{"b": null}')).toBe(true)
    expect(await takes({ type: 'json-schema', schema }, '{"a": null}')).toBe(false)
  })

  it.each<[JsonSchema, string, string]>([
    [{ type: 'array', minItems: 3 }, '[1, "a", null]', '[1, 2]'],
    [{ type: ['array', 'null'], minItems: 2, maxItems: 2 }, '[1, 2]', '[1, 2, 3]'],
    [{ type: 'array', maxItems: 1 }, '[{}]', '[1, 2]'],
    [{ type: 'array', prefixItems: [{ type: 'null' }], minItems: 2 }, '[null, 1]', '[null]'],
    [{ type: 'array', prefixItems: [{ type: 'null' }] }, '[null]', '[1]'],
  ])('of %j may be any, as many as there must be: %s, and not %s', async (schema, good, bad) => {
    expect(await takes({ type: 'json-schema', schema }, good)).toBe(true)
    expect(await takes({ type: 'json-schema', schema }, bad)).toBe(false)
  })
})

it.each<[format: string, good: readonly string[], bad: readonly string[]]>([
  ['email', ['a.b+c@d-e.example', "o'x@y"], ['a', '@b', 'a@-b', '\\"\\x\\"@b']],
  ['json-pointer', ['', '/a/~0b/~1', '/あ'], ['a', '/~2', '/\n', '/"']],
  ['relative-json-pointer', ['0#', '1/a'], ['01#', '/a', '1/"']],
  ['date-time', ['2024-02-29T23:59:59Z', '2024-01-01T00:00:00.5+02:00'], ['2024-02-29T23:60:00Z', '2024-01-01']],
])('format %s takes %j, and not %j', async (format, good, bad) => {
  const form: AnswerForm = { type: 'json-schema', schema: { type: ['string', 'null'], format } }
  for (const text of good) expect(await takes(form, `"${text}"`), text).toBe(true)
  for (const text of bad) expect(await takes(form, `"${text}"`), text).toBe(false)
})

describe('values', () => {
  it.each<[schema: JsonSchema, values: readonly unknown[], others: readonly unknown[]]>([
    [{ enum: [1, 2, 3], minimum: 3 }, [3], [1, 2]],
    [{ type: ['integer', 'null'], enum: ['a', 1, 1.5, null, 4], exclusiveMaximum: 4 }, [1, null], ['a', 1.5, 4]],
    [{ type: 'string', enum: ['a', 'abc', '日本', '😀'], minLength: 2 }, ['abc', '日本'], ['a', '😀']],
    [{ enum: [{ a: 1, b: 2 }, 3], const: { b: 2, a: 1 } }, [{ a: 1, b: 2 }], [3]],
    [{ const: 'x', type: 'string' }, ['x'], ['y']],
  ])('of %j that keep to the rest come: %j, and not %j', async (schema, values, others) => {
    // The library's spelling has spaces.
    const spell = (value: unknown): string => JSON.stringify(value).replaceAll(/[:,]/g, '$& ')
    for (const value of values)
      expect(
        (await takes({ type: 'json-schema', schema }, JSON.stringify(value))) ||
          (await takes({ type: 'json-schema', schema }, spell(value))),
      ).toBe(true)
    for (const value of others) expect(await takes({ type: 'json-schema', schema }, spell(value))).toBe(false)
  })

  it('have no control characters where several strings share a place', async () => {
    const t = { anyOf: [{ const: 'a' }, { const: 'b' }] }
    const properties = { t, s: { type: 'string', maxLength: 17 } }
    const schema = { type: 'object', properties, required: ['t', 's'] }
    expect(await takes({ type: 'json-schema', schema }, '{"t": "b", "s": "12345678901234567"}')).toBe(true)
    for (const bad of ['\u0003', '\n', '\u001f', '123456789012345678']) {
      expect(await takes({ type: 'json-schema', schema }, `{"t": "a", "s": "${bad}"}`)).toBe(false)
    }
  })
})

describe('a pattern', () => {
  it.each<[pattern: string, values: readonly string[], others: readonly string[]]>([
    ['a|b', ['a', 'b'], ['ab', '']],
    ['^a|b$', ['a', 'b'], ['ab']],
    ['^[a-z]{2,4}$|^[0-9]$', ['ab', '1'], ['a', '12', '"']],
    ['^(foo|bar)?$', ['', 'foo', 'bar'], ['foobar']],
    ['.', ['a', '"', '\\', 'あ', '\t', '😀'], ['', '\n']],
    ['[^a]', ['b', '"', '\\', '\n', 'あ'], ['a', '']],
    [String.raw`\S\D\W`, ['ab-', 'あいう', '"""'], [' b-', 'a1-', 'abc']],
    [String.raw`\s`, [' ', '\n', '\t'], ['a']],
    [String.raw`^a\nb$`, ['a\nb'], ['a b', 'ab']],
    [String.raw`["\\]{2}/\/`, ['"\\//', '""//'], ['"//']],
    [String.raw`[\u4e00-\u9fa5]{1,2}`, ['日', '日本'], ['', 'a', 'Q', 'か']],
    ['[あ-ん😀-😅]{3}', ['あいん', '😀😁あ'], ['{dj', 'あア😀']],
    [String.raw`\ud83d\ude00\u{1F601}\x41`, ['😀😁A'], ['A']],
    ['(?<year>[0-9]{4})(?:-[0-9]+?)*', ['2024', '2024-1-22'], ['2024-', '24']],
    ['(a*)*(|b)+', ['', 'aab'], ['c']],
  ])('%j is kept by strings that are JSON: %j, and not %j', async (pattern, values, others) => {
    const form: AnswerForm = { type: 'json-schema', schema: { type: 'string', pattern } }
    const regex: AnswerForm = { type: 'regex', pattern }
    for (const value of values) {
      expect(await takes(form, JSON.stringify(value)), value).toBe(true)
      expect(await takes(regex, value), value).toBe(true)
    }
    for (const value of others) {
      expect(await takes(form, JSON.stringify(value)), value).toBe(false)
      expect(await takes(regex, value), value).toBe(false)
    }
    for (const text of ['"a', '"\n"', '"""', '"\\"', '"a\nb"', 'a']) expect(await takes(form, text), text).toBe(false)
  })

  it.each([
    ...[
      '(',
      '[',
      ')',
      'a{3,1}',
      'a**',
      '*a',
      '(?=a)',
      '(?<!a)b',
      '(?i)a',
      '\\p{L}',
      '(a)\\1',
      '\\bx',
      'a^b',
      '(a$)b',
      '[z-a]',
    ],
    ...['[^ä]', '[\\u0100-\\uffff]', '[\\u4e00-\\u9fa5]{3}', '\\ud83d', '[]', '\\', '('.repeat(60) + ')'.repeat(60)],
  ])('%j is refused by name', async (pattern) => {
    const error = /^expected a (regex|"pattern") .*, got .*; change it$/
    await expect(formats.prepare({ type: 'regex', pattern })).rejects.toThrow(error)
    await expect(formats.prepare({ type: 'json-schema', schema: { type: 'string', pattern } })).rejects.toThrow(error)
  })

  it('that would need control characters without a short escape is refused in JSON', async () => {
    await formats.prepare({ type: 'regex', pattern: '\\x01' })
    const schema = { type: 'string', pattern: '\\x01' }
    await expect(formats.prepare({ type: 'json-schema', schema })).rejects.toThrow(
      /^expected a "pattern" .*; change it$/,
    )
  })
})

describe('sets of characters in a grammar', () => {
  it.each<[grammar: string, texts: readonly string[], others: readonly string[]]>([
    ['root ::= [あ-ん]+', ['あ', 'んあ'], ['', 'B', '{dj', 'ア']],
    ['root ::= [😀-😅]{2}', ['😀😅'], ['😀', '😆😀', 'aa']],
    ['root ::= [ä-üa-c-]', ['ä', 'ü', 'a', '-'], ['d', 'ý', 'ǻ']],
    [String.raw`root ::= [\u3042-\u3093\U0001F600x]`, ['あ', '😀', 'x'], ['B', '0']],
    [String.raw`root ::= [\x80-\U0010ffff] [^\x00-\x1f\x7f] # [ä`, ['あa', 'äあ'], ['aa', 'あ\n']],
    [String.raw`root ::= [ -\U0010ffff]`, ['a', 'あ', '😀'], ['\n']],
    [String.raw`root ::= "[ä]\"" [\]\[\-\\]`, ['[ä]"]', '[ä]"[', '[ä]"-', '[ä]"\\'], ['ä]']],
  ])('%s takes %j, and not %j', async (grammar, texts, others) => {
    for (const text of texts) expect(await takes({ type: 'grammar', grammar }, text), text).toBe(true)
    for (const text of others) expect(await takes({ type: 'grammar', grammar }, text), text).toBe(false)
  })

  it.each(['root ::= [^ä]', 'root ::= [一-龥]{3}', String.raw`root ::= [\u0100-\uffff]`])(
    '%s is refused',
    async (grammar) => {
      await expect(formats.prepare({ type: 'grammar', grammar })).rejects.toThrow(/^expected a grammar .*; change it$/)
    },
  )
})

describe('what must come', () => {
  const wordsOf = (...choices: string[]): AnswerForm => ({ type: 'choice', choices })
  it.each<[AnswerForm, string]>([
    [wordsOf('日本語', '한국어'), '日本語'],
    [wordsOf('😀x', '😁x'), '😁x'],
    [wordsOf('é日😀'), 'é日😀'],
    [{ type: 'json-schema', schema: { enum: ['한국어', '日本語'] } }, '"日本語"'],
    [
      { type: 'json-schema', schema: { type: 'object', properties: { 名前: { type: 'null' } }, required: ['名前'] } },
      '{"名前": null}',
    ],
    [{ type: 'grammar', grammar: String.raw`root ::= "\u65e5" "x" | "\u65e6"` }, '日x'],
  ])('is known of %j from anywhere in %s, and may come', async (form, text) => {
    using constraint = await open(form)
    const bytes = [...new TextEncoder().encode(text)].map((byte) => tokenOf(byte))
    for (let length = 0; length <= bytes.length; length++) {
      const prefix = bytes.slice(0, length)
      for (const token of constraint.forced(prefix, [], 16)) {
        expect(constraint.allows(prefix, token), `after ${length} bytes`).toBe(true)
        prefix.push(token)
      }
    }
  })

  it('is known outside of characters, whatever was before', async () => {
    using constraint = await open(wordsOf('日本語', '한국어'))
    expect(tokenizer.detokenize(constraint.forced(tokensOf('日'), [], 16))).toBe('本語')
    expect(constraint.forced(tokensOf('日').slice(0, 1), [], 16)).toEqual([])
  })
})

describe('a format that no text fits, or none soon', () => {
  const within = (a: JsonSchema, required = ['a']): AnswerForm => {
    return { type: 'json-schema', schema: { type: 'object', properties: { a }, required, additionalProperties: false } }
  }
  const loop = { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }
  const endless: readonly AnswerForm[] = [
    { type: 'json-schema', schema: { $ref: '#' } },
    { type: 'json-schema', schema: { $ref: '#/$defs/a', $defs: loop } },
    { type: 'json-schema', schema: { anyOf: [{ $ref: '#' }] } },
    within({ $ref: '#/properties/a' }),
    within({ $ref: '#/properties/a' }, []),
    within({ $ref: '#' }),
    within({ type: 'array', items: { $ref: '#' }, minItems: 2 }),
    { type: 'grammar', grammar: 'root ::= "a" root' },
    { type: 'grammar', grammar: 'root ::= "x" | "a" b\nb ::= b' },
    {
      ...{ type: 'tags', required: true, single: true },
      tags: [{ trigger: '<t>', begin: '<t>', end: '</t>', strict: true, schema: { $ref: '#' } }],
    },
  ]
  it.each(endless)('is refused before any answer: %j', async (form) => {
    await expect(formats.prepare(form)).rejects.toThrow(/^expected a (schema|grammar) .* may never end; change it$/)
  })

  it.each<AnswerForm>([
    within({ type: 'array', minItems: 10_000, items: { const: 'x'.repeat(10_000) } }),
    { type: 'regex', pattern: '(a{1000}){1000}' },
  ])('is refused where the end is too far', async (form) => {
    await expect(formats.prepare(form)).rejects.toThrow(
      /^expected a (schema|regex) .* got one that may have \d+; change/,
    )
  })

  it('is none where it only takes long', async () => {
    const parts = { a: { type: 'string', minLength: 10_000 }, b: { const: 'xy'.repeat(30_000) } }
    const schema = { type: 'object', properties: parts, required: ['a', 'b'], additionalProperties: false }
    await formats.prepare({ type: 'json-schema', schema })
    using constraint = await open({ type: 'json-schema', schema: parts.b })
    const forced = constraint.forced([], [], 16)
    expect(forced).toEqual(tokensOf(JSON.stringify(parts.b.const)).slice(0, 16))
  })

  it('is none where recursion has a way out', async () => {
    expect(await takes(within({ anyOf: [{ $ref: '#' }, { type: 'null' }] }), '{"a": {"a": null}}')).toBe(true)
    expect(await takes(within({ $ref: '#' }, []), '{"a": {}}')).toBe(true)
    expect(await takes(within({ type: 'array', items: { $ref: '#' } }), '{"a": [{"a": []}]}')).toBe(true)
  })
})

describe('schemas', () => {
  it.each<[string, JsonSchema]>([
    ['not', { not: { type: 'string' } }],
    ['multipleOf', { type: 'integer', multipleOf: 3 }],
    ['uniqueItems', { type: 'array', uniqueItems: true }],
    ['exclusiveMinimum', { type: 'number', minimum: 3, exclusiveMinimum: true }],
    ['"minimum" 5 and "maximum" 4', { type: 'integer', minimum: 5, maximum: 4 }],
    ['"exclusiveMinimum" 1', { type: ['number', 'null'], exclusiveMinimum: 1, maximum: 1 }],
    ['allOf', { allOf: [{ type: 'object' }, { type: 'object' }] }],
    ['properties', { anyOf: [{ type: 'object' }], properties: {} }],
    ['pattern', { type: 'string', pattern: 'a', maxLength: 3 }],
    ['maxLength', { type: 'string', maxLength: 1e9 }],
    ['format', { type: 'string', format: 'date', maxLength: 30 }],
    ['type', { maxLength: 30 }],
    ['toString', { type: 'object', properties: {}, required: ['toString'] }],
    ['a "type" beside "minimum"', { minimum: 3, maximum: 5 }],
    ['a "type" beside "pattern"', { type: 'array', items: { pattern: '^a$' } }],
    ['a "type" beside "minItems"', { minItems: 2 }],
    ['"enum"', { type: 'integer', enum: ['a'] }],
    ['"minimum"', { enum: [1, 2], minimum: 3 }],
    ['"const"', { const: 'abc', maxLength: 2 }],
    ['"pattern"', { enum: ['a', 'b'], pattern: 'a' }],
    ['"enum"', { enum: [] }],
    ['"enum"', { enum: 'a' }],
    ['"q"', { type: 'object', properties: {}, required: ['q'] }],
    ['#/properties/a/items', { type: 'object', properties: { a: { items: { if: true } } } }],
    ['nonsense', { type: 'nonsense' }],
    ['nowhere', { $ref: '#/nowhere' }],
    ['references into the schema', { $ref: 'http://example.com/x' }],
    ['without "~" and "%"', { $ref: '#/$defs/a~1b', $defs: { 'a/b': { type: 'null' } } }],
    ['"a"', { type: 'object', properties: { a: false }, required: ['a'] }],
    ['"a" beside "additionalProperties"', { type: 'object', properties: { a: false }, additionalProperties: true }],
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
