/** From the fields about an answer's form to what the engine takes, compiled before the request joins the queue. */
import type { Engine, FormRequest, JsonSchema, ResponseFormat } from '../engine/index.ts'
import type { Tool } from '../text/index.ts'
import { HeterospecError } from '../util/errors.ts'
import { ApiError } from './errors.ts'
import type { FormatFields } from './schemas/formats.ts'
import type { ToolFields } from './schemas/tools.ts'

/** The form that a request asks for. Throws a 400 that names the field. */
export async function readForm(body: FormatFields & Partial<ToolFields>, engine: Engine): Promise<FormRequest> {
  const [format, second] = askedFormats(body)
  if (format && second) throw refuse(second.param, 'one form of the answer', `${format.param} and ${second.param}`)
  const form: FormRequest = {
    ...(format && { responseFormat: format.format }),
    ...(body.tools?.length && { tools: toolsOf(body.tools) }),
    toolChoice: choiceOf(body),
    parallelToolCalls: body.parallel_tool_calls ?? true,
  }
  if (format) await prepare(engine, { responseFormat: format.format }, format.param)
  if (form.tools) await prepare(engine, form, 'tools')
  return form
}

/** Tools as the engine takes them. */
export function toolsOf(tools: NonNullable<ToolFields['tools']>): Tool[] {
  return tools.map(({ function: { name, description, parameters, strict } }) => ({
    name,
    ...(description != null && { description }),
    ...(parameters != null && { parameters }),
    strict: strict ?? false,
  }))
}

// ---------------------------------------------------------------------------------------------------------------
/** Nothing new is compiled for a form that was asked for before. */
async function prepare(engine: Engine, form: FormRequest, param: string): Promise<void> {
  try {
    await engine.prepareForm(form)
  } catch (error) {
    if (!(error instanceof HeterospecError) || error.code !== 'bad-option') throw error
    throw new ApiError(400, error.message, { param, code: 'invalid_value', cause: error })
  }
}

function choiceOf({ tools, tool_choice: choice }: Partial<ToolFields>): FormRequest['toolChoice'] {
  const names = tools?.map(({ function: { name } }) => name) ?? []
  if (choice == null || choice === 'auto' || choice === 'none') return choice ?? 'auto'
  if (names.length === 0) throw refuse('tool_choice', 'tools to choose from', 'none')
  if (choice === 'required') return choice
  const { name } = choice.function
  if (!names.includes(name)) throw refuse('tool_choice', `one of the tools ${names.slice(0, 10).join(', ')}`, name)
  return { name }
}

function refuse(param: string, expected: string, got: string): ApiError {
  return new ApiError(400, `expected ${expected}, got ${got}; change ${param}`, { param, code: 'invalid_value' })
}

interface Asked {
  readonly param: string
  readonly format: ResponseFormat
}

function askedFormats(body: FormatFields): Asked[] {
  const asked: Asked[] = []
  const add = (param: string, format: ResponseFormat | undefined): void => {
    if (format) asked.push({ param, format })
  }
  const given = <Value>(value: Value | null | undefined, make: (value: Value) => ResponseFormat) =>
    value == null ? undefined : make(value)
  const ofGrammar = (grammar: string): ResponseFormat => ({ type: 'grammar', grammar })
  const ofChoices = (choices: string[]): ResponseFormat => ({ type: 'choice', choices })
  const ofPattern = (pattern: string): ResponseFormat => ({ type: 'regex', pattern })
  add('response_format', ofResponseFormat(body.response_format))
  add('json_schema', given(body.json_schema, ofSchema))
  add('grammar', given(body.grammar, ofGrammar))
  add(
    'guided_json',
    given(body.guided_json, (value) => ofSchema(asSchema(value, 'guided_json'))),
  )
  add('guided_regex', given(body.guided_regex, ofPattern))
  add('guided_choice', given(body.guided_choice, ofChoices))
  add('guided_grammar', given(body.guided_grammar, ofGrammar))
  const { json, json_object, regex, choice, grammar } = body.structured_outputs ?? {}
  add(
    'structured_outputs.json',
    given(json, (value) => ofSchema(asSchema(value, 'structured_outputs.json'))),
  )
  add('structured_outputs.json_object', json_object === true ? { type: 'json' } : undefined)
  add('structured_outputs.regex', given(regex, ofPattern))
  add('structured_outputs.choice', given(choice, ofChoices))
  add('structured_outputs.grammar', given(grammar, ofGrammar))
  return asked
}

function ofResponseFormat(format: FormatFields['response_format']): ResponseFormat | undefined {
  if (format == null || format.type === 'text') return undefined
  const schema = format.type === 'json_schema' ? format.json_schema.schema : format.schema
  return schema == null ? { type: 'json' } : ofSchema(schema)
}

/** `false` lets nothing be valid; the check of schemas says so. */
function ofSchema(schema: JsonSchema): ResponseFormat {
  return { type: 'json-schema', schema }
}

function asSchema(value: JsonSchema | string, param: string): JsonSchema {
  if (typeof value !== 'string') return value
  try {
    const parsed: unknown = JSON.parse(value)
    if (typeof parsed === 'boolean' || (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))) {
      return parsed as JsonSchema
    }
  } catch {
    // told below
  }
  throw refuse(param, `a JSON Schema as ${param}`, 'a text that is none')
}
