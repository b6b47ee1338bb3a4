/**
 * Teaches policies from recorded answers as if every place were a round in which nothing is accepted: the tree of each place
 * is judged by the text behind it, so that an answer of a hundred tokens judges a hundred trees. Passes and drafts cost
 * nothing here, so that a policy that goes by prices drafts as much as it may.
 */
import { defined } from '../../util/assert.ts'
import { lastWord, pruneToBudget } from '../../draft/index.ts'
import { createTree, type TokenTree } from '../../tree/index.ts'
import {
  createPolicy,
  type BudgetOptions,
  type BudgetPolicy,
  type CalibrationTree,
  type CostModel,
  type PolicyMemory,
} from '../../policy/index.ts'
import type { VirtualMachine } from '../simulate/machine.ts'
import { recordedWorld } from '../simulate/recorded-world.ts'
import type { VirtualWorld } from '../simulate/rounds.ts'
import type { RecordedAnswer } from '../simulate/types.ts'

const freeCost: CostModel = { targetMs: () => 1, cheapRows: [1, 256], observe: () => undefined }

/** Everything is free. */
export const freeMachine: VirtualMachine = { name: 'free', cost: freeCost, draftMs: () => 0, hostMs: () => 0 }

/** The budget that calibrations are checked with: the completed method. */
export const usedBudget = { policy: 'heterospec-cost' } as const satisfies BudgetOptions

/** The same, wishing for trees as large as `tree` allows. */
export function wideBudget(tree: CalibrationTree): BudgetOptions {
  return { ...usedBudget, ...wholeTree(tree) }
}

/** Every part of a memory has one budget that fills it: `acceptance` goodput, `cost` the completed method, `bins` that of the paper. */
export function learners(tree: CalibrationTree): BudgetOptions[] {
  return [{ policy: 'goodput', ...wholeTree(tree) }, wideBudget(tree), { policy: 'heterospec', ...tree }]
}

function wholeTree({ topK, depth, totalTokens }: CalibrationTree) {
  return { maxNodes: Math.max(1, totalTokens - 1), depth: depth + 1, width: topK, margin: 0 }
}

/** All places of an answer, in order, into `memory`. */
export function teachAnswer(answer: RecordedAnswer, tree: CalibrationTree, memory: PolicyMemory): void {
  for (const options of learners(tree)) {
    const policy = createPolicy(options, memory)
    const world = recordedWorld(answer, freeMachine, 1)
    for (let position = 0; position < world.tokens; position++) {
      const root = createTree(defined(answer.places[position]?.tree.tokens[0]))
      draftAt(world, policy, position, world.roomAt(position))
      const next = world.tokenAt(position)
      policy.observe({ tree: root, accepted: [], next, context: world.contextAt(position), draftMs: 0, verifyMs: 1 })
    }
  }
}

/** Plans and drafts at one place, as if `room` tokens might still come; the tree that would be verified. */
export function draftAt(
  world: VirtualWorld,
  policy: BudgetPolicy,
  position: number,
  room: number,
): TokenTree | undefined {
  const { cost } = world
  const plan = policy.plan({ round: position, room, context: world.contextAt(position), batch: 1, cost })
  if (plan.nodes === 0) return undefined
  let budget = plan
  const { tree } = world.draft(position, plan, (level, before) => {
    const answer = policy.revise(level, before)
    budget = lastWord(plan, level, answer)
    return answer
  })
  return pruneToBudget(tree, budget).tree
}
