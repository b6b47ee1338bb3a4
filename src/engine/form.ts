/** What a request says about the form of its answer: a format, tools that it may or must call, or both. */
import { UsageError } from '../util/errors.ts'
import type { AnswerForm, TaggedPart } from '../grammar/index.ts'
import { CALL_MARK, plainMarks, ToolCallReader, usualMarks, type CallMarks, type Tool } from '../text/index.ts'
import type { FormRequest } from './types.ts'

/** Tools that the model is told of: none where none may be called. */
export function offeredTools({ tools = [], toolChoice = 'auto' }: FormRequest): readonly Tool[] {
  return toolChoice === 'none' ? [] : tools
}

/** The form; undefined: any. Throws `bad-option` for tools without names of their own, and for a choice among none. */
export function formOf(request: FormRequest): AnswerForm | undefined {
  const { responseFormat, toolChoice = 'auto', parallelToolCalls = true } = request
  const format = responseFormat === undefined || responseFormat.type === 'text' ? undefined : responseFormat
  checkTools(request)
  const tools = offeredTools(request)
  if (tools.length === 0) return format
  const chosen = typeof toolChoice === 'object' ? toolChoice.name : undefined
  const callable = tools.filter(({ name }) => chosen === undefined || name === chosen)
  const usual = callsAsUsual(request)
  return {
    type: 'tags',
    tags: callable.flatMap((tool) => [
      partOf(tool, usualMarks(tool.name), CALL_MARK),
      ...(usual ? [] : plainMarks(tool.name).map((marks) => partOf(tool, marks, marks.begin))),
    ]),
    required: toolChoice !== 'auto',
    single: chosen !== undefined || !parallelToolCalls,
    // Who must call has no say in text.
    ...(toolChoice === 'auto' && format && { otherwise: format }),
  }
}

/** What takes calls out of an answer; undefined where there are no tools. */
export function callReader(request: FormRequest): ToolCallReader | undefined {
  const names = offeredTools(request).map(({ name }) => name)
  return names.length === 0 ? undefined : new ToolCallReader(names, callsAsUsual(request))
}

// ---------------------------------------------------------------------------------------------------------------

/** Where nothing but a call or a format may come, calls are spelled as they should be. */
function callsAsUsual({ toolChoice = 'auto', responseFormat }: FormRequest): boolean {
  return toolChoice !== 'auto' || (responseFormat !== undefined && responseFormat.type !== 'text')
}

function partOf({ parameters, strict = false }: Tool, { begin, close }: CallMarks, trigger: string): TaggedPart {
  return { trigger, begin, strict, schema: { ...(parameters ?? { properties: {} }), type: 'object' }, end: close }
}

/** Levels of references and alternatives that are followed: what refers to itself has no end, and is refused for that. */
const DEEPEST = 32

/** Is every text of the schema an object? What is read of several keywords is what a grammar reads. */
function isObjects(schema: unknown, root: unknown, depth = 0): boolean {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return false
  const { $ref, anyOf, oneOf, allOf, type, ...own } = schema as Readonly<Record<string, unknown>>
  if (depth > DEEPEST) return true
  if (typeof $ref === 'string') return isObjects(targetOf($ref, root), root, depth + 1)
  for (const list of [anyOf, oneOf, allOf]) {
    if (Array.isArray(list)) return list.every((entry: unknown) => isObjects(entry, root, depth + 1))
  }
  const values = 'const' in own ? [own['const']] : own['enum']
  if (Array.isArray(values)) {
    return values.every((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
  }
  return type === 'object' || (type === undefined && 'properties' in own)
}

/** What a reference inside of `root` leads to. */
function targetOf(reference: string, root: unknown): unknown {
  const [start, ...names] = reference.split('/')
  const enter = (at: unknown, name: string): unknown =>
    typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? (at as Record<string, unknown>)[name] : undefined
  return start === '#' ? names.reduce(enter, root) : undefined
}

/** OpenAI's limits. */
const MOST_TOOLS = 128
const NAME = /^[\w-]{1,64}$/

function checkTools({ tools = [], toolChoice = 'auto' }: FormRequest): void {
  const names = new Set<string>()
  for (const { name, parameters } of tools) {
    if (!NAME.test(name)) throw refuse('names of tools with 1 to 64 letters, digits, _ and -', JSON.stringify(name))
    if (names.has(name)) throw refuse('names of tools once each', `${name} twice`)
    names.add(name)
    const { type = 'object' } = parameters ?? {}
    if (type !== 'object' || (parameters && !isObjects({ ...parameters, type }, parameters))) {
      throw refuse('parameters of tools that are objects ("type": "object")', `others for ${name}`)
    }
  }
  if (names.size > MOST_TOOLS) throw refuse(`at most ${MOST_TOOLS} tools`, `${names.size}`)
  if (toolChoice === 'none' || toolChoice === 'auto') return
  if (names.size === 0) throw refuse('tools to choose from', 'none')
  if (typeof toolChoice === 'object' && !names.has(toolChoice.name)) {
    throw refuse('a tool of the request as toolChoice', JSON.stringify(toolChoice.name))
  }
}

function refuse(expected: string, got: string): UsageError {
  return new UsageError('bad-option', `expected ${expected}, got ${got.slice(0, 100)}; change the tools`)
}
