/**
 * Rounds of a simulation as plain data, and their replay: the same trees, texts and times must lead to the same budgets.
 * A refactoring must not change a single decision; an intended change records again (`scripts/record-replay.ts`) and
 * shows its effect in the same commit.
 */
import { createCostModel, createPolicy } from '../../src/policy/index.ts'
import type { Budget, BudgetOptions, CostSample, LevelReport } from '../../src/policy/index.ts'
import { createTree, pruneTree, type NodeId, type TokenTree } from '../../src/tree/index.ts'
import { simulate, type SimulatedRound, type World } from './simulation.ts'
import { machines, mixed, samplesOf, worldOf } from './worlds.ts'

/** [depth, width, nodes] */
type BudgetRow = readonly number[]

export interface RecordedRound {
  readonly room: number
  readonly context: number
  readonly plan: BudgetRow
  /** The last tree that the policy saw, root excluded: parents, tokens, log-probabilities. */
  readonly parents: readonly number[]
  readonly tokens: readonly number[]
  readonly logProbs: readonly number[]
  /** Depth and frontier of each report, and what the policy made of the budget. */
  readonly revisions: readonly {
    readonly depth: number
    readonly frontier: readonly number[]
    readonly budget: BudgetRow
  }[]
  readonly accepted: readonly number[]
  readonly next: number
  readonly draftMs: number
  readonly verifyMs: number
}

export interface Recording {
  readonly name: string
  readonly options: BudgetOptions
  readonly samples: readonly CostSample[]
  readonly rounds: readonly RecordedRound[]
}

/** Makes the recordings anew. */
export function recordAll(): Recording[] {
  const options: BudgetOptions = { policy: 'goodput', maxNodes: 9, depth: 8, width: 3 }
  const more = { regime: (position: number) => mixed(position * 3.5), noise: 0.05, tokens: 110 }
  return [
    record('a drafter without a model', options, machines.stairs, more),
    record('a draft model', options, machines.flat, { ...more, draft: { by: 'level', ms: 1 } }),
  ]
}

function record(
  name: string,
  options: BudgetOptions,
  machine: Readonly<Record<number, number>>,
  more: Partial<World>,
): Recording {
  const { rounds } = simulate(worldOf(machine, more), createPolicy(options))
  return { name, options, samples: samplesOf(machine), rounds: rounds.map(recordRound) }
}

function recordRound({
  plan,
  revisions,
  accepted,
  next,
  room,
  context,
  draftMs,
  verifyMs,
}: SimulatedRound): RecordedRound {
  const tree = revisions.at(-1)?.level.tree ?? createTree(0)
  return {
    room,
    context,
    plan: row(plan),
    parents: [...tree.parents.slice(1)],
    tokens: [...tree.tokens.slice(1)],
    // Nine digits give a float32 back exactly.
    logProbs: Array.from(tree.logProbs.slice(1), (value) => Number(value.toPrecision(9))),
    revisions: revisions.map(({ level, budget }) => ({
      depth: level.depth,
      frontier: level.frontier,
      budget: row(budget),
    })),
    accepted,
    next,
    draftMs,
    verifyMs,
  }
}

/** The decisions of today's policy in a recording's rounds: plan, then revisions, per round. */
export function replay({ options, samples, rounds }: Recording): BudgetRow[][] {
  const policy = createPolicy(options)
  const cost = createCostModel(samples)
  return rounds.map((recorded, round) => {
    const { room, context, accepted, next, draftMs, verifyMs } = recorded
    const plan = policy.plan({ round, room, context, batch: 1, cost })
    const whole = rebuildTree(recorded)
    let budget = plan
    const decisions = recorded.revisions.map((revision) => {
      budget = policy.revise(levelOf(whole, revision.depth, revision.frontier), budget)
      return row(budget)
    })
    const tree = pruneTree(whole, budget.nodes).tree
    cost.observe(tree.size, context, verifyMs)
    policy.observe({ tree, accepted, next, context, draftMs, verifyMs })
    return [row(plan), ...decisions]
  })
}

/** What was recorded, in the form of `replay`'s answer. */
export function decisionsOf({ rounds }: Recording): BudgetRow[][] {
  return rounds.map(({ plan, revisions }) => [plan, ...revisions.map((revision) => revision.budget)])
}

// ---------------------------------------------------------------------------------------------------------------

function rebuildTree({ parents, tokens, logProbs }: RecordedRound): TokenTree {
  const tree = createTree(0)
  tokens.forEach((token, i) => tree.add(parents[i]!, token, logProbs[i]!))
  return tree
}

/** The tree as it was when it was `depth` levels deep. */
function levelOf(whole: TokenTree, depth: number, frontier: readonly NodeId[]): LevelReport {
  const nodes = Array.from({ length: whole.size }, (_, node) => node).filter((node) => whole.depths[node]! <= depth)
  return { tree: whole.keep(nodes), depth, frontier, topProbs: () => new Float32Array(0) }
}

function row({ depth, width, nodes }: Budget): BudgetRow {
  return [depth, width, nodes]
}
