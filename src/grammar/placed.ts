/**
 * Rules of our own in the grammar that the library makes of a schema: for names that have to be escaped, numbers between bounds, patterns and strings of limited length
 * its own rules let come what the schema forbids. Where such a rule belongs the library finds a constant, and the constant becomes the rule.
 */
import { omit } from '../util/omit.ts'
import { textRule } from './characters.ts'
import { isAmbiguous, lengthRule, mapSchemas, type Lengths } from './lengths.ts'
import { boundKeys, numberRule } from './number-ranges.ts'
import { jsonPatternRule } from './regex.ts'
import type { JsonSchema } from './types.ts'
import { choosingKeys, keptValues } from './values.ts'

/** A schema with constants in the place of rules. */
export interface PlacedSchema {
  readonly schema: JsonSchema
  /** The grammar with the rules, from the one that the library has made of `schema`. */
  finish(grammar: string): string
}

/** Puts constants where the schema needs rules of our own. It has been checked. */
export function placeRules(schema: JsonSchema, lengths: Lengths): PlacedSchema {
  const rules = new Map<string, string>()
  const name = unusedName(JSON.stringify(schema))
  const isPlain = !lengths.isClear || isAmbiguous(schema)
  const place = (rule: string): Keywords => {
    const known = rules.get(rule) ?? `${name}${rules.size}x`
    rules.set(rule, known)
    return { const: known }
  }
  const change = (given: Keywords): Keywords => {
    const own = withSafeNames(withItems(given), (text) => String(place(textRule(text))['const']))
    const values = keptValues(own)
    if (values) return { ...omit(own, 'const', ...choosingKeys), enum: values }
    const types = [own['type']].flat()
    const ruleOf = (type: unknown): string | undefined => {
      if (type === 'integer' || type === 'number') return hasBounds(own) ? numberRule(own, type) : undefined
      if (type !== 'string') return undefined
      const pattern = own['pattern'] ?? formats[String(own['format'])]
      return typeof pattern === 'string' ? jsonPatternRule(pattern) : lengthRule(own, lengths.least, isPlain)
    }
    const placed = types.map((type) => ({ type, rule: ruleOf(type) }))
    // Where lengths make no rule they are not for this grammar.
    const rest = omit(own, 'minLength', 'maxLength')
    if (placed.every(({ rule }) => rule === undefined)) return rest
    const { $defs, definitions, ...others } = rest
    const options = placed.map(({ type, rule }) => (rule === undefined ? { ...others, type } : place(rule)))
    return { ...(options.length === 1 ? options[0] : { anyOf: options }), ...named({ $defs, definitions }) }
  }
  const written = mapSchemas(schema, change)
  return {
    schema: written,
    finish: (grammar) => {
      const lines = [...rules].map(([rule, known]) => `${known} ::= ${rule}\n`)
      const constants = new RegExp(String.raw`"\\"(${name}\d+x)\\""`, 'g')
      return `${grammar}\n${lines.join('')}`.replaceAll(constants, '$1')
    },
  }
}

// ---------------------------------------------------------------------------------------------------------------

type Keywords = Readonly<Record<string, unknown>>

/** Without items that it knows the library writes none, however many there must be. */
function withItems(own: Keywords): Keywords {
  const { type, prefixItems, minItems, maxItems } = own
  const most = Array.isArray(prefixItems) ? prefixItems.length : 0
  const isKnown = ['items', 'additionalItems', 'unevaluatedItems'].some((key) => key in own)
  if (isKnown || ![type].flat().includes('array') || Math.max(Number(minItems ?? 0), Number(maxItems ?? 0)) <= most)
    return own
  return { ...own, items: true }
}

/** The library writes names as they are, and no property that may have no value. */
function withSafeNames(own: Keywords, place: (text: string) => string): Keywords {
  const { properties, required } = own
  if (typeof properties !== 'object' || properties === null) return own
  const safe = (name: unknown): unknown =>
    typeof name === 'string' && UNSAFE.test(name) ? place(JSON.stringify(name)) : name
  const entries = Object.entries(properties).filter(([, schema]) => schema !== false)
  return {
    ...own,
    properties: Object.fromEntries(entries.map(([name, schema]) => [safe(name), schema])),
    ...(Array.isArray(required) && { required: required.map(safe) }),
  }
}

const word = '[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?'
const atom = "[\\w!#$%&'*+/=?^`{|}~-]+"
const steps = '(/([^/~]|~[01])*)*'

/** Formats whose rules in the library let come what is no JSON, or 60 minutes. */
const formats: Readonly<Record<string, string>> = {
  email: String.raw`${atom}(\.${atom})*@${word}(\.${word})*`,
  'json-pointer': steps,
  'relative-json-pointer': `(0|[1-9][0-9]*)(#|${steps})`,
  'date-time': String.raw`\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])(:[0-5]\d){2}(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)`,
}

/** What a name in JSON escapes. */
const UNSAFE = /["\\\p{Cc}\p{Surrogate}]/u

function hasBounds(own: Keywords): boolean {
  return boundKeys.some((key) => key in own)
}

/** Only what is there. */
function named(values: Keywords): Keywords {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

/** A name that no text of the schema has in it. */
function unusedName(text: string): string {
  let name = 'placed'
  while (text.includes(name)) name += 'x'
  return name
}
