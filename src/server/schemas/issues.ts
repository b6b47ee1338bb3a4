/** The first thing wrong with a request, as one sentence and the field at fault. */
import type { z } from '@hono/zod-openapi'
import { ApiError } from '../errors.ts'
import { refusedAnywhere, refusedInChats, refusedInEmbeddings, refusedInTexts } from './refused.ts'

const refused: ReadonlySet<string> = new Set([
  ...Object.keys(refusedAnywhere),
  ...Object.keys(refusedInChats),
  ...Object.keys(refusedInTexts),
  ...Object.keys(refusedInEmbeddings),
])

/** The answer to a body that its schema refused. `body` is what was sent. */
export function validationError(error: z.ZodError, body: unknown): ApiError {
  const issue = error.issues[0]
  if (!issue) return new ApiError(400, 'expected a valid request; see /openapi.json')
  if (issue.code === 'unrecognized_keys') {
    const param = pathOf([...issue.path, issue.keys[0] ?? ''])
    const message = `expected fields of this endpoint, got ${shorten(param)}; leave it out (/openapi.json lists the fields)`
    return new ApiError(400, message, { param, code: 'unknown_parameter' })
  }
  const param = pathOf(issue.path)
  const got = issue.path.reduce<unknown>(step, body)
  const field = param === '' ? 'the body' : shorten(param)
  const message = `expected ${field} to be ${expectation(issue)}, got ${spell(got)}; ${got === undefined ? 'add it' : 'change it'}`
  const code = refused.has(String(issue.path[0])) ? 'unsupported_parameter' : 'invalid_value'
  return new ApiError(400, message, {
    ...(param !== '' && { param }),
    code: got === undefined ? 'missing_required_parameter' : code,
  })
}

/** Schemas say in their own words what they want; zod's own words begin with a capital. */
export function expectation(issue: z.core.$ZodIssue): string {
  if (!/^[A-Z]/.test(issue.message)) return issue.message
  if (issue.code === 'invalid_type') return `of type ${issue.expected}`
  if (issue.code === 'invalid_value') return issue.values.map(String).join(' or ')
  const counted = 'origin' in issue && ['array', 'string'].includes(issue.origin) ? 'of length ' : ''
  if (issue.code === 'too_big')
    return `${counted}${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`
  if (issue.code === 'too_small')
    return `${counted}${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`
  return 'valid'
}

/** A value in few words. */
export function spell(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return shorten(JSON.stringify(value))
}

// ---------------------------------------------------------------------------------------------------------------

/** Longest piece of a request that is said back to its sender. */
const LONGEST_QUOTE = 60

function step(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined
}

/** `messages[0].content`, as OpenAI writes it. */
function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${String(key)}`))
    .join('')
}

function shorten(text: string): string {
  return text.length <= LONGEST_QUOTE ? text : `${text.slice(0, LONGEST_QUOTE)}...`
}
