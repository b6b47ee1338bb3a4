/**
 * Which speculation to use: one schema, assembled from the schemas of the methods. Flags, validation and the options
 * page derive from it.
 */
import * as z from 'zod'
import { drafterOptions } from '../draft/index.ts'
import { budgetOptions, DEFAULT_POLICY } from '../policy/index.ts'

const detailed = z.strictObject({
  drafter: drafterOptions.optional(),
  budget: budgetOptions.prefault({ policy: DEFAULT_POLICY }),
})

/** What every way of asking comes down to. Without a drafter the engine chooses (`autoDrafter`). */
export type ResolvedSpeculation = z.output<typeof detailed>

/** `auto` = `combined` under `DEFAULT_POLICY`, of what there is for the model; `off` and false = plain decoding. */
export const speculativeOptions = z
  .union([z.literal(false), z.enum(['auto', 'off']), detailed])
  .transform((options): ResolvedSpeculation => {
    if (typeof options === 'object') return options
    const policy = options === 'auto' ? DEFAULT_POLICY : 'off'
    return detailed.parse({ budget: { policy } })
  })

/** What a caller may say. */
export type SpeculativeOptions = false | 'auto' | 'off' | z.input<typeof detailed>
