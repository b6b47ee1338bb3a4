/** What studies replay: recorded answers, the prices of the machine that recorded, bins, and EAGLE's rounds judged. */
import { UsageError } from '../../util/errors.ts'
import {
  createPolicy,
  createPolicyMemory,
  fitBins,
  metaPath,
  OpenSample,
  type BinSample,
  type PolicyMemory,
  type SplitLoss,
} from '../../policy/index.ts'
import { replayAnswer } from '../simulate/budgets.ts'
import type { VirtualMachine } from '../simulate/machine.ts'
import { recordedWorld } from '../simulate/recorded-world.ts'
import { virtualRounds, type VirtualRound } from '../simulate/rounds.ts'
import { machineFor, type SimulationOptions } from '../simulate/simulate.ts'
import type { RecordedAnswer, Recording, SimulatedAnswer } from '../simulate/types.ts'
import { groupsOf } from '../suite.ts'
import type { BenchDocument } from '../types.ts'
import { growsNoLevels } from './recording.ts'
import type { StudyBins, StudyFacts, StudyTree, Variant } from './types.ts'

export interface StudySettings {
  readonly tree: StudyTree
  readonly loss: SplitLoss
  /** Bins of the caller, instead of those that the calibration questions give. */
  readonly edges: readonly number[]
  /** Whose prices, as in a simulation; the machine that recorded if left out. */
  readonly prices?: Pick<SimulationOptions, 'cost' | 'curve' | 'rowMs'> | undefined
}

export interface StudyWorld {
  readonly recording: Recording
  readonly machine: VirtualMachine
  readonly tree: StudyTree
  readonly judged: readonly RecordedAnswer[]
  readonly calibration: readonly RecordedAnswer[]
  /** EAGLE's round at every place of the calibration questions. */
  readonly learned: readonly JudgedRound[]
  readonly bins: StudyBins
  readonly deepest: number
}

/** A round of EAGLE's whole tree, and what the text made of it. */
export interface JudgedRound extends BinSample {
  /** Tokens emitted. */
  readonly tokens: number
}

/** Everything that studies compute with. Throws `bad-option` for recordings that say nothing about such trees. */
export function openWorld(recording: Recording, { tree, loss, edges, prices }: StudySettings): StudyWorld {
  const levels = recording.answers.flatMap(({ places }) => places.map((place) => place.levels?.length ?? 0))
  const deepest = levels.reduce((most, count) => Math.max(most, count), 0)
  requireLevels(recording, tree, deepest)
  const judged = recording.answers.filter(({ calibration }) => calibration !== true)
  const calibration = recording.answers.filter((answer) => answer.calibration === true)
  const machine = machineFor(recording, { ...prices, batch: 1 })
  const base = { recording, machine, tree, judged, calibration, deepest }
  const learned = calibration.flatMap((answer) => judgePlaces(base, answer))
  const fitted = fitBins(learned, { loss })
  const given = edges.length > 0
  const bins: StudyBins = {
    edges: given ? edges : fitted.edges,
    basis: given ? 'given' : fitted.edges.length > 0 ? fitted.basis : 'none',
    samples: given ? 0 : fitted.samples,
    rounds: learned.length,
    fullyAccepted: learned.filter(({ fullyAccepted }) => fullyAccepted).length,
  }
  return { ...base, learned, bins }
}

/** EAGLE's rounds of one answer. `leftOut` counts those with a tree that the answer's end cut, or whose text ends too early. */
export function judgeEagle(
  { machine, tree }: Pick<StudyWorld, 'machine' | 'tree'>,
  answer: RecordedAnswer,
): { readonly rounds: readonly JudgedRound[]; readonly leftOut: number; readonly sums: SimulatedAnswer } {
  const rounds: JudgedRound[] = []
  let leftOut = 0
  const policy = createPolicy({ policy: 'eagle', ...tree })
  const sums = replayAnswer(answer, { name: 'eagle', policy }, { machine, batch: 1 }, (round, position) => {
    const judged = judge(round, tree, answer, position)
    if (judged) rounds.push(judged)
    else leftOut++
  })
  return { rounds, leftOut, sums }
}

