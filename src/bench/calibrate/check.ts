/**
 * Holds what was learned against an answer that it was not learned from: chances of single nodes, tokens of a round from
 * every place, and the rounds that the budget in use would make at this machine's prices.
 */
import {
  createPolicy,
  draftJudges,
  priceDrafts,
  type Budget,
  type CalibrationCheck,
  type CalibrationTree,
  type DraftPrice,
  type GroupCheck,
  type PolicyMemory,
  type TokensCheck,
} from '../../policy/index.ts'
import type { TokenTree } from '../../tree/index.ts'
import type { VirtualMachine } from '../simulate/machine.ts'
import { recordedWorld } from '../simulate/recorded-world.ts'
import { virtualRounds } from '../simulate/rounds.ts'
import type { RecordedAnswer } from '../simulate/types.ts'
import { geometricMean } from '../statistics.ts'
import { groupsOf } from '../suite.ts'
import { countNode, emptySums, reliabilityOf } from './reliability.ts'
import { draftAt, freeMachine, usedBudget, wideBudget } from './teach.ts'
import type { HeldAnswer } from './types.ts'

/** The name of all groups together. */
const OVERALL = 'overall'
/** Room that never limits a budget. */
const AMPLE = 1 << 20
/** All that was recorded. */
const WHOLE: Budget = { depth: AMPLE, width: AMPLE, nodes: AMPLE }

/** What this machine takes. */
export interface PricesHere {
  readonly machine: VirtualMachine
  /** What sessions would start from. */
  readonly draft: DraftPrice
}

/** One held-out answer. `memory` is settled, without prices; it is copied. */
export function checkAnswer(
  answer: RecordedAnswer,
  tree: CalibrationTree,
  memory: PolicyMemory,
  here: PricesHere | undefined,
): HeldAnswer {
  const calibrated = emptySums()
  const own = emptySums()
  const text = answer.places.map(({ next }) => next)
  const world = recordedWorld(answer, freeMachine, 1)
  const judgeOfRound = draftJudges(memory)
  for (const position of text.keys()) {
    const judge = judgeOfRound()
    world.draft(position, WHOLE, (level, budget) => {
      judge.see(level)
      return budget
    })
    for (const node of judge.judge(text.slice(position))) {
      countNode(calibrated, node.predicted, node.accepted)
      countNode(own, node.own, node.accepted)
    }
  }
  return {
    ...{ group: answer.group, places: answer.places.length, calibrated, own },
    trees: checkTrees(answer, tree, memory),
    rounds: here === undefined ? null : checkRounds(answer, memory, here),
  }
}

/** All held-out answers as one check. */
export function summariseCheck(answers: readonly HeldAnswer[]): CalibrationCheck {
  const groups = groupsOf(answers)
  return {
    answers: answers.length,
    places: answers.reduce((sum, { places }) => sum + places, 0),
    calibrated: reliabilityOf(answers.map(({ calibrated }) => calibrated)),
    own: reliabilityOf(answers.map(({ own }) => own)),
    groups: [
      ...(groups.length > 1 ? groups : []).map((group) =>
        checkOf(
          group,
          answers.filter((answer) => answer.group === group),
        ),
      ),
      checkOf(OVERALL, answers),
    ],
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** From every place behind which the text is as long as the tree may be deep; nothing is learned on the way. */
function checkTrees(answer: RecordedAnswer, tree: CalibrationTree, memory: PolicyMemory): TokensCheck {
  const world = recordedWorld(answer, freeMachine, 1)
  const sums = { rounds: 0, expected: 0, real: 0 }
  const policy = createPolicy(wideBudget(tree), structuredClone(memory))
  for (let position = 0; position + tree.depth + 1 < world.tokens; position++) {
    const drafted = draftAt(world, policy, position, AMPLE)
    if (drafted === undefined) continue
    const expected = policy.explain?.()?.['tokens']
    sums.rounds++
    sums.expected += typeof expected === 'number' ? expected : 1
    sums.real += 1 + walked(drafted, position, (at) => world.tokenAt(at))
  }
  return perRound(sums)
}

/** Nodes of `tree` on the path that the text takes. */
function walked(tree: TokenTree, position: number, tokenAt: (position: number) => number): number {
  let node = 0
  let steps = 0
  while (tree.children(node).length > 0) {
    node = tree.child(node, tokenAt(position + steps))
    if (node < 0) break
    steps++
  }
  return steps
}

/** The rounds of the budget in use, from the calibration on and learning on its way, as in daily use. */
function checkRounds(
  answer: RecordedAnswer,
  memory: PolicyMemory,
  { machine, draft }: PricesHere,
): NonNullable<HeldAnswer['rounds']> {
  const world = recordedWorld(answer, machine, 1)
  const start = structuredClone(memory)
  priceDrafts(start, draft)
  const sums = { rounds: 0, expected: 0, real: 0 }
  let position = 0
  let ms = 0
  for (const round of virtualRounds(world, createPolicy(usedBudget, start))) {
    const emitted = round.accepted.length + 1
    ms += round.draftMs + round.verifyMs + machine.hostMs(round.scored.size - 1)
    const deepest = round.scored.depths.reduce((most, depth) => Math.max(most, depth), 0)
    // Where the answer ends within the tree nobody knows how far it would have come.
    if (position + deepest + 1 <= world.tokens) {
      const expected = round.why?.['tokens']
      sums.rounds++
      sums.expected += typeof expected === 'number' ? expected : 1
      sums.real += emitted
    }
    position += emitted
  }
  let plainMs = 0
  for (const { context } of answer.places) plainMs += machine.cost.targetMs(1, context) + machine.hostMs(0)
  return { ...perRound(sums), speedup: plainMs / ms }
}

function perRound({ rounds, expected, real }: TokensCheck): TokensCheck {
  const count = Math.max(1, rounds)
  return { rounds, expected: expected / count, real: real / count }
}

function checkOf(group: string, answers: readonly HeldAnswer[]): GroupCheck {
  const rounds = answers.flatMap((answer) => answer.rounds ?? [])
  return {
    ...{ group, answers: answers.length },
    trees: together(answers.map(({ trees }) => trees)),
    rounds:
      rounds.length === 0
        ? null
        : { ...together(rounds), speedup: geometricMean(rounds.map(({ speedup }) => speedup)).mean },
  }
}

function together(checks: readonly TokensCheck[]): TokensCheck {
  const rounds = checks.reduce((sum, check) => sum + check.rounds, 0)
  const total = (pick: (check: TokensCheck) => number): number =>
    checks.reduce((sum, check) => sum + check.rounds * pick(check), 0)
  return perRound({ rounds, expected: total(({ expected }) => expected), real: total(({ real }) => real) })
}
