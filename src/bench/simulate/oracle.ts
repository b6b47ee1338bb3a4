/**
 * The oracle: what a policy could reach at best with the recorded trees, if it knew the text. Of every place it knows which
 * nodes of the recorded tree come true; it drafts the levels and verifies the nodes of that one path, as far as pays. What
 * pays in one round decides where the next one begins, so taking the best of each round is not the best of all: the
 * cheapest way through the whole answer is found instead (a shortest path, from the end to the beginning).
 */
import { defined } from '../../util/assert.ts'
import type { SimulationParts } from './budgets.ts'
import type { VirtualMachine } from './machine.ts'
import type { RecordedAnswer, RecordedPlace, Recording, SimulatedAnswer, TreeLimits } from './types.ts'

/** Its name in tables. */
export const ORACLE = 'oracle'

/** Every answer by the oracle: no policy on the same recording and machine takes less time for one. */
export function oracleAnswers({ recording, machine, batch }: SimulationParts): SimulatedAnswer[] {
  return recording.answers.map((answer) => oracleAnswer(answer, { recording, machine, batch }))
}

/** One answer by the oracle. */
export function oracleAnswer(
  answer: RecordedAnswer,
  { recording, machine, batch }: Omit<SimulationParts, 'calibration'>,
): SimulatedAnswer {
  const { places } = answer
  const limits = reachOf(recording)
  const drafts = new DraftFloor(machine, limits)
  const best: Step[] = []
  for (let position = places.length - 1; position >= 0; position--) {
    const passes = passFloor(machine, batch, defined(places[position]).context, limits.nodes)
    const levels = levelsOfPath(answer, position).slice(0, limits.nodes)
    const steps = [0, ...levels].map((level, nodes): Step => {
      const pass = defined(passes[nodes])
      const draftMs = nodes === 0 ? 0 : batch * drafts.ms(isGrown(places[position]) ? { levels: level } : { nodes })
      const restMs = best[position + nodes + 1]?.totalMs ?? 0
      return { ...pass, nodes, draftMs, totalMs: draftMs + pass.targetMs + pass.hostMs + restMs }
    })
    best[position] = steps.reduce((least, step) => (step.totalMs < least.totalMs ? step : least))
  }
  const { question, category, group } = answer
  return { ...{ budget: ORACLE, question, category, group }, ...sumOf(best) }
}

/**
 * The share of the way from `from` to `to`, three speed-ups, that `own` has covered, in logarithms: 0 is no better than
 * `from`, 1 as good as `to`, negative is worse than `from`. Null where there is no way to go.
 */
export function shareOfWay(from: number, to: number, own: number): number | null {
  const way = Math.log(to / from)
  return way > 1e-9 ? Math.log(own / from) / way : null
}

// ---------------------------------------------------------------------------------------------------------------

/** One round: the first `nodes` nodes of the true path, and the time from here to the end of the answer. */
interface Step extends Pass {
  readonly nodes: number
  readonly draftMs: number
  readonly totalMs: number
}

/** The cheapest pass that verifies so many nodes or more. */
interface Pass {
  readonly rows: number
  readonly targetMs: number
  readonly hostMs: number
}

/** Budgets are held to what the recording was made with. */
function reachOf({ tree, answers }: Pick<Recording, 'tree' | 'answers'>): TreeLimits {
  const deepest = answers.flatMap(({ places }) => places.map(({ levels }) => levels?.at(-1)?.depth ?? 0))
  return { ...tree, depth: deepest.reduce((most, depth) => Math.max(most, depth), 0) }
}

function isGrown(place: RecordedPlace | undefined): boolean {
  return place?.levels !== undefined
}

/**
 * The recorded nodes at `position` that the text takes, one after another: for each the levels that must be grown to have it.
 * 0: other sources had put it there before. The last token of an answer is always the target's own.
 */
