/** `/v1/embeddings`. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { embedAll } from '../embeddings.ts'
import { embeddingRequest } from '../schemas/embeddings.ts'
import type { ServerContext, ServerEnv } from '../types.ts'
import { errorResponses, json, jsonBody } from './shared.ts'

/** Adds the route. */
export function addEmbeddings(app: OpenAPIHono<ServerEnv>, context: ServerContext): void {
  app.openapi(embeddingRoute, async (c) => c.json(await embedAll(c, context, c.req.valid('json')), 200))
}

// ---------------------------------------------------------------------------------------------------------------

const embeddingAnswer = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        object: z.literal('embedding'),
        index: z.int(),
        embedding: z.union([z.array(z.number()), z.string()]),
      }),
    ),
    model: z.string(),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .openapi('Embeddings')

const embeddingRoute = createRoute({
  method: 'post',
  path: '/v1/embeddings',
  summary: 'Vectors of texts',
  request: { body: jsonBody(embeddingRequest) },
  responses: { 200: json('The vectors, each of length 1.', embeddingAnswer), ...errorResponses },
})
