/**
 * Checks of JSON Schemas before they become grammars. What a grammar cannot hold an answer to is refused by name: an answer
 * that only seems to keep to its schema is worse than an error. Where the schema is only a wish, it is left out.
 */
import { UsageError } from '../util/errors.ts'
import { boundKeys, numberRule } from './number-ranges.ts'
import { jsonPatternRule } from './regex.ts'
import type { JsonSchema } from './types.ts'
import { besideNoValues, choosingKeys, keptValues } from './values.ts'

/** Throws `bad-option` with the keyword and its place. */
export function checkSchema(schema: JsonSchema): void {
  checkSize(schema)
  copyChecked(schema, '#', 0, (trouble) => {
    throw trouble.error
  })
}

/** The schema without what an answer cannot be held to. Throws `bad-option` where that is all that can be done. */
export function relaxSchema(schema: JsonSchema): JsonSchema {
  checkSize(schema)
  return copyChecked(schema, '#', 0, (trouble) => {
    if (trouble.keys.length === 0) throw trouble.error
  }) as JsonSchema
}

// ---------------------------------------------------------------------------------------------------------------

/** Characters of a schema as JSON. */
const LONGEST = 100_000
/** Levels of a schema; references may go deeper. */
const DEEPEST = 64
/** Numbers of characters and items: a grammar has a state for each. */
const LARGEST_COUNT = 10_000

type Keywords = Readonly<Record<string, unknown>>

/** What cannot be held to, and the keywords without which the rest can. */
interface Trouble {
  readonly keys: readonly string[]
  readonly error: UsageError
}

/** Keywords that answers cannot be held to, and the values of them that ask for nothing. */
const refused: Readonly<Record<string, readonly unknown[]>> = {
  ...{ not: [], if: [], then: [], else: [], contains: [], minContains: [], maxContains: [], multipleOf: [] },
  ...{ dependentRequired: [], dependentSchemas: [], dependencies: [], propertyNames: [], patternProperties: [] },
  ...{ uniqueItems: [false], nullable: [false], unevaluatedItems: [false, true], $dynamicRef: [], $recursiveRef: [] },
}

/** Keywords that say nothing about what is valid, or only name things. */
const annotations: ReadonlySet<string> = new Set([
  ...['title', 'description', 'default', 'examples', 'example', 'deprecated', 'readOnly', 'writeOnly', '$comment'],
  ...['$schema', '$id', '$anchor', '$defs', 'definitions', 'contentMediaType', 'contentEncoding', 'type'],
])

const counts = ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties']
/** Keywords that are read without others. */
const alone = ['$ref', 'anyOf', 'oneOf', 'allOf']
/** Keywords that stand for a type of their own where none is given, and those that do not. */
const implying = ['properties', 'additionalProperties', 'unevaluatedProperties', 'items', 'prefixItems']
const needingType = [...counts, ...boundKeys, 'pattern']
/** Where a schema holds one more, a list of them, or several by name. */
const inOne = ['items', 'additionalProperties', 'unevaluatedProperties', 'additionalItems']
const inLists = ['anyOf', 'oneOf', 'allOf', 'prefixItems']
const inNames = ['properties', '$defs', 'definitions']

function checkSize(schema: JsonSchema): void {
  const size = JSON.stringify(schema).length
  if (size <= LONGEST) return
  throw new UsageError('bad-option', `expected a schema of at most ${LONGEST} characters, got ${size}; shorten it`)
}

