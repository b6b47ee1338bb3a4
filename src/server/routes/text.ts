/** `/tokenize`, `/detokenize` and `/apply-template`, as llama-server has them. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { ApiError } from '../errors.ts'
import { toolsOf } from '../form.ts'
import { pieceOf } from '../pieces.ts'
import { chatMessages, idsOf } from '../request.ts'
import { messagesSchema } from '../schemas/completions.ts'
import { toolsField } from '../schemas/tools.ts'
import type { ServerContext, ServerEnv } from '../types.ts'
import { errorResponses, json, jsonBody } from './shared.ts'

/** Adds the three routes. */
export function addTextRoutes(app: OpenAPIHono<ServerEnv>, context: ServerContext): void {
  const { tokenizer, template, spec } = context.engine
  app.openapi(tokenizeRoute, async (c) => {
    const { content, add_special, parse_special, with_pieces } = c.req.valid('json')
    const tokens = await tokenizer.tokenizeAside(content, { addSpecial: add_special, parseSpecial: parse_special })
    return c.json({ tokens: with_pieces ? tokens.map((id) => ({ id, piece: pieceOf(id, tokenizer) })) : tokens }, 200)
  })
  app.openapi(detokenizeRoute, (c) => {
    const { tokens, with_pieces } = c.req.valid('json')
    const ids = [...idsOf(tokens, context)]
    const content = tokenizer.detokenize(ids, { special: true })
    return c.json({ content, ...(with_pieces && { pieces: ids.map((id) => pieceOf(id, tokenizer)) }) }, 200)
  })
  app.openapi(templateRoute, (c) => {
    const { messages, tools, add_generation_prompt } = c.req.valid('json')
    if (!template) {
      const message = `expected a model with a chat template, ${spec.name} has none; use /v1/completions`
      throw new ApiError(400, message, { code: 'invalid_prompt' })
    }
    const prompt = template.render(chatMessages(messages), {
      addGenerationPrompt: add_generation_prompt,
      tools: toolsOf(tools ?? []),
    })
    return c.json({ prompt }, 200)
  })
}

// ---------------------------------------------------------------------------------------------------------------

const flag = (fallback: boolean, what: string) => z.boolean('true or false').default(fallback).describe(what)

const piece = z.union([z.string(), z.array(z.int()).readonly()])

const tokenizeRoute = createRoute({
  method: 'post',
  path: '/tokenize',
  summary: 'Text to token ids',
  request: {
    body: jsonBody(
      z
        .strictObject({
          content: z.string('a text'),
          add_special: flag(false, 'Add the token that begins a text, if the model wants one.'),
          parse_special: flag(true, 'Read control tokens in the text as such.'),
          with_pieces: flag(false, "Give each token's text (or bytes) too."),
        })
        .openapi('TokenizeRequest'),
    ),
  },
  responses: {
    200: json(
      'The tokens.',
      z.object({
        tokens: z.array(z.union([z.int(), z.object({ id: z.int(), piece })])),
      }),
    ),
    ...errorResponses,
  },
})

const detokenizeRoute = createRoute({
  method: 'post',
  path: '/detokenize',
  summary: 'Token ids to text',
  request: {
    body: jsonBody(
      z
        .strictObject({
          tokens: z.array(z.int('a token id').min(0, 'a token id'), 'a list of token ids'),
          with_pieces: flag(false, "Give each token's text (or bytes) too."),
        })
        .openapi('DetokenizeRequest'),
    ),
  },
  responses: {
    200: json('The text.', z.object({ content: z.string(), pieces: z.array(piece).optional() })),
    ...errorResponses,
  },
})

const templateRoute = createRoute({
  method: 'post',
  path: '/apply-template',
  summary: 'A conversation as the model reads it',
  request: {
    body: jsonBody(
      z
        .strictObject({
          messages: messagesSchema,
          tools: toolsField,
          add_generation_prompt: flag(true, 'End with the beginning of an answer.'),
        })
        .openapi('TemplateRequest'),
    ),
  },
  responses: { 200: json('The text.', z.object({ prompt: z.string() })), ...errorResponses },
})
