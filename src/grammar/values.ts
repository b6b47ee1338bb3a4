/** Schemas that list their values (`enum`, `const`): which of them keep to what else the schema says. The library looks at nothing else. */
import { boundKeys, keepsBounds } from './number-ranges.ts'

type Keywords = Readonly<Record<string, unknown>>

/** Keywords that the values of a list are not held to. */
export const besideNoValues = [
  ...['pattern', 'items', 'prefixItems', 'minItems', 'maxItems', 'additionalItems', 'unevaluatedItems', 'properties'],
  ...['required', 'additionalProperties', 'unevaluatedProperties', 'minProperties', 'maxProperties'],
] as const

/** Keywords that choose among the values of a list. */
export const choosingKeys = ['type', ...boundKeys, 'minLength', 'maxLength'] as const

/** The values that are left; undefined where there is no list. */
export function keptValues(schema: Keywords): unknown[] | undefined {
  const { enum: listed, const: only } = schema
  const one = 'const' in schema ? [only] : undefined
  const list = Array.isArray(listed) ? (listed as unknown[]) : one
  const isOne = (value: unknown): boolean => one === undefined || isSame(value, only)
  return list?.filter((value) => isOne(value) && isOfType(value, schema['type']) && isWithin(value, schema))
}

// ---------------------------------------------------------------------------------------------------------------

/** Are these the same JSON, up to the order of names? */
function isSame(a: unknown, b: unknown): boolean {
  const ordered = (_: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value
  return JSON.stringify(a, ordered) === JSON.stringify(b, ordered)
}

function isOfType(value: unknown, type: unknown): boolean {
  if (type === undefined) return true
  const own = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  return [type].flat().some((name) => name === own || (name === 'integer' && Number.isInteger(value)))
}

function isWithin(value: unknown, schema: Keywords): boolean {
  if (typeof value === 'number') return keepsBounds(value, schema)
  if (typeof value !== 'string') return true
  const length = Array.from(value).length
  return length >= Number(schema['minLength'] ?? 0) && length <= Number(schema['maxLength'] ?? Infinity)
}