/** A copy without the keywords of troubles that `report` lets pass. */
function copyChecked(schema: unknown, place: string, depth: number, report: (trouble: Trouble) => void): unknown {
  if (typeof schema === 'boolean') return schema
  if (!isObject(schema)) throw errorAt(place, 'a schema (an object, true or false)', 'something else')
  if (depth > DEEPEST) throw errorAt(place, `at most ${DEEPEST} levels`, 'more')
  const copy: Record<string, unknown> = { ...schema }
  for (const trouble of troublesOf(schema, place)) {
    report(trouble)
    for (const key of trouble.keys) Reflect.deleteProperty(copy, key)
  }
  const inner = (entry: unknown, ...path: (string | number)[]): unknown =>
    copyChecked(entry, [place, ...path].join('/'), depth + 1, report)
  for (const key of inOne) if (key in copy) copy[key] = inner(copy[key], key)
  for (const key of inLists) {
    if (!(key in copy)) continue
    const list: unknown = copy[key]
    if (!Array.isArray(list) || list.length === 0)
      throw errorAt(place, `schemas in a list in "${key}"`, 'something else')
    copy[key] = list.map((entry: unknown, i) => inner(entry, key, i))
  }
  for (const key of inNames) {
    if (!(key in copy)) continue
    const named: unknown = copy[key]
    if (!isObject(named)) throw errorAt(place, `schemas by name in "${key}"`, 'something else')
    copy[key] = Object.fromEntries(Object.entries(named).map(([name, entry]) => [name, inner(entry, key, name)]))
  }
  return copy
}

function* troublesOf(schema: Keywords, place: string): Generator<Trouble, void, undefined> {
  for (const [key, harmless] of Object.entries(refused)) {
    if (!(key in schema) || harmless.includes(schema[key])) continue
    yield { keys: [key], error: errorAt(place, 'keywords that an answer can be held to', `"${key}"`) }
  }
  yield* troublesOfCompany(schema, place)
  yield* troublesOfNumbers(schema, place)
  yield* troublesOfPattern(schema, place)
  yield* troublesOfValues(schema, place)
  yield* troublesWithoutType(schema, place)
  yield* troublesOfNames(schema, place)
}

function* troublesOfNames(schema: Keywords, place: string): Generator<Trouble, void, undefined> {
  const { required, properties, $ref } = schema
  if (typeof $ref === 'string' && !/^#(\/[^~%]*)?$/.test($ref)) {
    const expected = 'references into the schema ("#/..."), without "~" and "%"'
    yield { keys: ['$ref'], error: errorAt(place, expected, JSON.stringify($ref)) }
  }
  const named = isObject(properties) ? properties : {}
  const isListed = (name: unknown): boolean =>
    typeof name === 'string' && Object.hasOwn(named, name) && named[name] !== false
  const stranger: unknown = Array.isArray(required) ? required.find((name) => !isListed(name)) : undefined
  // Only listed properties are written.
  if (stranger !== undefined) {
    const expected = 'every name of "required" in "properties", with more than false'
    yield { keys: ['required'], error: errorAt(place, expected, JSON.stringify(stranger)) }
  }
  const others = ['additionalProperties', 'unevaluatedProperties'].filter((key) => (schema[key] ?? false) !== false)
  const forbidden = Object.keys(named).find((name) => named[name] === false)
  if (forbidden !== undefined && others[0] !== undefined) {
    const got = `${JSON.stringify(forbidden)} beside "${others[0]}"`
    yield { keys: others, error: errorAt(place, 'no properties that are false where others may come', got) }
  }
}

/** Keywords that are read alone: others beside them would be passed over. */
function* troublesOfCompany(schema: Keywords, place: string): Generator<Trouble, void, undefined> {
  const { allOf, pattern, format, minLength, maxLength } = schema
  if (Array.isArray(allOf) && allOf.length > 1) {
    yield { keys: ['allOf'], error: errorAt(place, 'at most one schema in "allOf"', `${allOf.length}`) }
  }
  const lonely = alone.find((key) => key in schema)
  if (lonely !== undefined) {
    const others = Object.keys(schema).filter((key) => key !== lonely && !annotations.has(key) && !(key in refused))
    if (others[0] !== undefined) {
      yield { keys: others, error: errorAt(place, `"${lonely}" alone`, `"${others[0]}" beside it`) }
    }
  }
  if (pattern !== undefined && (minLength !== undefined || maxLength !== undefined || format !== undefined)) {
    const keys = ['minLength', 'maxLength', 'format']
    yield { keys, error: errorAt(place, '"pattern" without lengths and "format"', 'both') }
  }
  if (minLength === undefined && maxLength === undefined) return
  const keys = ['minLength', 'maxLength']
  if (format !== undefined) yield { keys, error: errorAt(place, '"format" without lengths', 'both') }
}

