/** Options of `combined`, apart from the method so that they can be read without loading it. */
import * as z from 'zod'
import { eagle3Options } from './eagle3.options.ts'
import { lookupOptions } from './lookup.options.ts'
import { modelOptions } from './model.options.ts'
import { recyclingOptions } from './recycling.options.ts'

export const combinedOptions = z.strictObject({
  method: z.literal('combined'),
  sources: z
    .array(z.enum(['lookup', 'recycling', 'model', 'eagle3']))
    .min(1)
    .refine((names) => new Set(names).size === names.length, 'expected each source once')
    .default(['lookup', 'recycling'])
    .describe('The methods whose trees are merged; `model` and `eagle3` need their options.'),
  lookup: lookupOptions.omit({ method: true }).prefault({}).describe('Options of `lookup`.'),
  recycling: recyclingOptions.omit({ method: true }).prefault({}).describe('Options of `recycling`.'),
  model: modelOptions.omit({ method: true }).optional().describe('Options of `model`.'),
  eagle3: eagle3Options.omit({ method: true }).optional().describe('Options of `eagle3`.'),
})

export type CombinedOptions = z.output<typeof combinedOptions>
