/**
 * `speculative` of a request: what the library takes, flattened to `{ method, budget, ... }`, without files. A request may
 * use the draft model and head that the server was started with, and can name no other: no path of a request reaches
 * the file system.
 */
import type { z } from '@hono/zod-openapi'
import { speculativeOptions, type SpeculativeOptions } from '../engine/index.ts'
import { ApiError } from './errors.ts'
import { expectation, spell } from './schemas/issues.ts'
import type { ServerContext } from './types.ts'

/** What requests say. */
export type RequestedSpeculation = boolean | 'auto' | 'off' | Readonly<Record<string, unknown>>

/** Undefined where the request leaves it to the server. Throws a 400. */
export function readSpeculation(
  asked: RequestedSpeculation | null | undefined,
  { options }: Pick<ServerContext, 'options'>,
): SpeculativeOptions | undefined {
  if (asked === undefined || asked === null || asked === true) return undefined
  if (typeof asked !== 'object') return asked
  refusePaths(asked)
  const { method, budget, ...rest } = withoutNulls(asked)
  if (method === undefined && Object.keys(rest).length > 0) {
    throw refuse(`a method for ${Object.keys(rest).slice(0, 5).join(', ')}, got none`, 'add "method"')
  }
  const files = filesOf(options.speculative)
  const candidate = {
    ...(method === undefined ? {} : { drafter: withFiles(method as string, rest, files) }),
    ...(budget === undefined
      ? {}
      : { budget: typeof budget === 'string' ? { policy: budget } : withoutNulls(budget as object) }),
  }
  const parsed = speculativeOptions.safeParse(candidate)
  if (!parsed.success) {
    throw wrong(parsed.error.issues[0], candidate)
  }
  return candidate as SpeculativeOptions
}

/** What `method` of a request may be: those that read a file where the server has it. */
export function offeredMethods({ options }: Pick<ServerContext, 'options'>): string[] {
  return ['lookup', 'recycling', 'combined', ...Object.keys(filesOf(options.speculative))]
}

// ---------------------------------------------------------------------------------------------------------------

/** `null` means not given, as in all fields. */
function withoutNulls(fields: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}

type Issue = z.core.$ZodIssue

/** What is wrong inside a union: the words of its last branch, which is the one of objects. */
function deepest(issue: Issue): Issue {
  const inner = issue.code === 'invalid_union' ? issue.errors.at(-1)?.[0] : undefined
  if (!inner) return issue
  const found = deepest(inner)
  return { ...found, path: [...issue.path, ...found.path] }
}

/** The first thing that is wrong, with its place and what was said there. */
function wrong(first: Issue | undefined, candidate: object): ApiError {
  if (!first) return refuse('options of docs/options.md, got others', 'change it')
  const issue = deepest(first)
  const place = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    return refuse(`options of docs/options.md, got ${[place, issue.keys[0]].join('.')}`, 'leave it out')
  }
  const got = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown>)[key], candidate)
  return refuse(`${place}: ${expectation(issue)}, got ${spell(got)}`, 'change it (docs/options.md)')
}

type Files = Readonly<Record<string, string>>

/** The groups of options that name a file. */
const withPath = ['model', 'eagle3']

function refusePaths(asked: Readonly<Record<string, unknown>>): void {
  for (const group of [asked, ...withPath.map((name) => asked[name])]) {
    if (typeof group === 'object' && group !== null && 'path' in group) {
      throw refuse('no path (files are chosen when the server starts), got one', 'leave it out')
    }
  }
}

/** The files of the server's own drafter, by method. */
function filesOf(speculative: SpeculativeOptions | undefined): Files {
  if (typeof speculative !== 'object' || !speculative.drafter) return {}
  const { drafter } = speculative
  if (drafter.method === 'model' || drafter.method === 'eagle3') return { [drafter.method]: drafter.path }
  if (drafter.method !== 'combined') return {}
  return {
    ...(drafter.model && { model: drafter.model.path }),
    ...(drafter.eagle3 && { eagle3: drafter.eagle3.path }),
  }
}

function withFiles(method: string, rest: Readonly<Record<string, unknown>>, files: Files): object {
  if (withPath.includes(method)) return { method, ...rest, path: fileOf(method, files) }
  const sources: unknown = rest['sources']
  const named = method === 'combined' && Array.isArray(sources) ? withPath.filter((name) => sources.includes(name)) : []
  const groups = named.map(
    (name) => [name, { ...(rest[name] as object | undefined), path: fileOf(name, files) }] as const,
  )
  return { method, ...rest, ...Object.fromEntries(groups) }
}

function fileOf(method: string, files: Files): string {
  const path = files[method]
  if (path !== undefined) return path
  const flag = method === 'model' ? '--draft-model' : '--draft-head'
  throw refuse(`a method whose file the server was started with, got "${method}"`, `start it with ${flag}`)
}

function refuse(what: string, advice: string): ApiError {
  return new ApiError(400, `expected speculative to have ${what}; ${advice}`, {
    param: 'speculative',
    code: 'invalid_value',
  })
}