function* troublesOfValues(schema: Keywords, place: string): Generator<Trouble, void, undefined> {
  if ('enum' in schema && !Array.isArray(schema['enum'])) {
    yield { keys: ['enum'], error: errorAt(place, 'a list in "enum"', 'something else') }
    return
  }
  const values = keptValues(schema)
  if (!values) return
  const list = 'enum' in schema ? 'enum' : 'const'
  const strangers = besideNoValues.filter((key) => key in schema)
  if (strangers[0] !== undefined) {
    yield { keys: strangers, error: errorAt(place, `"${list}" without "${strangers[0]}"`, 'both') }
  }
  if (values.length > 0) return
  const keys = [...choosingKeys, ...(list === 'enum' ? ['const'] : [])].filter((key) => key in schema)
  const others = keys.map((key) => `"${key}"`).join(' and ')
  yield { keys, error: errorAt(place, `a value in "${list}" that keeps to the rest`, `none beside ${others || 'it'}`) }
}

/** What a value of any type would be held to only if it happens to be of the right one. */
function* troublesWithoutType(schema: Keywords, place: string): Generator<Trouble, void, undefined> {
  const isClear = ['type', 'enum', 'const', ...alone, ...implying].some((key) => key in schema)
  const keys = isClear ? [] : needingType.filter((key) => key in schema)
  if (keys[0] === undefined) return
  yield { keys, error: errorAt(place, `a "type" beside "${keys[0]}"`, 'it without one') }
}

function* troublesOfPattern({ pattern }: Keywords, place: string): Generator<Trouble, void, undefined> {
  if (pattern === undefined) return
  const keys = ['pattern']
  if (typeof pattern !== 'string') {
    yield { keys, error: errorAt(place, 'a text in "pattern"', 'something else') }
    return
  }
  try {
    jsonPatternRule(pattern)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    yield { keys, error }
  }
}

function* troublesOfNumbers(schema: Keywords, place: string): Generator<Trouble, void, undefined> {
  for (const key of counts) {
    const count: unknown = schema[key]
    if (count === undefined) continue
    if (typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= LARGEST_COUNT) continue
    const expected = `"${key}" to be a whole number from 0 to ${LARGEST_COUNT}`
    yield { keys: [key], error: errorAt(place, expected, JSON.stringify(count)) }
  }
  yield* troublesOfBounds(schema, place)
}

function* troublesOfBounds(schema: Keywords, place: string): Generator<Trouble, void, undefined> {
  const keys = boundKeys.filter((key) => key in schema)
  if (keys.length === 0) return
  const strange = keys.find((key) => typeof schema[key] !== 'number' || !Number.isFinite(schema[key]))
  if (strange !== undefined) {
    yield { keys, error: errorAt(place, `a number in "${strange}"`, JSON.stringify(schema[strange])) }
    return
  }
  for (const type of ['integer', 'number'] as const) {
    if (![schema['type']].flat().includes(type) || numberRule(schema, type) !== undefined) continue
    const got = keys.map((key) => `"${key}" ${String(schema[key])}`).join(' and ')
    yield { keys, error: errorAt(place, `bounds that some ${type} keeps to`, got) }
  }
}

function isObject(value: unknown): value is Keywords {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function errorAt(place: string, expected: string, got: string): UsageError {
  return new UsageError(
    'bad-option',
    `expected ${expected} at ${place.slice(0, 200)} of the schema, got ${got.slice(0, 100)}; change the schema`,
  )
}
