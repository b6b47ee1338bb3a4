/**
 * A sweep of fixed settings. Their rounds depend on no price, so each is replayed once and priced as often as wanted.
 */
import { defined } from '../../util/assert.ts'
import { mean } from '../../util/math.ts'
import { createPolicy, type Budget, type CostModel } from '../../policy/index.ts'
import { timeOf } from '../simulate/budgets.ts'
import type { VirtualMachine } from '../simulate/machine.ts'
import { recordedWorld } from '../simulate/recorded-world.ts'
import { virtualRounds } from '../simulate/rounds.ts'
import type { RecordedAnswer, SimulatedAnswer, TreeLimits } from '../simulate/types.ts'
import type { Variant } from './types.ts'

/** Chains of up to 16 nodes, and trees of every width, depth and number of nodes that a recording can tell of. */
export function fixedSettings(limits: TreeLimits): Variant[] {
  const chains = CHAINS.map((nodes) => ({ depth: nodes, width: 1, nodes }))
  const trees = WIDTHS.flatMap((width) => [
    { depth: 1, width, nodes: width },
    ...DEPTHS.flatMap((depth) => NODES.map((nodes) => ({ depth, width, nodes }))),
  ])
  return [...chains, ...trees]
    .filter(({ depth, nodes }) => nodes >= depth)
    .filter(({ depth, width, nodes }) => depth <= limits.depth && width <= limits.width && nodes <= limits.nodes)
    .map((budget) => ({ name: nameOf(budget), options: { policy: 'fixed', ...budget } }))
}

/** A round that no price changes. */
export interface FixedRound {
  readonly context: number
  readonly rows: number
  readonly tokens: number
  /** Undefined for plain rounds. */
  readonly draft: { readonly budget: Budget; readonly widths: readonly number[] | undefined } | undefined
  /** Levels of the drafted tree. */
  readonly levels: number
}

/** The rounds of one answer under a policy that looks at no prices (`off`, `fixed`, `eagle`). */
export function fixedRounds(answer: RecordedAnswer, { options }: Variant): FixedRound[] {
  let draft: FixedRound['draft']
  const listening: VirtualMachine = {
    ...{ name: 'none', cost: NO_PRICES, hostMs: () => 0 },
    draftMs: (budget, widths) => {
      draft = { budget, widths }
      return 0
    },
  }
  const rounds: FixedRound[] = []
  for (const round of virtualRounds(recordedWorld(answer, listening, 1), createPolicy(options))) {
    const { context, scored, accepted, revisions } = round
    const levels = revisions.at(-1)?.level.depth ?? 0
    rounds.push({ context, rows: scored.size, tokens: accepted.length + 1, draft, levels })
    draft = undefined
  }
  return rounds
}

/** What such rounds take on a machine. */
export function priceRounds(
  rounds: readonly FixedRound[],
  { question, category, group }: RecordedAnswer,
  { name }: Pick<Variant, 'name'>,
  machine: VirtualMachine,
): SimulatedAnswer {
  const total = (of: (round: FixedRound) => number): number => rounds.reduce((sum, round) => sum + of(round), 0)
  return {
    ...{ budget: name, question, category, group, calls: rounds.length },
    tokens: total((round) => round.tokens),
    verified: total((round) => round.rows),
    draftMs: total(({ draft }) => (draft === undefined ? 0 : machine.draftMs(draft.budget, draft.widths))),
    targetMs: total(({ rows, context }) => machine.cost.targetMs(rows, context)),
    hostMs: total(({ rows }) => machine.hostMs(rows - 1)),
  }
}

/** A setting with its rounds on some answers. */
export interface Swept {
  readonly setting: Variant
  readonly rounds: ReadonlyMap<RecordedAnswer, readonly FixedRound[]>
}

/** Replays every setting on every answer. */
export function sweep(settings: readonly Variant[], answers: readonly RecordedAnswer[]): Swept[] {
  return settings.map((setting) => ({
    setting,
    rounds: new Map(answers.map((answer) => [answer, fixedRounds(answer, setting)])),
  }))
}

/** One setting on some of its answers. */
export function priceSwept(
  swept: Swept,
  answers: readonly RecordedAnswer[],
  machine: VirtualMachine,
): SimulatedAnswer[] {
  return answers.map((answer) => priceRounds(defined(swept.rounds.get(answer)), answer, swept.setting, machine))
}

/** Mean logarithm of the time per token: what a sweep makes as small as it can, since speed-ups are geometric means too. */
export function slowness(answers: readonly SimulatedAnswer[]): number {
  return mean(answers.map((answer) => Math.log(timeOf(answer) / answer.tokens)))
}

// ---------------------------------------------------------------------------------------------------------------

const CHAINS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16]
const WIDTHS = [2, 4, 10]
const DEPTHS = [2, 4, 6, 8, 12]
const NODES = [4, 8, 16, 32, 59]

const NO_PRICES: CostModel = { targetMs: () => 1, cheapRows: [1], observe: () => undefined }

function nameOf({ depth, width, nodes }: Budget): string {
  return width === 1 ? `chain of ${nodes}` : `${nodes} nodes, depth ${depth}, width ${width}`
}
