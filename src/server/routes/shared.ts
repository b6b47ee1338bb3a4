/** What descriptions of routes have in common. */
import type { z } from '@hono/zod-openapi'
import { errorSchema } from '../schemas/common.ts'

/** A JSON body that has to be there. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } } as const
}

/** An answer in JSON. */
export function json<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } } as const
}

/** Every route may refuse. */
export const errorResponses = {
  400: json('Something is wrong with the request; `param` names the field.', errorSchema),
  401: json('No known API key.', errorSchema),
  503: json('The queue is full or the server is shutting down; `Retry-After` says when to come back.', errorSchema),
} as const
