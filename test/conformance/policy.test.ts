/** Every row of the table of policies, with its defaults and with other options. */
import { createPolicy, policies, type BudgetOptions, type PolicyName } from '../../src/policy/index.ts'
import { testPolicy } from './policy.ts'

const variants: readonly BudgetOptions[] = [
  ...Object.keys(policies).map((policy) => ({ policy: policy as PolicyName })),
  { policy: 'fixed', depth: 1, width: 1, nodes: 1 },
  { policy: 'fixed', nodes: 0 },
  { policy: 'eagle', topK: 1, depth: 3, totalTokens: 5 },
  { policy: 'goodput', maxNodes: 1, depth: 1, width: 1 },
  { policy: 'goodput', margin: 0, explore: 1 },
  { policy: 'heterospec', depth: 0, alpha: 3, edges: [0.4, 0.8, 1.1] },
  { policy: 'heterospec', depth: 1, totalTokens: 9, edges: [0.8], gammas: [0, 0.5, 1] },
  { policy: 'heterospec', topK: 1, depth: 2, totalTokens: 1 },
  { policy: 'heterospec', topK: 2, depth: 1, loss: 'paper', ded: false },
  { policy: 'heterospec-cost', maxNodes: 1, depth: 1, width: 1 },
  { policy: 'heterospec-cost', margin: 0, explore: 1 },
]

for (const options of variants) testPolicy(JSON.stringify(options), (memory) => createPolicy(options, memory))