/** A variant on the judged questions, each begun with what the calibration questions taught it; `onRound` sees the rounds of the judged ones. */
export function replayVariant(
  { machine, judged, calibration }: Pick<StudyWorld, 'machine' | 'judged' | 'calibration'>,
  variant: Variant,
  onRound?: (round: VirtualRound) => void,
): SimulatedAnswer[] {
  const parts = { machine, batch: 1 }
  const { name, options } = variant
  const memory = createPolicyMemory()
  for (const answer of calibration) replayAnswer(answer, { name, policy: createPolicy(options, memory) }, parts)
  return judged.map((answer) => {
    const own: PolicyMemory = structuredClone(memory)
    return replayAnswer(answer, { name, policy: createPolicy(options, own) }, parts, onRound)
  })
}

/** What all documents have in common. */
export function factsOf(world: StudyWorld, remarks: readonly string[], clock: BenchDocument | null): StudyFacts {
  const { recording, machine, tree, judged, calibration, bins, deepest } = world
  return {
    ...{ kind: 'heterospec-study', version: 1, tree, drafter: recording.drafter.name, deepest, bins },
    questions: { judged: judged.length, calibration: calibration.length },
    ...{ groups: groupsOf(judged), machine: machine.name, clock, provenance: recording.provenance },
    remarks: [...binRemarks(world), ...remarks],
  }
}

// ---------------------------------------------------------------------------------------------------------------

function requireLevels(recording: Recording, { topK, depth }: StudyTree, deepest: number): void {
  if (deepest === 0) throw growsNoLevels(recording.drafter.name)
  if (recording.tree.width < topK) {
    throw new UsageError(
      'bad-option',
      `expected a recording at least ${topK} nodes wide (--top-k), got ${recording.tree.width}; record with --tree-width ${topK}`,
    )
  }
  if (deepest < depth + 1) {
    throw new UsageError(
      'bad-option',
      `expected recorded trees of ${depth + 1} levels or more, got ${deepest}; raise the drafter's max-depth or lower --depth`,
    )
  }
}

/**
 * EAGLE's round at every place of an answer, also at those that its own rounds would have skipped: the recording has them
 * all, and bins want many rounds.
 */
function judgePlaces(world: Pick<StudyWorld, 'machine' | 'tree'>, answer: RecordedAnswer): JudgedRound[] {
  return answer.places.flatMap((_, from) => {
    const rest = { ...answer, places: answer.places.slice(from), room: answer.room - from }
    const policy = createPolicy({ policy: 'eagle', ...world.tree })
    const [round] = virtualRounds(recordedWorld(rest, world.machine, 1), policy)
    return (round && judge(round, world.tree, rest, 0)) ?? []
  })
}

function judge(
  { plan, revisions, accepted }: VirtualRound,
  { topK, depth, totalTokens }: StudyTree,
  answer: RecordedAnswer,
  position: number,
): JudgedRound | undefined {
  if (plan.depth < depth + 1 || plan.nodes < totalTokens - 1) return undefined
  const last = revisions.find(({ level }) => level.depth === depth + 1 && level.frontier.length > 0)
  const path = last && metaPath(last.level, topK)
  if (last === undefined || path === undefined) return undefined
  const text = answer.places.slice(position).map(({ next }) => next)
  const sample = new OpenSample(last.level.tree, path, totalTokens - 1).follow(text)
  return sample && { ...sample, tokens: accepted.length + 1 }
}

function binRemarks({ bins, calibration, recording, tree, deepest }: StudyWorld): string[] {
  const { basis, samples, rounds, fullyAccepted } = bins
  const came = `${fullyAccepted} of ${rounds} calibration places came true as a whole`
  const told: Record<StudyBins['basis'], string> = {
    given: 'The entropy bins were given.',
    accepted: `The entropy bins were fitted on ${samples} places of ${calibration.length} other questions (${came}).`,
    all: `The entropy bins were fitted on all ${samples} places of ${calibration.length} other questions, because too few for the paper's fit came true (${came}).`,
    none: `There was too little to fit entropy bins (${came}): heterospec began with its prior and learned while it decoded.`,
  }
  const places = recording.answers.reduce((sum, answer) => sum + answer.places.length, 0)
  return [
    `Counts are of ${places} recorded places, drafted with trees of up to ${deepest} levels (d = ${tree.depth}, top-k ${tree.topK}, ${tree.totalTokens} nodes); they do not depend on the machine.`,
    told[basis],
  ]
}
