/**
 * The application: a function from requests to responses around one engine. It opens no port (`listen.ts` does), so
 * tests and other programs can call it. What a request passes, in order: id and log, host and origin, key, size, schema, route.
 */
import { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import { matchedRoutes } from 'hono/route'
import { secureHeaders } from 'hono/secure-headers'
import type { Context, MiddlewareHandler } from 'hono'
import { realClock } from '../util/clock.ts'
import { UsageError } from '../util/errors.ts'
import { packageVersion } from '../util/package.ts'
import type { Engine } from '../engine/index.ts'
import { requireKey } from './auth.ts'
import { drain } from './drain.ts'
import { ApiError, apiErrorOf, bodyError } from './errors.ts'
import { Gate } from './gate.ts'
import { limitDepth, refuseForeignPages, requireHost } from './guard.ts'
import { silentLogger } from './log.ts'
import { createMetrics } from './metrics/page.ts'
import { readOrigins } from './origins.ts'
import { builtPage, servePage } from './page.ts'
import { checkSampling } from './request.ts'
import { addAboutRoutes } from './routes/about.ts'
import { addCompletions } from './routes/completions.ts'
import { addEmbeddings } from './routes/embeddings.ts'
import { addTextRoutes } from './routes/text.ts'
import { validationError } from './schemas/issues.ts'
import { SlotBoard } from './slots.ts'
import { checkTimeLimit } from './time-limit.ts'
import type { MetricsPage, ServerApp, ServerContext, ServerEnv, ServerLogger, ServerOptions } from './types.ts'

/** The server of an engine, which stays the caller's. Throws `bad-option`. */
export function createApp(engine: Engine, options: ServerOptions = {}): ServerApp {
  const context = createContext(engine, options)
  const { logger, gate } = context
  const origins = readOrigins(options.corsOrigins ?? [])
  const app = new OpenAPIHono<ServerEnv>({
    defaultHook: async (result, c) => {
      if (result.success) return
      throw (
        bodyError(await c.req.text(), c.req.header('content-type')) ?? validationError(result.error, await c.req.json())
      )
    },
  })
  app.use(requestId({ limitLength: 64 }), logRequests(logger), countResponses(context.metrics))
  app.onError((error, c) => answerError(error, c, logger))
  app.notFound((c) => c.json(noSuchPath.body, noSuchPath.status))
  app.use(methodNotAllowed({ app, onMethodNotAllowed: answerMethod }))
  app.use(secureHeaders(), requireHost(options.hostNames), refuseForeignPages(origins))
  if (origins.length > 0) {
    app.use(cors({ origin: origins.includes('*') ? '*' : origins, exposeHeaders: ['X-Request-Id', 'Retry-After'] }))
  }
  if (options.page !== false) app.use(servePage(options.page ?? builtPage()))
  const open = options.openMetrics ? WATCHED_PATHS : OPEN_PATHS
  app.use(requireKey(options.apiKeys ?? [], open))
  app.use(limitBody(options.bodyLimit ?? 4 * 2 ** 20), limitDepth(MOST_LEVELS))
  addAboutRoutes(app, context)
  addTextRoutes(app, context)
  addCompletions(app, context)
  addEmbeddings(app, context)
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'heterospec', version: packageVersion(), description: 'OpenAI-compatible server of one model.' },
  })
  return {
    app,
    gate,
    drain: (limitMs) => drain(context, limitMs),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Paths without a key: whoever watches the process needs none. */
const OPEN_PATHS = ['/health', '/ready']

/** Levels of lists and objects in a body: schemas have 64, of two levels each. */
const MOST_LEVELS = 256

function createContext(engine: Engine, options: ServerOptions): ServerContext {
  const [first = engine.spec.name, ...others] = options.modelNames ?? []
  checkTimeLimit(options.answerSeconds)
  checkSampling(options, engine)
  const gate = new Gate(engine.sequences, checkQueue(options.queueLimit ?? 64))
  return {
    engine,
    options,
    modelNames: [first, ...others],
    gate,
    slots: new SlotBoard(engine.sequences, engine.context),
    metrics: createMetrics({
      names: options.metrics ?? ['heterospec'],
      gate,
      modelName: first,
      capacity: engine.cacheTokens,
      prefixCache: () => engine.prefixCache,
    }),
    logger: options.logger ?? silentLogger,
    closing: new AbortController(),
    startedAt: Math.floor(Date.now() / 1000),
  }
}

function checkQueue(limit: number): number {
  if (Number.isInteger(limit) && limit >= 0) return limit
  throw new UsageError(
    'bad-option',
    `expected a whole number of waiting requests from 0, got ${limit}; change queueLimit`,
  )
}

function logRequests(logger: ServerLogger): MiddlewareHandler<ServerEnv> {
  return async function logRequests(c, next) {
    const began = realClock()
    await next()
    if (OPEN_PATHS.includes(c.req.path)) return
    const { method, path } = c.req
    const ms = Math.round(realClock() - began)
    logger.info(
      { requestId: c.get('requestId'), method, path: path.slice(0, 100), status: c.res.status, ms },
      'request',
    )
  }
}

/** Whoever watches the server is not counted, as at vLLM. */
function countResponses(metrics: MetricsPage): MiddlewareHandler<ServerEnv> {
  return async function countResponses(c, next) {
    await next()
    if (WATCHED_PATHS.includes(c.req.path)) return
    const route = matchedRoutes(c).find(({ method, path }) => method !== 'ALL' && !path.includes('*'))
    // Methods are the client's own words, too.
    const method = KNOWN_METHODS.includes(c.req.method) ? c.req.method : 'other'
    metrics.response(route?.path ?? 'none', method, c.res.status)
  }
}

const WATCHED_PATHS = [...OPEN_PATHS, '/metrics']
const KNOWN_METHODS = ['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']

/** Returned, not thrown: a path that exists becomes a 405 on the way out. */
const noSuchPath = new ApiError(404, 'expected a path of this server, got another one; see /openapi.json', {
  code: 'not_found',
})

function answerMethod(c: Context<ServerEnv>, methods: readonly string[]): Response {
  const allow = methods.join(', ')
  const message = `expected the method ${allow} for this path, got ${c.req.method}; see /openapi.json`
  const { body, status } = new ApiError(405, message, { code: 'method_not_allowed' })
  return c.json(body, status, { Allow: allow })
}

function limitBody(maxSize: number): MiddlewareHandler {
  return bodyLimit({
    maxSize,
    onError: () => {
      const message = `expected a request of at most ${maxSize} bytes, got a larger one; shorten it or start the server with a larger --body-limit`
      throw new ApiError(413, message, { code: 'request_too_large' })
    },
  })
}

function answerError(error: Error, c: Context<ServerEnv>, logger: ServerLogger): Response {
  const requestId = c.get('requestId')
  const { status, body, retryAfter } = apiErrorOf(error, requestId)
  const fields = { requestId, status, code: body.error.code }
  if (status >= 500 && status !== 503) logger.error({ ...fields, error: error.stack ?? error.message }, 'failed')
  else logger.info({ ...fields, param: body.error.param }, 'refused')
  if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
  if (status === 401) c.header('WWW-Authenticate', 'Bearer')
  return c.json(body, status)
}
