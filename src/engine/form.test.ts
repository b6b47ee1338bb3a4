/** Forms of requests: arguments of calls are objects, or the tools are refused. */
import { describe, expect, it } from 'vitest'
import { formOf } from './form.ts'

type Parameters = Readonly<Record<string, unknown>>

const formWith = (parameters: Parameters | undefined) =>
  formOf({ tools: [{ name: 'look', parameters }], toolChoice: 'required' })
const text = { type: 'string' }
const object = { type: 'object', properties: { a: text } }

describe('parameters of tools', () => {
  it.each<Parameters | undefined>([
    undefined,
    {},
    { properties: { a: text } },
    object,
    { $ref: '#/$defs/s', $defs: { s: object } },
    { $ref: '#/$defs/s', $defs: { s: { $ref: '#/$defs/t' }, t: { properties: {} } } },
    { anyOf: [object, { allOf: [object] }] },
    { enum: [{ a: 1 }, {}] },
  ])('that are objects make a form: %j', (parameters) => {
    expect(formWith(parameters)).toMatchObject({ type: 'tags', tags: [{ schema: { type: 'object' } }] })
  })

  it.each<Parameters>([
    { type: 'string' },
    { type: 'array', items: text },
    { type: ['null'] },
    { type: ['object', 'null'], properties: {} },
    { type: null },
    { $ref: '#/$defs/s', $defs: { s: text } },
    { $ref: '#/$defs/nowhere', $defs: {} },
    { $ref: '#/$defs/toString', $defs: {} },
    { $ref: 'https://example.org/s' },
    { anyOf: [object, { type: 'null' }] },
    { oneOf: [{ const: 1 }] },
    { allOf: [text] },
    { enum: [{}, 'a'] },
    { const: null },
  ])('that are not are refused: %j', (parameters) => {
    const refused = /^expected parameters of tools that are objects .*, got others for look; change the tools$/
    expect(() => formWith(parameters)).toThrow(refused)
  })
})