function levelsOfPath({ places, room }: RecordedAnswer, position: number): number[] {
  const place = defined(places[position])
  const { tokens, parents } = place.tree
  const begun = place.levels?.[0]?.depth === 0 ? (place.levels[0].nodes ?? 1) : 1
  const most = Math.min(places.length - position - 1, room - position - 1)
  const levels: number[] = []
  for (let node = 0; levels.length < most;) {
    const next = defined(places[position + levels.length]).next
    node = parents.findIndex((parent, child) => parent === node && tokens[child] === next)
    if (node < 0) break
    levels.push(node < begun ? (levels.at(-1) ?? 0) : levels.length + 1)
  }
  return levels
}

/** By nodes: a measured list may price many rows below few, so more nodes than needed may be the cheaper pass. */
function passFloor(machine: VirtualMachine, batch: number, context: number, most: number): Pass[] {
  const passes: Pass[] = []
  for (let nodes = most; nodes >= 0; nodes--) {
    const rows = nodes + 1
    const pass = { rows, targetMs: machine.cost.targetMs(batch * rows, context), hostMs: batch * machine.hostMs(nodes) }
    const larger = passes[nodes + 1]
    passes[nodes] = larger !== undefined && msOf(larger) <= msOf(pass) ? larger : pass
  }
  return passes
}

function msOf({ targetMs, hostMs }: Pass): number {
  return targetMs + hostMs
}

/** The least that a draft can take. */
class DraftFloor {
  readonly #machine: VirtualMachine
  readonly #limits: TreeLimits
  readonly #byLevels = new Map<number, number>()
  readonly #byNodes = new Map<number, number>()

  constructor(machine: VirtualMachine, limits: TreeLimits) {
    this.#machine = machine
    this.#limits = limits
  }

  /** Of so many levels, whatever their widths; or of a tree in one piece that holds so many nodes or more. */
  ms(needed: { readonly levels: number } | { readonly nodes: number }): number {
    return 'levels' in needed
      ? remembered(this.#byLevels, needed.levels, () => this.#ofLevels(needed.levels))
      : remembered(this.#byNodes, needed.nodes, () => this.#ofNodes(needed.nodes))
  }

  /** The first level expands the root alone. Measured lists may price a wide level below a narrow one. */
  #ofLevels(levels: number): number {
    const { width } = this.#limits
    const counts = Array.from({ length: levels < 2 ? 1 : width }, (_, index) => index + 1)
    const widths = counts.flatMap((widest) =>
      counts
        .slice(0, levels < 3 ? 1 : widest)
        .map((other) => [1, widest, ...Array<number>(Math.max(0, levels - 2)).fill(other)].slice(0, levels)),
    )
    return Math.min(...widths.map((each) => this.#machine.draftMs(this.#limits, each)))
  }

  #ofNodes(nodes: number): number {
    const counts = Array.from({ length: Math.max(1, this.#limits.nodes - nodes + 1) }, (_, more) => nodes + more)
    return Math.min(...counts.map((count) => this.#machine.draftMs({ ...this.#limits, nodes: count })))
  }
}

function remembered(known: Map<number, number>, key: number, compute: () => number): number {
  const value = known.get(key) ?? compute()
  known.set(key, value)
  return value
}

function sumOf(
  best: readonly Step[],
): Pick<SimulatedAnswer, 'tokens' | 'calls' | 'verified' | 'draftMs' | 'targetMs' | 'hostMs'> {
  const sums = { tokens: 0, calls: 0, verified: 0, draftMs: 0, targetMs: 0, hostMs: 0 }
  while (sums.tokens < best.length) {
    const { nodes, rows, draftMs, targetMs, hostMs } = defined(best[sums.tokens])
    sums.tokens += nodes + 1
    sums.calls += 1
    sums.verified += rows
    sums.draftMs += draftMs
    sums.targetMs += targetMs
    sums.hostMs += hostMs
  }
  return sums
}
