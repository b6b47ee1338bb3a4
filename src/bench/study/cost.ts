/**
 * `study cost`: the completed method against the best of many fixed settings, EAGLE's tree and plain decoding, and how far it
 * gets on the way to the oracle; at the prices asked for, and along a curve of prices from flat to steep. Pure arithmetic.
 */
import { defined } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import type { BudgetOptions } from '../../policy/index.ts'
import { keyOf, OVERALL, PLAIN, timeOf } from '../simulate/budgets.ts'
import type { VirtualMachine } from '../simulate/machine.ts'
import { ORACLE, oracleAnswer, shareOfWay } from '../simulate/oracle.ts'
import { machineFor, type SimulationOptions } from '../simulate/simulate.ts'
import type { RecordedAnswer, Recording, SimulatedAnswer, TreeLimits } from '../simulate/types.ts'
import { createEstimator } from '../statistics.ts'
import { groupsOf } from '../suite.ts'
import type { CostRow, CostStudyDocument, CrossoverPoint, SweptSetting } from './cost-types.ts'
import { fixedSettings, priceSwept, slowness, sweep, type Swept } from './sweep.ts'
import type { StudyTree, Variant } from './types.ts'
import { ROWS } from './variants.ts'
import { replayVariant } from './world.ts'

export interface CostSettings {
  readonly tree: StudyTree
  /** Whose prices, as in a simulation. */
  readonly prices: Pick<SimulationOptions, 'cost' | 'curve' | 'rowMs' | 'levelMs'>
  /** What each further row costs, of the first one; default: from flat to linear. */
  readonly slopes?: readonly number[] | undefined
}

/** Names of rows besides those of the budgets. */
export const COST_ROWS = { fixed: 'best fixed', cost: 'heterospec-cost', goodput: 'goodput' } as const

/** The whole study. Throws `bad-option` for recordings with too little in them. */
export function studyCost(recording: Recording, { tree, prices, slopes = SLOPES }: CostSettings): CostStudyDocument {
  const { judged, calibration, marked } = halvesOf(recording)
  const limits = limitsOf(recording)
  const budgets = budgetsWithin(limits, tree)
  const swept = sweep(fixedSettings(limits), recording.answers)
  const world = {
    recording,
    judged,
    calibration,
    budgets,
    swept,
    grown: sweep([PLAIN, budgets.eagle], recording.answers),
  }
  const machine = machineFor(recording, { ...prices, batch: 1 })
  const sides = judgeAll(world, machine)
  const { rowMs = defined(recording.prices.target.find(({ rows }) => rows === 1)).ms, levelMs } = prices
  const steep = (slope: number): VirtualMachine =>
    machineFor(recording, { curve: slope === 0 ? 'flat' : `slope:${slope}`, rowMs, levelMs, batch: 1 })
  return {
    ...{ kind: 'heterospec-study', version: 1, study: 'cost', tree, drafter: recording.drafter.name },
    questions: { judged: judged.length, calibration: calibration.length },
    ...{ groups: groupsOf(judged), deepest: limits.depth, machine: machine.name, clock: null },
    remarks: remarksOf(world, limits, marked),
    provenance: recording.provenance,
    rows: summariseCosts(sides),
    sweep: sweptSettings(world, machine, sides),
    crossover: { rowMs, points: slopes.map((slope) => crossoverAt(slope, judgeAll(world, steep(slope)))) },
  }
}

// ---------------------------------------------------------------------------------------------------------------

const SLOPES = [0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1]

interface CostWorld {
  readonly recording: Recording
  readonly judged: readonly RecordedAnswer[]
  readonly calibration: readonly RecordedAnswer[]
  readonly budgets: ReturnType<typeof budgetsWithin>
  readonly swept: readonly Swept[]
  /** Rounds of plain decoding and of EAGLE's tree, which no price changes either. */
  readonly grown: readonly Swept[]
}

