/**
 * What a budget's decisions take per round, drafting and passes left out: recorded-like rounds of a world without models,
 * replayed to fresh policies. `npx tsx bench/decisions.ts`. Goal: at most 0.1 ms a round.
 */
import { createPolicy, type BudgetOptions, type BudgetPolicy } from '../src/policy/index.ts'
import { median } from '../src/util/math.ts'
import { simulate } from '../test/replay/simulation.ts'
import { machines, mixed, worldOf } from '../test/replay/worlds.ts'

/** The same policy, with the time of its answers, round by round. */
function timed(policy: BudgetPolicy): { readonly policy: BudgetPolicy; readonly spent: number[] } {
  const spent: number[] = []
  const clock = <T>(work: () => T): T => {
    const started = performance.now()
    const result = work()
    spent[spent.length - 1] = (spent.at(-1) ?? 0) + performance.now() - started
    return result
  }
  return {
    spent,
    policy: {
      name: policy.name,
      plan: (context) => {
        spent.push(0)
        return clock(() => policy.plan(context))
      },
      revise: (level, budget) => clock(() => policy.revise(level, budget)),
      observe: (outcome) => clock(() => policy.observe(outcome)),
    },
  }
}

const free = { 1: 20, 2: 20, 8: 20, 16: 20, 32: 20, 64: 20 }
const budgets: BudgetOptions[] = [{ policy: 'goodput' }, { policy: 'heterospec-cost' }, { policy: 'heterospec' }]
for (const [name, machine] of Object.entries({ ...machines, free })) {
  for (const by of ['tree', 'level'] as const) {
    for (const options of budgets) {
      const world = () => worldOf(machine, { regime: mixed, tokens: 3000, draft: { by, ms: 0.3 } })
      simulate(world(), createPolicy(options))
      const { policy, spent } = timed(createPolicy(options))
      const { rounds } = simulate(world(), policy)
      const nodes = rounds.reduce((sum, { revisions }) => sum + (revisions.at(-1)?.level.tree.size ?? 1) - 1, 0)
      const perRound = (1000 * median(spent)).toFixed(0)
      console.log(
        `${options.policy}, ${name}, by ${by}: ${perRound} us in the median round, ${(nodes / rounds.length).toFixed(1)} nodes drafted`,
      )
    }
  }
}
