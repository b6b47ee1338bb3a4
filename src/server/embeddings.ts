/**
 * Vectors of the texts of one HTTP request. They wait for one place among the answers and are read there one after the other, in passes
 * that they share with those in work; when the client leaves, the one that is being read ends within a pass.
 */
import type { Context } from 'hono'
import { encodePrompt, refusePooling, type Pooling } from '../engine/index.ts'
import { joinSignals } from '../util/signals.ts'
import { ApiError } from './errors.ts'
import { idsOf, requireModel } from './request.ts'
import type { EmbeddingRequest } from './schemas/embeddings.ts'
import { lateError, timeLimit } from './time-limit.ts'
import type { ServerContext, ServerEnv } from './types.ts'

/** OpenAI's answer. */
export interface EmbeddingAnswer {
  readonly object: 'list'
  readonly data: { readonly object: 'embedding'; readonly index: number; readonly embedding: number[] | string }[]
  readonly model: string
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number }
}

/** Answers a valid body. Throws 400, 404 and 503 before any work where it can. */
export async function embedAll(
  c: Context<ServerEnv>,
  context: ServerContext,
  body: EmbeddingRequest,
): Promise<EmbeddingAnswer> {
  requireModel(body.model, context)
  const pooling = requirePooling(context)
  requireWidth(body.dimensions, context)
  const inputs = await Promise.all(
    inputsOf(body.input).map(async (input) =>
      Int32Array.from(await encodePrompt(context.engine, typeof input === 'string' ? input : idsOf(input, context))),
    ),
  )
  const vectors = await readAll(c, context, inputs, { pooling, priority: body.priority ?? 0 })
  const tokens = inputs.reduce((sum, { length }) => sum + length, 0)
  const spell = body.encoding_format === 'base64' ? base64Of : numbersOf
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: spell(vector) })),
    model: context.modelNames[0],
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  }
}

// ---------------------------------------------------------------------------------------------------------------

interface Wish {
  readonly pooling: Pooling
  readonly priority: number
}

async function readAll(
  c: Context<ServerEnv>,
  context: ServerContext,
  inputs: readonly Int32Array[],
  { pooling, priority }: Wish,
): Promise<Float32Array[]> {
  const { gate, slots, engine, logger, closing, metrics } = context
  const late = timeLimit(context)
  using joined = joinSignals([c.req.raw.signal, closing.signal, ...(late ? [late] : [])])
  const { signal } = joined
  const [ticket] = gate.admit(1)
  try {
    const queueMs = (await ticket?.enter(signal, priority)) ?? 0
    const task = slots.begin({ maxTokens: 0 })
    const observer = metrics.beginTexts(queueMs)
    const onPrefill = task.prefill.bind(task)
    try {
      const vectors: Float32Array[] = []
      for (const input of inputs) {
        const { vector, tokens } = await engine.embed({ input, pooling, priority, signal, onPrefill })
        observer.text(tokens)
        vectors.push(vector)
      }
      logger.info({ requestId: c.get('requestId'), texts: inputs.length, queueMs: Math.round(queueMs) }, 'embeddings')
      return vectors
    } catch (error) {
      observer.gone(signal.aborted ? 'abort' : 'error')
      throw error
    } finally {
      task.end()
    }
  } catch (error) {
    throw late?.aborted ? lateError(context) : error
  } finally {
    ticket?.leave()
  }
}

function requirePooling({ engine, options }: ServerContext): Pooling {
  const pooling = options.pooling ?? engine.spec.pooling
  if (pooling) return pooling
  try {
    return refusePooling(engine.spec.name)
  } catch (error) {
    const message = `${error instanceof Error ? error.message : String(error)}, with --pooling`
    throw new ApiError(400, message, { code: 'unsupported_model', cause: error })
  }
}

function requireWidth(dimensions: number | null | undefined, { engine }: ServerContext): void {
  const { width } = engine.spec
  if (dimensions == null || dimensions === width) return
  const message = `expected dimensions to be ${width} (all that this model gives), got ${dimensions}; leave it out`
  throw new ApiError(400, message, { param: 'dimensions', code: 'invalid_value' })
}

function inputsOf(input: EmbeddingRequest['input']): readonly (string | readonly number[])[] {
  if (typeof input === 'string') return [input]
  if (typeof input[0] === 'number') return [input as number[]]
  return input as string[] | number[][]
}

/** Nine digits are all that a 32-bit float has. */
function numbersOf(vector: Float32Array): number[] {
  return Array.from(vector, (value) => Number(value.toPrecision(9)))
}

/** Lowest byte first, whatever this machine does. */
function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(4 * vector.length)
  vector.forEach((value, index) => bytes.writeFloatLE(value, 4 * index))
  return bytes.toString('base64')
}
