/**
 * Checks of JSON Schemas before they become grammars. What a grammar cannot hold an answer to is refused by name: an answer
 * that only seems to keep to its schema is worse than an error.
 */
import { UsageError } from '../util/errors.ts'
import type { JsonSchema } from './types.ts'

/** Throws `bad-option` with the keyword and its place. */
export function checkSchema(schema: JsonSchema): void {
  const size = JSON.stringify(schema).length
  if (size > LONGEST) {
    throw new UsageError('bad-option', `expected a schema of at most ${LONGEST} characters, got ${size}; shorten it`)
  }
  check(schema, '#', 0)
}

// ---------------------------------------------------------------------------------------------------------------

/** Characters of a schema as JSON. */
const LONGEST = 100_000
/** Levels of a schema; references may go deeper. */
const DEEPEST = 64
/** Numbers of characters and items: a grammar has a state for each. */
const LARGEST_COUNT = 10_000

/** Keywords that answers cannot be held to, and the values of them that ask for nothing. */
const refused: Readonly<Record<string, readonly unknown[]>> = {
  ...{ not: [], if: [], then: [], else: [], contains: [], minContains: [], maxContains: [], multipleOf: [] },
  ...{ dependentRequired: [], dependentSchemas: [], dependencies: [], propertyNames: [], patternProperties: [] },
  ...{ uniqueItems: [false], nullable: [false], unevaluatedItems: [false, true], $dynamicRef: [], $recursiveRef: [] },
}

/** Keywords that say nothing about what is valid, or only name things. */
const annotations: ReadonlySet<string> = new Set([
  ...['title', 'description', 'default', 'examples', 'example', 'deprecated', 'readOnly', 'writeOnly', '$comment'],
  ...['$schema', '$id', '$anchor', '$defs', 'definitions', 'contentMediaType', 'contentEncoding'],
])

const counts = ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties']
/** Where a schema holds one more, a list of them, or several by name. */
const inOne = ['items', 'additionalProperties', 'unevaluatedProperties', 'additionalItems']
const inLists = ['anyOf', 'oneOf', 'allOf', 'prefixItems']
const inNames = ['properties', '$defs', 'definitions']

function check(schema: unknown, place: string, depth: number): void {
  if (typeof schema === 'boolean') return
  if (!isObject(schema)) throw refuse(place, 'a schema (an object, true or false)', 'something else')
  if (depth > DEEPEST) throw refuse(place, `at most ${DEEPEST} levels`, 'more')
  for (const [keyword, harmless] of Object.entries(refused)) {
    if (keyword in schema && !harmless.includes(schema[keyword])) {
      throw refuse(place, 'keywords that an answer can be held to', `"${keyword}"`)
    }
  }
  checkCompany(schema, place)
  checkNumbers(schema, place)
  checkRequired(schema, place)
  for (const keyword of inOne) if (keyword in schema) check(schema[keyword], `${place}/${keyword}`, depth + 1)
  for (const keyword of inLists) {
    const list: unknown = schema[keyword]
    if (list !== undefined && (!Array.isArray(list) || list.length === 0)) {
      throw refuse(place, `a list of schemas in "${keyword}"`, 'something else')
    }
    if (Array.isArray(list)) list.forEach((entry, i) => check(entry, `${place}/${keyword}/${i}`, depth + 1))
  }
  for (const keyword of inNames) {
    const named: unknown = schema[keyword]
    if (named !== undefined && !isObject(named))
      throw refuse(place, `schemas by name in "${keyword}"`, 'something else')
    for (const [name, entry] of Object.entries(named ?? {})) check(entry, `${place}/${keyword}/${name}`, depth + 1)
  }
}

/** Keywords that are read alone: others beside them would be passed over. */
function checkCompany(schema: Readonly<Record<string, unknown>>, place: string): void {
  const { allOf } = schema
  if (Array.isArray(allOf) && allOf.length > 1) throw refuse(place, 'at most one schema in "allOf"', `${allOf.length}`)
  const lonely = ['$ref', 'anyOf', 'oneOf', 'allOf'].find((keyword) => keyword in schema)
  if (lonely !== undefined) {
    const other = Object.keys(schema).find((key) => key !== lonely && key !== 'type' && !annotations.has(key))
    if (other !== undefined) throw refuse(place, `"${lonely}" alone`, `"${other}" beside it`)
  }
  const { pattern, format, minLength, maxLength } = schema
  if (pattern !== undefined && (minLength !== undefined || maxLength !== undefined || format !== undefined)) {
    throw refuse(place, '"pattern" without lengths and "format"', 'both')
  }
}

function checkNumbers(schema: Readonly<Record<string, unknown>>, place: string): void {
  for (const keyword of counts) {
    const count: unknown = schema[keyword]
    if (count === undefined) continue
    if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > LARGEST_COUNT) {
      throw refuse(place, `"${keyword}" to be a whole number from 0 to ${LARGEST_COUNT}`, JSON.stringify(count))
    }
  }
  if (schema['type'] === 'integer') return
  // Bounds of numbers with fractions are read as if they were part of the range.
  for (const keyword of ['exclusiveMinimum', 'exclusiveMaximum']) {
    if (keyword in schema) throw refuse(place, `"${keyword}" of integers only`, 'it for other numbers')
  }
}

/** Only listed properties are generated. */
function checkRequired({ required, properties }: Readonly<Record<string, unknown>>, place: string): void {
  if (required === undefined) return
  const stranger: unknown = Array.isArray(required)
    ? (required as unknown[]).find((name) => typeof name !== 'string' || !isObject(properties) || !(name in properties))
    : 'something else than a list'
  if (stranger !== undefined) throw refuse(place, 'every name of "required" in "properties"', JSON.stringify(stranger))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuse(place: string, expected: string, got: string): UsageError {
  return new UsageError(
    'bad-option',
    `expected ${expected} at ${place.slice(0, 200)} of the schema, got ${got.slice(0, 100)}; change the schema`,
  )
}
