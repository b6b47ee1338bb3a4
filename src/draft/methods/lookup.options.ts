/** Options of `lookup`, apart from the method so that they can be read without loading it. */
import * as z from 'zod'

export const lookupOptions = z.strictObject({
  method: z.literal('lookup'),
  maxNgram: z.int().min(1).max(16).default(5).describe('Longest run of tokens that the index finds at once.'),
  minNgram: z.int().min(1).max(16).default(1).describe('Shortest match that may draft.'),
  maxDepth: z.int().min(1).max(64).default(16).describe('Most tokens copied in a row.'),
  occurrences: z.int().min(1).max(64).default(16).describe('Earlier places compared with each other.'),
})

export type LookupOptions = z.output<typeof lookupOptions>
