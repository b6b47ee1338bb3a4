/** Options of `model`, apart from the method so that they can be read without loading it. */
import * as z from 'zod'

export const modelOptions = z.strictObject({
  method: z.literal('model'),
  path: z.string().min(1).describe('GGUF file of the draft model; its vocabulary must be the target’s.'),
  maxDepth: z.int().min(1).max(32).default(12).describe('Most levels of the tree, each one pass of the draft model.'),
  maxWidth: z
    .int()
    .min(1)
    .max(32)
    .default(10)
    .describe('Most nodes expanded per level and children kept of each; 1 drafts a chain.'),
})

export type ModelOptions = z.output<typeof modelOptions>
