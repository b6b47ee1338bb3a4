/** `/v1/chat/completions` and `/v1/completions`. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { answer, type AnswerFormat } from '../answers.ts'
import { chatWork, textWork } from '../request.ts'
import { usageSchema } from '../schemas/common.ts'
import { chatRequest, textRequest } from '../schemas/completions.ts'
import type { ServerContext, ServerEnv } from '../types.ts'
import { errorResponses, jsonBody } from './shared.ts'

/** Adds both routes. */
export function addCompletions(app: OpenAPIHono<ServerEnv>, context: ServerContext): void {
  app.openapi(chatRoute, (c) => answer(c, context, chatFormat, chatWork(c.req.valid('json'), context)))
  app.openapi(textRoute, (c) => answer(c, context, textFormat, textWork(c.req.valid('json'), context)))
}

// ---------------------------------------------------------------------------------------------------------------

const chatFormat: AnswerFormat = {
  idPrefix: 'chatcmpl',
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  choice: (index, text, finishReason) => ({
    index,
    message: { role: 'assistant', content: text, refusal: null },
    logprobs: null,
    finish_reason: finishReason,
  }),
  opening: (index) => chatChunk(index, { role: 'assistant', content: '' }, null),
  delta: (index, text) => chatChunk(index, { content: text }, null),
  closing: (index, finishReason) => chatChunk(index, {}, finishReason),
}

function chatChunk(index: number, delta: object, finishReason: string | null): object {
  return { index, delta, logprobs: null, finish_reason: finishReason }
}

const textFormat: AnswerFormat = {
  idPrefix: 'cmpl',
  object: 'text_completion',
  chunkObject: 'text_completion',
  choice: textChoice,
  delta: (index, text) => textChoice(index, text, null),
  closing: (index, finishReason) => textChoice(index, '', finishReason),
}

function textChoice(index: number, text: string, finishReason: string | null): object {
  return { index, text, logprobs: null, finish_reason: finishReason }
}

const timingsSchema = z
  .record(z.string(), z.number())
  .describe("llama-server's: cache_n, prompt_n, prompt_ms, predicted_n, predicted_ms, draft_n, draft_n_accepted, ...")

const common = {
  id: z.string(),
  created: z.int(),
  model: z.string(),
  system_fingerprint: z.string(),
  usage: usageSchema,
  timings: timingsSchema,
}

const finishReason = z.enum(['stop', 'length'])

const chatAnswer = z
  .object({
    ...common,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({ role: z.literal('assistant'), content: z.string(), refusal: z.null() }),
        logprobs: z.null(),
        finish_reason: finishReason,
      }),
    ),
  })
  .openapi('ChatCompletion')

const textAnswer = z
  .object({
    ...common,
    object: z.literal('text_completion'),
    choices: z.array(z.object({ index: z.int(), text: z.string(), logprobs: z.null(), finish_reason: finishReason })),
  })
  .openapi('Completion')

/** The answer, or with `stream` its pieces as server-sent events that end with `[DONE]`. */
function answered(schema: z.ZodType) {
  return {
    description: 'The answer; with `stream` as server-sent events that end with `[DONE]`.',
    content: { 'application/json': { schema }, 'text/event-stream': { schema: { type: 'string' as const } } },
  }
}

const chatRoute = createRoute({
  method: 'post',
  path: '/v1/chat/completions',
  summary: 'Answer a conversation',
  request: { body: jsonBody(chatRequest) },
  responses: { 200: answered(chatAnswer), ...errorResponses },
})

const textRoute = createRoute({
  method: 'post',
  path: '/v1/completions',
  summary: 'Continue a text',
  request: { body: jsonBody(textRequest) },
  responses: { 200: answered(textAnswer), ...errorResponses },
})
