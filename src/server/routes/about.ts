/** What the server says of itself: models, health, properties, metrics. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { packageVersion } from '../../util/package.ts'
import { ApiError } from '../errors.ts'
import { DEFAULT_TEMPERATURE } from '../request.ts'
import { slotState } from '../slots.ts'
import { offeredMethods } from '../speculation.ts'
import type { ServerContext, ServerEnv } from '../types.ts'
import { errorResponses, json } from './shared.ts'

/** Adds the routes. */
export function addAboutRoutes(app: OpenAPIHono<ServerEnv>, context: ServerContext): void {
  const { gate, metrics } = context
  app.openapi(healthRoute, (c) => c.json({ status: 'ok' as const }, 200))
  app.openapi(readyRoute, (c) => {
    if (!gate.closed) return c.json({ status: 'ok' as const }, 200)
    const message = 'expected a server that takes requests, this one is shutting down; use another one'
    throw new ApiError(503, message, { code: 'shutting_down', retryAfter: 10 })
  })
  app.openapi(modelsRoute, (c) => c.json({ object: 'list' as const, data: modelsOf(context) }, 200))
  app.openapi(modelRoute, (c) => {
    const { model: name } = c.req.valid('param')
    const found = modelsOf(context).find(({ id }) => id === name)
    if (found) return c.json(found, 200)
    const message = `expected one of the models ${context.modelNames.join(', ')}, got another name; see /v1/models`
    throw new ApiError(404, message, { param: 'model', code: 'model_not_found' })
  })
  app.openapi(propsRoute, (c) => c.json(propsOf(context), 200))
  app.openapi(slotsRoute, (c) => {
    const { states } = context.slots
    if (c.req.valid('query').fail_on_no_slot === undefined || states.some((slot) => !slot.is_processing)) {
      return c.json(states, 200)
    }
    throw new ApiError(503, 'expected a free place, all are at work; try again later', { code: 'busy', retryAfter: 1 })
  })
  app.openapi(metricsRoute, async (c) => c.text(await metrics.text(), 200, { 'Content-Type': metrics.contentType }))
}

// ---------------------------------------------------------------------------------------------------------------

const modelSchema = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.int(),
    owned_by: z.string(),
    meta: z.object({
      n_vocab: z.int(),
      n_ctx: z.int(),
      n_ctx_train: z.int(),
      n_embd: z.int(),
      n_params: z.int(),
      size: z.int(),
    }),
  })
  .openapi('Model')

function modelsOf({ engine, modelNames, startedAt }: ServerContext): z.output<typeof modelSchema>[] {
  const { spec } = engine
  return modelNames.map((id) => ({
    id,
    object: 'model',
    created: startedAt,
    owned_by: 'heterospec',
    meta: {
      n_vocab: spec.vocabSize,
      n_ctx: engine.context,
      n_ctx_train: spec.trainedContext,
      n_embd: spec.width,
      n_params: spec.parameterCount,
      size: spec.weightBytes,
    },
  }))
}

/** llama-server's names; files of this machine are not told. */
function propsOf(context: ServerContext) {
  const { engine, modelNames, options, gate } = context
  const { tokenizer } = engine
  const text = (token: number | undefined): string =>
    token === undefined ? '' : new TextDecoder().decode(tokenizer.bytes(token, true))
  return {
    default_generation_settings: {
      n_ctx: engine.context,
      params: { temperature: DEFAULT_TEMPERATURE, ...options.sampling },
    },
    total_slots: gate.places,
    cache_eviction: engine.prefixCache?.eviction ?? null,
    speculative_methods: offeredMethods(context),
    model_alias: modelNames[0],
    chat_template: engine.template?.source ?? '',
    bos_token: text(tokenizer.bos),
    eos_token: text(tokenizer.eos),
    modalities: { vision: false, audio: false },
    // What the file says: the page warns before it chats with a model that was made for vectors.
    pooling: engine.spec.pooling ?? null,
    build_info: `heterospec ${packageVersion()}`,
  }
}

const statusSchema = z.object({ status: z.literal('ok') })

const healthRoute = createRoute({
  method: 'get',
  path: '/health',
  summary: 'Whether the process lives',
  responses: { 200: json('It does.', statusSchema) },
})

const readyRoute = createRoute({
  method: 'get',
  path: '/ready',
  summary: 'Whether requests are taken',
  responses: { 200: json('They are.', statusSchema), 503: errorResponses[503] },
})

const modelsRoute = createRoute({
  method: 'get',
  path: '/v1/models',
  summary: 'The model, by all of its names',
  responses: {
    200: json('The names.', z.object({ object: z.literal('list'), data: z.array(modelSchema) })),
    401: errorResponses[401],
  },
})

const modelRoute = createRoute({
  method: 'get',
  path: '/v1/models/{model}',
  summary: 'The model',
  request: { params: z.object({ model: z.string() }) },
  responses: { 200: json('What is known of it.', modelSchema), 401: errorResponses[401], 404: errorResponses[400] },
})

const propsRoute = createRoute({
  method: 'get',
  path: '/props',
  summary: 'Properties of the server',
  responses: { 200: json('The properties.', z.looseObject({})), 401: errorResponses[401] },
})

const slotsRoute = createRoute({
  method: 'get',
  path: '/slots',
  summary: 'What each place does',
  request: { query: z.object({ fail_on_no_slot: z.string().optional().describe('503 when no place is free.') }) },
  responses: {
    200: json('The places.', z.array(slotState)),
    401: errorResponses[401],
    503: errorResponses[503],
  },
})

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'Counters for Prometheus',
  responses: {
    200: { description: 'The counters.', content: { 'text/plain': { schema: z.string() } } },
    401: errorResponses[401],
  },
})
