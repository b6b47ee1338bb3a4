/** What a request says about the form of its answer: a format, tools that it may or must call, or both. */
import { UsageError } from '../util/errors.ts'
import type { AnswerForm } from '../grammar/index.ts'
import { CALL_CLOSE, CALL_MARK, CALL_MIDDLE, CALL_OPEN, type Tool } from '../text/index.ts'
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
  return {
    type: 'tags',
    trigger: CALL_MARK,
    tags: callable.map(({ name, parameters, strict = false }) => ({
      begin: `${CALL_OPEN}${name}${CALL_MIDDLE}`,
      // Arguments are an object, whatever else they are.
      schema: { type: 'object', ...(parameters ?? { properties: {} }) },
      ...{ strict, end: CALL_CLOSE },
    })),
    required: toolChoice !== 'auto',
    single: chosen !== undefined || !parallelToolCalls,
    // Who must call has no say in text.
    ...(toolChoice === 'auto' && format && { otherwise: format }),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** OpenAI's limits. */
const MOST_TOOLS = 128
const NAME = /^[\w-]{1,64}$/

function checkTools({ tools = [], toolChoice = 'auto' }: FormRequest): void {
  const names = new Set<string>()
  for (const { name } of tools) {
    if (!NAME.test(name)) throw refuse('names of tools with 1 to 64 letters, digits, _ and -', JSON.stringify(name))
    if (names.has(name)) throw refuse('names of tools once each', `${name} twice`)
    names.add(name)
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