/** One variant on the judged questions. */
interface Side {
  readonly name: string
  readonly answers: readonly SimulatedAnswer[]
  /** Sum of the levels of all drafts. */
  readonly levels: number
}

interface Sides {
  /** Plain decoding, EAGLE, best fixed, goodput, heterospec-cost, the oracle. */
  readonly all: readonly Side[]
  readonly best: Swept
}

/** Without marks in the recording every second question of each group is one to learn from. */
function halvesOf({ answers }: Recording): Pick<CostWorld, 'judged' | 'calibration'> & { readonly marked: boolean } {
  const marked = answers.some(({ calibration }) => calibration === true)
  const isCalibration = (answer: RecordedAnswer, index: number): boolean => {
    if (marked) return answer.calibration === true
    return answers.slice(0, index).filter(({ group }) => group === answer.group).length % 2 === 1
  }
  const calibration = answers.filter(isCalibration)
  const judged = answers.filter((answer, index) => !isCalibration(answer, index))
  if (judged.length > 0 && calibration.length > 0) return { judged, calibration, marked }
  throw new UsageError(
    'bad-option',
    `expected questions to choose a fixed setting by and others to judge by, got ${judged.length} to judge and ${calibration.length} to choose by; record two of a group or more`,
  )
}

/** What any budget can have of a recording. */
function limitsOf({ tree, answers }: Recording): TreeLimits {
  const depths = answers.flatMap(({ places }) => places.map(({ levels }) => levels?.at(-1)?.depth ?? 0))
  const deepest = depths.reduce((most, depth) => Math.max(most, depth), 0)
  return { ...tree, depth: deepest === 0 ? tree.depth : Math.min(tree.depth, deepest) }
}

/** The budgets, cut down to what was recorded. */
function budgetsWithin({ nodes, depth, width }: TreeLimits, { topK, depth: below, totalTokens }: StudyTree) {
  const adaptive = { depth: Math.min(16, depth), width: Math.min(10, width), maxNodes: Math.min(63, nodes) }
  const variant = (name: string, options: BudgetOptions): Variant => ({ name, options })
  return {
    eagle: variant(ROWS.eagle, {
      ...{ policy: 'eagle', topK: Math.min(topK, width), depth: Math.min(below, depth - 1) },
      totalTokens: Math.min(totalTokens, nodes + 1),
    }),
    goodput: variant(COST_ROWS.goodput, { policy: 'goodput', ...adaptive, maxNodes: Math.min(31, nodes), width: Math.min(4, width) }), // prettier-ignore
    cost: variant(COST_ROWS.cost, { policy: 'heterospec-cost', ...adaptive }),
  }
}

/** Everything on one machine. The fixed setting is the one that is fastest on the calibration questions there. */
function judgeAll(world: CostWorld, machine: VirtualMachine): Sides {
  const { recording, judged, calibration, swept, grown, budgets } = world
  const slow = swept.map((each) => slowness(priceSwept(each, calibration, machine)))
  const best = defined(swept[slow.indexOf(Math.min(...slow))], 'a fixed setting')
  const fixed = (each: Swept, name: string): Side => ({
    name,
    answers: priceSwept(each, judged, machine),
    levels: judged.flatMap((answer) => each.rounds.get(answer) ?? []).reduce((sum, { levels }) => sum + levels, 0),
  })
  const learning = (variant: Variant): Side => {
    let levels = 0
    const answers = replayVariant({ machine, judged, calibration }, variant, ({ revisions }) => {
      levels += revisions.at(-1)?.level.depth ?? 0
    })
    return { name: variant.name, answers, levels }
  }
  const oracle = judged.map((answer) => oracleAnswer(answer, { recording, machine, batch: 1 }))
  return {
    best,
    all: [
      ...grown.map((each) => fixed(each, each.setting.name)),
      fixed(best, COST_ROWS.fixed),
      ...[budgets.goodput, budgets.cost].map(learning),
      { name: ORACLE, answers: oracle, levels: NaN },
    ],
  }
}

