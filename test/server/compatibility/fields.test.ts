/** Every field on the page of compatibility: supported ones do something, others take one value and give their reason; no field is missing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../../src/engine/index.ts'
import { closeTiny, openTiny } from '../open.ts'
import { chats, shared, texts } from './cases.ts'
import { messageCases } from './messages.ts'
import { codeOf, codesOf, readTables, readUnknownFields, rowsOf, type Row } from './page.ts'
import { CHAT, messages, TEXT, worldOf, type FieldCase, type World } from './world.ts'

const tables = await readTables()
const supported = (section: string): readonly Row[] => rowsOf(tables, `Supported fields / ${section}`, 'Field')
const single = (section: string): readonly Row[] => rowsOf(tables, section, 'Why not more')
const named = (rows: readonly Row[]): (readonly [string, Row])[] => rows.map((row) => [codeOf(row['Field']), row])

let engine: Engine & { readonly folder: string }
let world: World
beforeAll(async () => {
  engine = await openTiny()
  world = worldOf(engine)
})
afterAll(() => closeTiny(engine))

const bodies: Readonly<Record<string, object>> = {
  [CHAT]: { messages, max_tokens: 1 },
  [TEXT]: { prompt: 'one', max_tokens: 1 },
  '/v1/embeddings': { input: 'red' },
}

/** What is sent beside a field; a field of this name is left to the test. */
function bodyFor(path: string, name: string): object {
  return Object.fromEntries(Object.entries(bodies[path] ?? {}).filter(([key]) => key !== name))
}

function caseOf(cases: Readonly<Record<string, FieldCase>>, name: string): FieldCase {
  const found = cases[name]
  if (!found) throw new Error(`expected a test of ${name}, which is on the page, got none; add it to cases.ts`)
  return found
}

describe.each([
  ['Everywhere', shared, [CHAT, TEXT]],
  ['Chats', chats, [CHAT]],
  ['Plain texts', texts, [TEXT]],
] as const)('supported: %s', (section, cases, paths) => {
  it.each(named(supported(section)))('%s does what the page says', async (name) => {
    await caseOf(cases, name).check(world)
  })

  it.each(named(supported(section)))('%s with a wrong value is refused by name', async (name) => {
    const { bad, status = 400, beside } = caseOf(cases, name)
    for (const path of paths) {
      const { json, ...refused } = await world.send(path, { ...bodyFor(path, name), ...beside, [name]: bad })
      expect(refused.status, path).toBe(status)
      expect(json.error?.param?.split(/[.[]/)[0], path).toBe(name)
    }
  })

  it.each(named(supported(section)))('%s may be null', async (name) => {
    if (name === 'messages' || name === 'prompt') return
    for (const path of paths) {
      expect((await world.send(path, { ...bodyFor(path, ''), [name]: null })).status, path).toBe(200)
    }
  })
})

describe('fields of messages', () => {
  it.each(named(supported('Messages')))('%s', async (name) => {
    const found = messageCases[name]
    expect(found, `a test of ${name}`).toBeDefined()
    const sent = async (more: readonly object[]) =>
      world.send(CHAT, { messages: [...messages, ...more], max_tokens: 1 })
    const good = await sent(found?.good ?? [])
    expect(good.status, good.text).toBe(200)
    if (!found?.bad) return
    const { status, json } = await sent(found.bad)
    expect([status, json.error?.param?.split(/[.[]/).at(-1)]).toEqual([400, name])
  })
})

/** Another value of the same kind, which is not the one that is taken. */
function another(taken: unknown): unknown {
  if (typeof taken === 'boolean') return !taken
  if (typeof taken === 'number') return taken + 3
  if (Array.isArray(taken)) return ['other']
  return typeof taken === 'object' && taken !== null ? { other: 1 } : 'other'
}

describe.each([
  ['Fields with one value / Everywhere', [CHAT, TEXT]],
  ['Fields with one value / Chats', [CHAT]],
  ['Fields with one value / Plain texts', [TEXT]],
  ['Embeddings', ['/v1/embeddings']],
] as const)('with one value: %s', (section, paths) => {
  it.each(named(single(section)))('%s', async (name, row) => {
    const taken = codesOf(row['heterospec']).map((code) => JSON.parse(code) as unknown)
    expect(row['heterospec']).toMatch(/^only `/)
    for (const path of paths) {
      for (const value of [...taken, null]) {
        const { status, text } = await world.send(path, { ...bodies[path], [name]: value })
        expect(status, `${path} ${JSON.stringify(value)} ${text}`).toBe(200)
      }
      const { status, json } = await world.send(path, { ...bodies[path], [name]: another(taken[0]) })
      expect(status, path).toBe(400)
      const { param, code, message } = json.error ?? {}
      expect([name, `${name}[0]`, `${name}.other`]).toContain(param)
      expect(code).toBe('unsupported_parameter')
      expect(message).toContain(row['Why not more'])
    }
  })
})

describe('the page', () => {
  it('has every field of every request, and no others', async () => {
    const { text } = await world.send('/openapi.json', undefined)
    const { components } = JSON.parse(text) as { components: { schemas: Readonly<Record<string, Schema>> } }
    const fieldsOf = (name: string, wanted: 'any' | 'single'): string[] =>
      Object.entries(components.schemas[name]?.properties ?? {})
        .filter(([, { description = '' }]) => wanted === 'any' || description.startsWith('Only '))
        .map(([field]) => field)
        .sort()
    const names = (...groups: (readonly Row[])[]): string[] =>
      groups
        .flat()
        .map((row) => codeOf(row['Field']))
        .sort()
    const one = (section: string): readonly Row[] => single(`Fields with one value / ${section}`)
    const chat = [one('Everywhere'), one('Chats')]
    const plain = [one('Everywhere'), one('Plain texts')]
    expect(names(...chat)).toEqual(fieldsOf('ChatCompletionRequest', 'single'))
    expect(names(...plain)).toEqual(fieldsOf('CompletionRequest', 'single'))
    expect(names(supported('Everywhere'), supported('Chats'), ...chat)).toEqual(
      fieldsOf('ChatCompletionRequest', 'any'),
    )
    expect(names(supported('Everywhere'), supported('Plain texts'), ...plain)).toEqual(
      fieldsOf('CompletionRequest', 'any'),
    )
    const embeddings = rowsOf(tables, 'Embeddings', 'Meaning here')
    expect(names(embeddings, single('Embeddings'))).toEqual(fieldsOf('EmbeddingRequest', 'any'))
    expect(names(supported('Messages'))).toEqual(fieldsOf('Message', 'any'))
    const requests = { Tokenize: '/tokenize', Detokenize: '/detokenize', Template: '/apply-template' }
    for (const [schema, path] of Object.entries(requests)) {
      const rows = supported('Token paths').filter((row) => codeOf(row['At']) === path)
      expect(names(rows)).toEqual(fieldsOf(`${schema}Request`, 'any'))
    }
  })

  it('says how each peer takes each field, and tells unknown ones from these', async () => {
    const unsaid = tables.flatMap(({ columns, rows }) =>
      columns.includes('vLLM') ? rows.filter((row) => !row['llama-server'] || !row['vLLM'] || !row['heterospec']) : [],
    )
    expect(unsaid).toEqual([])
    const unknown = await readUnknownFields()
    expect(unknown.length).toBeGreaterThan(20)
    for (const name of unknown) {
      const { status, json } = await world.send(CHAT, { ...bodies[CHAT], [name]: 1 })
      expect([status, json.error?.param, json.error?.code]).toEqual([400, name, 'unknown_parameter'])
    }
  })
})

interface Schema {
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>
}
