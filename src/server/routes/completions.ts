/** `/v1/chat/completions` and `/v1/completions`. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import type { Tokenizer } from '../../text/index.ts'
import { answer, type AnswerFormat, type AnswerPiece } from '../answers.ts'
import { callDelta, CallIds, wholeCall } from '../calls.ts'
import { chatLogProbs, TextLogProbs } from '../log-probs.ts'
import { chatWork, textWork } from '../request.ts'
import { usageSchema } from '../schemas/common.ts'
import { chatRequest, textRequest } from '../schemas/completions.ts'
import type { ServerContext, ServerEnv } from '../types.ts'
import { errorResponses, jsonBody } from './shared.ts'

/** Adds both routes. */
export function addCompletions(app: OpenAPIHono<ServerEnv>, context: ServerContext): void {
  const { tokenizer } = context.engine
  app.openapi(chatRoute, async (c) =>
    answer(c, context, chatFormat(tokenizer), await chatWork(c.req.valid('json'), context)),
  )
  app.openapi(textRoute, async (c) =>
    answer(c, context, textFormat(tokenizer), await textWork(c.req.valid('json'), context)),
  )
}

// ---------------------------------------------------------------------------------------------------------------

function chatFormat(tokenizer: Tokenizer): AnswerFormat {
  const ids = new CallIds()
  const chunk = (index: number, delta: object, { logProbs }: AnswerPiece, finishReason: string | null): object => ({
    index,
    delta,
    logprobs: chatLogProbs(logProbs, tokenizer),
    finish_reason: finishReason,
  })
  return {
    idPrefix: 'chatcmpl',
    object: 'chat.completion',
    chunkObject: 'chat.completion.chunk',
    choice: (index, { text, toolCalls, logProbs }, finishReason) => ({
      index,
      message: {
        role: 'assistant',
        content: text === '' && toolCalls?.length ? null : text,
        refusal: null,
        ...(toolCalls?.length && { tool_calls: toolCalls.map((call, at) => wholeCall(call, ids.of(index, at))) }),
      },
      logprobs: chatLogProbs(logProbs, tokenizer),
      finish_reason: finishReason,
    }),
    opening: (index) => chunk(index, { role: 'assistant', content: '' }, { text: '' }, null),
    delta: (index, piece) => {
      const calls = piece.calls?.map((call) => callDelta(call, ids.of(index, call.index)))
      const delta = { ...(piece.text !== '' && { content: piece.text }), ...(calls?.length && { tool_calls: calls }) }
      return chunk(index, delta, piece, null)
    },
    closing: (index, rest, finishReason) => chunk(index, {}, rest, finishReason),
  }
}

function textFormat(tokenizer: Tokenizer): AnswerFormat {
  const spellers: TextLogProbs[] = []
  const choice = (index: number, { text, logProbs }: AnswerPiece, finishReason: string | null): object => ({
    index,
    text,
    logprobs: (spellers[index] ??= new TextLogProbs(tokenizer)).spell(logProbs),
    finish_reason: finishReason,
  })
  return {
    idPrefix: 'cmpl',
    object: 'text_completion',
    chunkObject: 'text_completion',
    choice,
    delta: (index, piece) => choice(index, piece, null),
    closing: choice,
  }
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
  metrics: z.looseObject({}).nullable().optional(),
}

const finishReason = z.enum(['stop', 'length', 'tool_calls'])

const tokenSchema = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()) })
const chatLogProbsSchema = z.object({
  content: z.array(tokenSchema.extend({ top_logprobs: z.array(tokenSchema) })),
  refusal: z.null(),
})
const textLogProbsSchema = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number()),
  top_logprobs: z.array(z.record(z.string(), z.number())),
  text_offset: z.array(z.int()),
})

const chatAnswer = z
  .object({
    ...common,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.null(),
          tool_calls: z.array(z.looseObject({ id: z.string(), type: z.literal('function') })).optional(),
        }),
        logprobs: chatLogProbsSchema.nullable(),
        finish_reason: finishReason,
      }),
    ),
  })
  .openapi('ChatCompletion')

const textAnswer = z
  .object({
    ...common,
    object: z.literal('text_completion'),
    choices: z.array(
      z.object({
        index: z.int(),
        text: z.string(),
        logprobs: textLogProbsSchema.nullable(),
        finish_reason: finishReason,
      }),
    ),
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
