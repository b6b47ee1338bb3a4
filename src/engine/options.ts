/**
 * Which speculation to use: one schema, assembled from the schemas of the methods. Flags, validation and the options
 * page derive from it.
 */
import * as z from 'zod'
import { drafterOptions, growsByLevels } from '../draft/index.ts'
import { budgetOptions, DEFAULT_POLICY, DEFAULT_POLICY_OF_LEVELS } from '../policy/index.ts'

/** The budget of those who name none. */
export function usualPolicy(drafter: Parameters<typeof growsByLevels>[0] | undefined): string {
  return drafter && growsByLevels(drafter) ? DEFAULT_POLICY_OF_LEVELS : DEFAULT_POLICY
}

const detailed = z
  .strictObject({ drafter: drafterOptions.optional(), budget: budgetOptions.optional() })
  .transform(({ drafter, budget }) => ({
    ...(drafter && { drafter }),
    budget: budget ?? budgetOptions.parse({ policy: usualPolicy(drafter) }),
  }))

/** What every way of asking comes down to. Without a drafter the engine chooses (`autoDrafter`). */
export type ResolvedSpeculation = z.output<typeof detailed>

/** `auto` = `combined` under the usual budget, of what there is for the model; `off` and false = plain decoding. */
export const speculativeOptions = z
  .union([z.literal(false), z.enum(['auto', 'off']), detailed])
  .transform((options): ResolvedSpeculation => {
    if (typeof options === 'object') return options
    return detailed.parse(options === 'auto' ? {} : { budget: { policy: 'off' } })
  })

/** What a caller may say. */
export type SpeculativeOptions = false | 'auto' | 'off' | z.input<typeof detailed>
