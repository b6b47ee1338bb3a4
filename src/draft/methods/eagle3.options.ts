/** Options of `eagle3`, apart from the method so that they can be read without loading it. */
import * as z from 'zod'

export const eagle3Options = z.strictObject({
  method: z.literal('eagle3'),
  path: z.string().min(1).describe('GGUF file of the draft head, made for the target.'),
  maxDepth: z
    .int()
    .min(1)
    .max(32)
    .default(16)
    .describe('Most levels of the tree; each but the first is one pass of the head.'),
  maxWidth: z
    .int()
    .min(1)
    .max(32)
    .default(10)
    .describe('Most nodes expanded per level and children kept of each; 1 drafts a chain.'),
})

export type Eagle3Options = z.output<typeof eagle3Options>
