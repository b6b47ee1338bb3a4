/** Requests for answers: chats and plain texts. */
import { z } from '@hono/zod-openapi'
import { logProbCount, requestFields, samplingFields } from './common.ts'
import { formatFields } from './formats.ts'
import { refusedAnywhere, refusedInChats, refusedInTexts } from './refused.ts'
import { toolCallsField, toolFields } from './tools.ts'

const roles = ['system', 'developer', 'user', 'assistant', 'tool'] as const

const content = z.union(
  [z.string(), z.array(z.strictObject({ type: z.literal('text'), text: z.string() })).min(1)],
  'a text, or a list of {"type": "text", "text": ...}',
)

/** One message of a conversation. */
export const messageSchema = z
  .strictObject({
    role: z.enum(roles, `one of ${roles.join(', ')}`).describe('`developer` is read as `system`.'),
    content: content.nullish().describe('A text, or texts that belong together; may be left out beside `tool_calls`.'),
    name: z.string('a text').nullish().describe('Of tools only; a label without effect.'),
    tool_calls: toolCallsField,
    tool_call_id: z.string('a text').nullish().describe('Of tools: the call that is answered.'),
    function_call: z.null('left out (use tool_calls)').optional(),
    refusal: z.null('left out').optional(),
    parsed: z.unknown().optional().describe("What OpenAI's helpers add to answers; without effect."),
    audio: z.null('left out (text only)').optional(),
    annotations: z.array(z.unknown(), 'empty').max(0, 'empty').nullish(),
  })
  .openapi('Message')

/** A conversation. */
export const messagesSchema = z.array(messageSchema, 'a list of messages').min(1, 'a list of at least one message')

/** Body of `/v1/chat/completions`. */
export const chatRequest = z
  .strictObject({
    messages: messagesSchema,
    max_completion_tokens: requestFields.max_tokens,
    logprobs: z
      .boolean('true or false')
      .nullish()
      .describe('Tell how likely the model found each token of the answer, before bias, penalties and temperature.'),
    top_logprobs: logProbCount
      .nullish()
      .describe('And as many of the likeliest tokens at its place; wants `logprobs`.'),
    ...samplingFields,
    ...requestFields,
    ...formatFields,
    ...toolFields,
    ...refusedAnywhere,
    ...refusedInChats,
  })
  .openapi('ChatCompletionRequest')

const tokenIds = z.array(z.int().min(0)).min(1)

/** Body of `/v1/completions`. */
export const textRequest = z
  .strictObject({
    prompt: z
      .union(
        [z.string(), z.array(z.string()).min(1).max(64), tokenIds, z.array(tokenIds).min(1).max(64)],
        'a text, a list of token ids, or a list of at most 64 of one of them',
      )
      .describe('Text to continue, or token ids; several give several answers.'),
    logprobs: logProbCount
      .nullish()
      .describe('Tell how likely the model found each token, and as many of the likeliest tokens at its place.'),
    ...samplingFields,
    ...requestFields,
    ...formatFields,
    ...refusedAnywhere,
    ...refusedInTexts,
  })
  .openapi('CompletionRequest')

/** A valid body of `/v1/chat/completions`. */
export type ChatRequest = z.output<typeof chatRequest>

/** A valid body of `/v1/completions`. */
export type TextRequest = z.output<typeof textRequest>

/** A valid message. */
export type Message = z.output<typeof messageSchema>