/** Rows by variant and group, `overall` last; with one group only that. */
function summariseCosts({ all }: Sides): CostRow[] {
  const estimate = createEstimator()
  const named = new Map(all.map(({ name, answers }) => [name, new Map(answers.map((own) => [keyOf(own), own]))]))
  const groups = groupsOf(defined(all[0]).answers)
  return all.flatMap(({ name, answers }) =>
    [...(groups.length > 1 ? groups : []), OVERALL].map((group): CostRow => {
      const own = answers.filter((answer) => group === OVERALL || answer.group === group)
      const total = (pick: (answer: SimulatedAnswer) => number): number =>
        own.reduce((sum, answer) => sum + pick(answer), 0)
      const over = (other: string, side: readonly SimulatedAnswer[] = own) =>
        estimate(side.map((answer) => timeOf(defined(named.get(other)?.get(keyOf(answer)))) / timeOf(answer)))
      const oracle = own.map((answer) => defined(named.get(ORACLE)?.get(keyOf(answer))))
      const overFixed = over(COST_ROWS.fixed)
      const calls = total((answer) => answer.calls)
      return {
        ...{ variant: name, group, questions: own.length, calls, verified: total((answer) => answer.verified) },
        tau: total((answer) => answer.tokens) / calls,
        ...{ overPlain: over(PLAIN.name), overFixed, overEagle: over(ROWS.eagle) },
        share: shareOfWay(1, over(COST_ROWS.fixed, oracle).mean, overFixed.mean),
      }
    }),
  )
}

/** The whole table of the sweep, the fastest first. */
function sweptSettings(
  { swept, judged, calibration, grown }: CostWorld,
  machine: VirtualMachine,
  { best }: Sides,
): CostStudyDocument['sweep'] {
  const plain = defined(grown[0])
  const over = (each: Swept, answers: readonly RecordedAnswer[]): number =>
    Math.exp(slowness(priceSwept(plain, answers, machine)) - slowness(priceSwept(each, answers, machine)))
  const settings = swept
    .map((each): SweptSetting => ({
      ...each.setting,
      chosenBy: over(each, calibration),
      judged: over(each, judged),
    }))
    .sort((a, b) => b.chosenBy - a.chosenBy)
  const hindsight = settings.reduce((most, each) => (each.judged > most.judged ? each : most))
  return { best: best.setting.name, hindsight: hindsight.name, settings }
}

function crossoverAt(slope: number, { all, best }: Sides): CrossoverPoint {
  const rows = summariseCosts({ all, best }).filter(({ group }) => group === OVERALL)
  return {
    slope,
    best: best.setting.name,
    sides: all.map(({ name, levels }) => {
      const { overPlain, verified, calls } = defined(rows.find(({ variant }) => variant === name))
      return {
        variant: name,
        overPlain,
        nodes: verified / calls - 1,
        levels: Number.isNaN(levels) ? 0 : levels / calls,
      }
    }),
  }
}

function remarksOf(
  { recording, judged, calibration, swept }: CostWorld,
  limits: TreeLimits,
  marked: boolean,
): string[] {
  const places = recording.answers.reduce((sum, answer) => sum + answer.places.length, 0)
  return [
    `${judged.length} questions are judged (${places} recorded places in all), so intervals are wide; a group of one question has none.`,
    `The best fixed setting is the fastest of ${swept.length} on ${calibration.length} other questions, from which the budgets that learn have learned too${marked ? '' : ' (every second question of each group)'}.`,
    `Recorded trees: up to ${limits.nodes} nodes, ${limits.depth} levels, width ${limits.width}; budgets that ask for more are cut down to that.`,
    'The oracle knows the text: it drafts and verifies only what will come true of the recorded trees, the cheapest way through each answer. No policy can reach it; no policy on these trees is faster.',
    'All speed-ups are by prices, not by a clock.',
  ]
}
