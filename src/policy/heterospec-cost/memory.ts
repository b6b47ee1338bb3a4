/** What `heterospec-cost` starts from when nobody has learned anything yet. */
import type { CostMemory, PolicyMemory } from '../types.ts'

/** The policy's own part of a memory; made where it is missing. */
export function costMemory(memory: PolicyMemory): CostMemory {
  memory.cost ??= {
    acceptance: [],
    outlook: { weights: [], chances: [] },
    draftTimes: { products: [], moments: [] },
    hostTimes: { products: [], moments: [] },
    byLevels: null,
    trials: { gain: 0, drafted: 0, interval: 1, wait: 0, debt: 0, startMs: null, answers: 0, answerTokens: 0 },
  }
  return memory.cost
}
