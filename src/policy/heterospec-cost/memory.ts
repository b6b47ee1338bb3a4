/** What `heterospec-cost` starts from: nothing, or what a calibration has taught it. */
import type { CostMemory, PolicyMemory } from '../types.ts'
import { capOutlook } from './outlook.ts'

/** The policy's own part of a memory; made where it is missing. */
export function costMemory(memory: PolicyMemory): CostMemory {
  memory.cost ??= { acceptance: [], outlook: { weights: [], chances: [] }, growth: null, ...ofMachine() }
  return memory.cost
}

/**
 * A copy to start from: what drafts are worth stays, with kinds of the outlook as heavy as `heaviest` nodes at most; times, and
 * whether drafting paid, belong to a machine and to its prices, and go. Counts are left as they are.
 */
export function settleCost(memory: CostMemory, heaviest: number): CostMemory {
  return { ...memory, ...ofMachine(), outlook: capOutlook(memory.outlook, heaviest) }
}

// ---------------------------------------------------------------------------------------------------------------

/** What a machine has to say first. */
function ofMachine(): Pick<CostMemory, 'draftTimes' | 'hostTimes' | 'trials'> {
  return {
    draftTimes: { products: [], moments: [] },
    hostTimes: { products: [], moments: [] },
    trials: {
      gain: 0,
      worth: 0,
      drafted: 0,
      interval: 1,
      wait: 0,
      debt: 0,
      startMs: null,
      answers: 0,
      answerTokens: 0,
    },
  }
}
