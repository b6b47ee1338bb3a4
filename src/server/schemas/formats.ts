/** The form of an answer, in the words of OpenAI (`response_format`), llama-server and vLLM. */
import { z } from '@hono/zod-openapi'

const schemaObject = z.union([z.record(z.string(), z.unknown()), z.boolean()], 'a JSON Schema')
/** Characters of a grammar or pattern, and texts to choose from. */
const LONGEST = 100_000
const MOST_CHOICES = 1000

const source = z.string('a text').min(1, 'a text').max(LONGEST, `at most ${LONGEST} characters`)
const choices = z
  .array(z.string('a text').min(1, 'a text'), 'a list of texts')
  .min(1, 'at least one text')
  .max(MOST_CHOICES, `at most ${MOST_CHOICES} texts`)

const responseFormat = z.union(
  [
    z.strictObject({ type: z.literal('text') }),
    z.strictObject({ type: z.literal('json_object'), schema: schemaObject.nullish() }),
    z.strictObject({
      type: z.literal('json_schema'),
      json_schema: z.strictObject({
        name: z.string().nullish(),
        description: z.string().nullish(),
        schema: schemaObject.nullish(),
        strict: z.boolean().nullish(),
      }),
    }),
  ],
  '{"type": "text"}, {"type": "json_object"} or {"type": "json_schema", "json_schema": {"name", "schema"}}',
)

const structured = z.strictObject(
  {
    json: z.union([schemaObject, z.string()]).nullish(),
    json_object: z.boolean().nullish(),
    regex: source.nullish(),
    choice: choices.nullish(),
    grammar: source.nullish(),
  },
  'an object with one of json, json_object, regex, choice and grammar',
)

const onOneLine = 'JSON is written on one line, with properties in the order of the schema'

/** Fields that say what form an answer has; one of them at most. */
export const formatFields = {
  response_format: responseFormat
    .nullish()
    .describe(`The form of the answer: text, any JSON object, or what a JSON Schema describes. ${onOneLine}.`),
  json_schema: schemaObject.nullish().describe('As `response_format` with a schema (llama-server).'),
  grammar: source.nullish().describe('A grammar in EBNF (GBNF) whose start is `root` (llama-server).'),
  guided_json: z
    .union([schemaObject, z.string()], 'a JSON Schema, or one as text')
    .nullish()
    .describe('As `json_schema` (vLLM).'),
  guided_regex: source.nullish().describe('A regular expression that all of the answer matches (vLLM).'),
  guided_choice: choices.nullish().describe('Texts one of which is the answer (vLLM).'),
  guided_grammar: source.nullish().describe('As `grammar` (vLLM).'),
  structured_outputs: structured.nullish().describe('The same four, in one object (vLLM).'),
}

/** What a valid request says about the form of its answer. */
export type FormatFields = z.output<z.ZodObject<typeof formatFields>>
