/** Judges budgets on recorded answers: a policy per answer, the same machine for all, plain decoding beside them. */
import { defined } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import { createPolicy, memoryOf, type BudgetPolicy, type Calibration, type PolicyMemory } from '../../policy/index.ts'
import { geometricMean } from '../statistics.ts'
import { groupsOf } from '../suite.ts'
import type { VirtualMachine } from './machine.ts'
import { recordedWorld } from './recorded-world.ts'
import { virtualRounds, type VirtualRound } from './rounds.ts'
import type {
  NamedBudget,
  RecordedAnswer,
  Recording,
  SimulatedAnswer,
  SimulatedSummary,
  SimulationMemory,
} from './types.ts'

/** Plain decoding, which every budget is compared with. */
export const PLAIN: NamedBudget = { name: 'off', options: { policy: 'off' } }

/** The group of a summary over all groups. */
export const OVERALL = 'overall'

export interface SimulationParts {
  readonly recording: Recording
  readonly machine: VirtualMachine
  readonly batch: number
  /** What policies start from; undefined: nothing. */
  readonly calibration?: Calibration | undefined
  /** How long a budget remembers what it learned; `question` if left out. */
  readonly memory?: SimulationMemory | undefined
}

/** Every budget, and `off` whether asked for or not, on every answer. Throws `bad-option` for budgets beyond what was recorded. */
export function simulateBudgets(parts: SimulationParts, budgets: readonly NamedBudget[]): SimulatedAnswer[] {
  for (const budget of budgets) checkLimits(budget, parts)
  const others = budgets.filter(({ options }) => options.policy !== 'off')
  const sides = [PLAIN, ...others].map((budget) => ({ budget, memory: memoryOf(parts.calibration) }))
  const carried = parts.memory === 'run'
  return parts.recording.answers.flatMap((answer) =>
    sides.map(({ budget, memory }) =>
      simulateAnswer(answer, budget, parts, carried ? memory : memoryOf(parts.calibration)),
    ),
  )
}

/** Speed-ups over plain decoding, by budget and group; `overall` last. */
export function summariseAnswers(answers: readonly SimulatedAnswer[]): SimulatedSummary[] {
  const budgets = [...new Set(answers.map(({ budget }) => budget))]
  const groups = groupsOf(answers)
  const plain = new Map(answers.filter(({ budget }) => budget === PLAIN.name).map((own) => [keyOf(own), own]))
  return budgets.flatMap((budget) =>
    [...(groups.length > 1 ? groups : []), OVERALL].map((group): SimulatedSummary => {
      const own = answers.filter((row) => row.budget === budget && (group === OVERALL || row.group === group))
      const total = (pick: (row: SimulatedAnswer) => number): number => own.reduce((sum, row) => sum + pick(row), 0)
      const [tokens, calls, verified] = [
        total((row) => row.tokens),
        total((row) => row.calls),
        total((row) => row.verified),
      ]
      return {
        ...{ budget, group, questions: own.length, calls, verified },
        speedup: geometricMean(own.map((row) => perToken(defined(plain.get(keyOf(row)))) / perToken(row))),
        tau: tokens / calls,
        tokensPerMs: tokens / total(timeOf),
      }
    }),
  )
}

/** Virtual milliseconds of an answer. */
export function timeOf({ draftMs, targetMs, hostMs }: SimulatedAnswer): number {
  return draftMs + targetMs + hostMs
}

/** One answer under a policy, which may know something already; `onRound` is shown each round with its first position. */
export function replayAnswer(
  answer: RecordedAnswer,
  { name, policy }: { readonly name: string; readonly policy: BudgetPolicy },
  { machine, batch }: Pick<SimulationParts, 'machine' | 'batch'>,
  onRound?: (round: VirtualRound, position: number) => void,
): SimulatedAnswer {
  const sums = { tokens: 0, calls: 0, verified: 0, draftMs: 0, targetMs: 0, hostMs: 0 }
  for (const round of virtualRounds(recordedWorld(answer, machine, batch), policy)) {
    onRound?.(round, sums.tokens)
    sums.tokens += round.accepted.length + 1
    sums.calls += 1
    sums.verified += round.scored.size
    sums.draftMs += round.draftMs
    sums.targetMs += round.verifyMs
    sums.hostMs += batch * machine.hostMs(round.scored.size - 1)
  }
  const { question, category, group } = answer
  return { ...{ budget: name, question, category, group }, ...sums }
}

// ---------------------------------------------------------------------------------------------------------------

function simulateAnswer(
  answer: RecordedAnswer,
  { name, options }: NamedBudget,
  parts: SimulationParts,
  memory: PolicyMemory,
): SimulatedAnswer {
  return replayAnswer(answer, { name, policy: createPolicy(options, memory) }, parts)
}

/** Suites may use a number in several categories. */
export function keyOf({ question, category }: Pick<SimulatedAnswer, 'question' | 'category'>): string {
  return JSON.stringify([category, question])
}

function perToken(answer: SimulatedAnswer): number {
  return timeOf(answer) / answer.tokens
}

/** Room that never limits a budget. */
const AMPLE = 1 << 20

/** What was not recorded cannot be revealed: a budget that wants more would look worse than it is. */
function checkLimits({ name, options }: NamedBudget, { recording, machine }: SimulationParts): void {
  const limits = recording.tree
  const asked = createPolicy(options).plan({ round: 0, room: AMPLE, context: 0, batch: 1, cost: machine.cost })
  for (const key of ['nodes', 'depth', 'width'] as const) {
    if (asked[key] <= limits[key]) continue
    throw new UsageError(
      'bad-option',
      `expected budgets of at most ${limits[key]} for ${key} (what was recorded), got ${asked[key]} in "${name}"; record again with --tree-${key} ${asked[key]}`,
    )
  }
}
