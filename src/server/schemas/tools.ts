/** Tools in requests: what may be called, and calls in messages. OpenAI's fields. */
import { z } from '@hono/zod-openapi'

/** OpenAI's limits. */
const MOST_TOOLS = 128
const nameWanted = '1 to 64 letters, digits, _ and -'
const name = z.string(nameWanted).regex(/^[\w-]{1,64}$/, nameWanted)

const tool = z.strictObject(
  {
    type: z.literal('function', '"function"'),
    function: z.strictObject({
      name,
      description: z.string('a text').nullish(),
      parameters: z.record(z.string(), z.unknown(), 'a JSON Schema of an object').nullish(),
      strict: z.boolean('true or false').nullish(),
    }),
  },
  '{"type": "function", "function": {"name", "description", "parameters"}}',
)

/** A list of tools. */
export const toolsField = z
  .array(tool, 'a list of tools')
  .max(MOST_TOOLS, `at most ${MOST_TOOLS} tools`)
  .nullish()
  .describe('What the model may call; calls keep to `parameters`.')

/** Fields of chats about tools. */
export const toolFields = {
  tools: toolsField,
  tool_choice: z
    .union(
      [
        z.enum(['none', 'auto', 'required']),
        z.strictObject({ type: z.literal('function'), function: z.strictObject({ name }) }),
      ],
      '"none", "auto", "required" or {"type": "function", "function": {"name"}}',
    )
    .nullish()
    .describe('Whether a tool is called: as the model likes (`auto`), not at all, at least one, or that one.'),
  parallel_tool_calls: z.boolean('true or false').nullish().describe('May an answer hold several calls? Default true.'),
}

/** Calls in a message of the assistant. */
export const toolCallsField = z
  .array(
    z.strictObject({
      id: z.string('a text'),
      type: z.literal('function', '"function"'),
      function: z.strictObject({
        name,
        arguments: z.string('a JSON object as text'),
        /** What OpenAI's helpers add to what they got. */
        parsed_arguments: z.unknown().optional(),
      }),
      /** In streams, and therefore in what is put together from them. */
      index: z.int().nullish(),
    }),
    'a list of calls',
  )
  .max(MOST_TOOLS, `at most ${MOST_TOOLS} calls`)
  .nullish()

/** What a valid request says about tools. */
export type ToolFields = z.output<z.ZodObject<typeof toolFields>>
