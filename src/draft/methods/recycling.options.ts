/** Options of `recycling`, apart from the method so that they can be read without loading it. */
import * as z from 'zod'

export const recyclingOptions = z.strictObject({
  method: z.literal('recycling'),
  maxDepth: z.int().min(1).max(32).default(8).describe('Most levels of the tree.'),
  promptRows: z
    .int()
    .min(0)
    .max(1024)
    .default(8)
    .describe('Most rows of a prompt whose logits are computed to fill the table.'),
})

export type RecyclingOptions = z.output<typeof recyclingOptions>
