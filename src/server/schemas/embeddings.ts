/** Body of `/v1/embeddings`: OpenAI's fields, and those of llama-server and vLLM that ask for what is done anyway. */
import { z } from '@hono/zod-openapi'
import { requestFields } from './common.ts'
import { refusedInEmbeddings } from './refused.ts'

/** Texts of one request: OpenAI's limit. */
const MOST_INPUTS = 2048

const inputWanted = `a text, a list of token ids, or a list of at most ${MOST_INPUTS} of one of them`
const tokenIds = z.array(z.int().min(0)).min(1)

/** Body of `/v1/embeddings`. */
export const embeddingRequest = z
  .strictObject({
    input: z
      .union(
        [z.string(), z.array(z.string()).min(1).max(MOST_INPUTS), tokenIds, z.array(tokenIds).min(1).max(MOST_INPUTS)],
        inputWanted,
      )
      .describe('Text whose vector is wanted, or token ids; several give several vectors.'),
    model: requestFields.model,
    encoding_format: z
      .enum(['float', 'base64'], '"float" or "base64"')
      .nullish()
      .describe('Vectors as numbers (default), or as base64 of 32-bit floats, lowest byte first.'),
    dimensions: z
      .int('a whole number from 1')
      .min(1, 'a whole number from 1')
      .nullish()
      .describe("Only the model's own width: a part of a vector means nothing unless the model was trained for it."),
    priority: requestFields.priority,
    user: requestFields.user,
    ...refusedInEmbeddings,
  })
  .openapi('EmbeddingRequest')

/** A valid body of `/v1/embeddings`. */
export type EmbeddingRequest = z.output<typeof embeddingRequest>
