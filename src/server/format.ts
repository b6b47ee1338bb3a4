/** From the fields about an answer's form to the engine's format, compiled before the request joins the queue. */
import type { Engine, JsonSchema, ResponseFormat } from '../engine/index.ts'
import { HeterospecError } from '../util/errors.ts'
import { ApiError } from './errors.ts'
import type { FormatFields } from './schemas/formats.ts'

/** The format that a request asks for; undefined: any. Throws a 400 that names the field. */
export async function readFormat(body: FormatFields, engine: Engine): Promise<ResponseFormat | undefined> {
  const asked = askedFormats(body)
  const [first, second] = asked
  if (first === undefined) return undefined
  if (second !== undefined) {
    const message = `expected one form of the answer, got ${first.param} and ${second.param}; leave one out`
    throw new ApiError(400, message, { param: second.param, code: 'invalid_value' })
  }
  try {
    await engine.prepareFormat(first.format)
  } catch (error) {
    if (!(error instanceof HeterospecError) || error.code !== 'bad-option') throw error
    throw new ApiError(400, error.message, { param: first.param, code: 'invalid_value', cause: error })
  }
  return first.format
}

// ---------------------------------------------------------------------------------------------------------------

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
  const message = `expected ${param} to be a JSON Schema, got a text that is none; change it`
  throw new ApiError(400, message, { param, code: 'invalid_value' })
}
