/** The table of budget policies. Flags, validation, the options page and the conformance tests read it. */
import * as z from 'zod'
import { UsageError } from '../util/errors.ts'
import { eagle } from './eagle.ts'
import { fixed } from './fixed.ts'
import { goodput } from './goodput.ts'
import { heterospecCost } from './heterospec-cost/policy.ts'
import { heterospec } from './heterospec/policy.ts'
import { createPolicyMemory } from './memory.ts'
import { off } from './off.ts'
import type { BudgetPolicy, PolicyMemory, PolicyModule } from './types.ts'

export const policies = {
  off,
  fixed,
  eagle,
  heterospec,
  'heterospec-cost': heterospecCost,
  goodput,
} satisfies Record<string, PolicyModule>

export type PolicyName = keyof typeof policies

/** The budget of `auto`, and of drafters that were chosen without one. */
export const DEFAULT_POLICY = 'goodput' satisfies PolicyName
/** Of drafters whose levels take a model's time: it prices each of them, and remembers from answer to answer what they are worth. */
export const DEFAULT_POLICY_OF_LEVELS = 'heterospec-cost' satisfies PolicyName

/** The options of every policy; `policy` names it. */
export const budgetOptions = z.discriminatedUnion('policy', [
  off.options,
  fixed.options,
  eagle.options,
  heterospec.options,
  heterospecCost.options,
  goodput.options,
])

/** As a caller may write it: what is left out takes its default. */
export type BudgetOptions = z.input<typeof budgetOptions>

/**
 * A policy for one session. `memory` carries what was learned to the next session of the same drafter and target.
 * Throws `bad-option` on options that do not fit.
 */
export function createPolicy(options: BudgetOptions, memory: PolicyMemory = createPolicyMemory()): BudgetPolicy {
  const parsed = budgetOptions.safeParse(options)
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')
    throw new UsageError('bad-option', `expected options of a budget policy, got ${issues}; see the page of the policy`)
  }
  const module: PolicyModule = policies[parsed.data.policy]
  return module.create(parsed.data, memory)
}
