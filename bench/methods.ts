/** Names of methods on the command line of the benchmarks: `drafter`, `drafter/budget`, `drafter/fixed:nodes`, `auto`, `off`. */
import { drafterOptions } from '../src/draft/index.ts'
import { budgetOptions } from '../src/policy/index.ts'
import { UsageError } from '../src/util/errors.ts'
import type { SpeculativeOptions } from '../src/engine/index.ts'

export function parseMethod(name: string, draftModel: string | undefined): SpeculativeOptions {
  if (name === 'auto' || name === 'off') return name
  const [drafter = '', budget = 'goodput'] = name.split('/')
  const [policy, nodes] = budget.split(':')
  const parsedDrafter = drafterOptions.safeParse({
    method: drafter,
    ...(drafter === 'model' ? { path: draftModel } : {}),
  })
  const parsedBudget = budgetOptions.safeParse({ policy, ...(nodes === undefined ? {} : { nodes: Number(nodes) }) })
  if (!parsedDrafter.success || !parsedBudget.success) {
    throw new UsageError(
      'bad-option',
      `expected a method as drafter/budget, got "${name}": ${parsedDrafter.error?.message ?? parsedBudget.error?.message ?? ''}`,
    )
  }
  return { drafter: parsedDrafter.data, budget: parsedBudget.data }
}
