/**
 * A recorded answer as a world for policies: at each place the recorded tree is revealed as far as the budget asks, at
 * once or level by level, and time passes by a price list.
 */
import { assert, defined } from '../../util/assert.ts'
import { createTree, pruneTree, type NodeId, type TokenTree } from '../../tree/index.ts'
import type { Budget, LevelReport } from '../../policy/index.ts'
import type { VirtualMachine } from './machine.ts'
import type { Draft, Revise, VirtualWorld } from './rounds.ts'
import type { RecordedAnswer, RecordedLevel, RecordedPlace } from './types.ts'

/** The answer on `machine`, each pass shared by `batch` sequences that are all alike. */
export function recordedWorld(answer: RecordedAnswer, machine: VirtualMachine, batch: number): VirtualWorld {
  const { places, room } = answer
  const placeAt = (position: number): RecordedPlace => defined(places[position], 'a place of the recording')
  return {
    tokens: places.length,
    cost: machine.cost,
    batch,
    tokenAt: (position) => placeAt(position).next,
    contextAt: (position) => placeAt(position).context,
    roomAt: (position) => room - position - 1,
    draft(position, plan, revise) {
      const place = placeAt(position)
      const draft = place.levels
        ? revealLevels(place, place.levels, machine, plan, revise)
        : revealTree(place, machine, plan, revise)
      // No drafter here drafts for several sequences at once.
      return { tree: draft.tree, draftMs: batch * draft.draftMs }
    },
    verifyMs: (rows, context) => machine.cost.targetMs(batch * rows, context),
    hostMs: (nodes) => batch * machine.hostMs(nodes),
  }
}

/** The best `nodes` of a recorded tree within depth and width. */
export function smallerTree({ tree }: RecordedPlace, { depth, width, nodes }: Budget): TokenTree {
  const allowed = createTree(defined(tree.tokens[0]))
  const places = new Map<NodeId, NodeId>([[0, 0]])
  for (let node = 1; node < tree.tokens.length; node++) {
    const parent = places.get(defined(tree.parents[node]))
    if (parent === undefined || defined(allowed.depths[parent]) >= depth) continue
    // Siblings come likeliest first.
    if (allowed.children(parent).length >= width) continue
    places.set(node, addNode(allowed, parent, tree, node))
  }
  return pruneTree(allowed, nodes).tree
}

// ---------------------------------------------------------------------------------------------------------------

const noProbs = new Float32Array(0)

function revealTree(place: RecordedPlace, machine: VirtualMachine, plan: Budget, revise: Revise): Draft {
  const tree = smallerTree(place, plan)
  if (tree.size > 1) {
    const depth = tree.depths.reduce((deepest, level) => Math.max(deepest, level), 0)
    revise({ tree, depth, frontier: [], topProbs: () => noProbs }, plan)
  }
  return { tree, draftMs: machine.draftMs(plan) }
}

/** As `growTree` of the drafters does it, from what was recorded instead of a model. */
function revealLevels(
  place: RecordedPlace,
  levels: readonly RecordedLevel[],
  machine: VirtualMachine,
  plan: Budget,
  revise: Revise,
): Draft {
  const shown = new Revealed(place)
  // Levels that were not recorded are the drafter's own limit.
  let budget = { ...plan, depth: Math.min(plan.depth, levels.at(-1)?.depth ?? 0) }
  let level: LevelReport = { tree: shown.tree, depth: 0, frontier: [0], topProbs: () => noProbs }
  const widths: number[] = []
  const begun = levels[0]?.depth === 0 ? levels[0] : undefined
  if (begun !== undefined && shown.begin(begun.nodes ?? 1, plan)) budget = revise(level, budget)
  for (const recorded of begun === undefined ? levels : levels.slice(1)) {
    if (level.depth >= budget.depth || budget.nodes <= 0 || level.frontier.length === 0) break
    const frontier = budget.expand ?? level.frontier
    widths.push(frontier.length)
    level = shown.expand({ ...level, frontier }, recorded, budget.width)
    budget = revise(level, budget)
  }
  if (shown.tree.size > 1 && level.frontier.length > 0) revise({ ...level, frontier: [] }, budget)
  return { tree: shown.tree, draftMs: machine.draftMs(plan, widths) }
}

/** What a budget has seen so far of a recorded tree. */
class Revealed {
  readonly tree: TokenTree
  readonly #place: RecordedPlace
  /** Recorded children by recorded parent. */
  readonly #children = new Map<NodeId, NodeId[]>()
  /** Recorded node to node of `tree`, and back. */
  readonly #shown = new Map<NodeId, NodeId>([[0, 0]])
  readonly #recorded = new Map<NodeId, NodeId>([[0, 0]])
  /** Probabilities after expanded nodes, where those of their children do not tell them. */
  readonly #told = new Map<NodeId, Float32Array>()

  readonly #expanded = new Set<NodeId>()

  constructor(place: RecordedPlace) {
    this.#place = place
    this.tree = createTree(defined(place.tree.tokens[0]))
    place.tree.parents.forEach((parent, node) => {
      if (parent < 0) return
      const siblings = this.#children.get(parent)
      if (siblings) siblings.push(node)
      else this.#children.set(parent, [node])
    })
  }

  /** The first `count` recorded nodes as far as `limits` allow: other sources have put them there. True if there are any. */
  begin(count: number, { depth, width, nodes }: Budget): boolean {
    const { tokens, parents } = this.#place.tree
    for (let node = 1; node < Math.min(count, tokens.length); node++) {
      const parent = this.#shown.get(defined(parents[node]))
      if (parent === undefined || this.tree.size > nodes || defined(this.tree.depths[parent]) >= depth) continue
      if (this.tree.children(parent).length < width) this.#show(node, parent)
    }
    return this.tree.size > 1
  }

  expand({ depth, frontier }: LevelReport, recorded: RecordedLevel, width: number): LevelReport {
    for (const parent of frontier) {
      this.#expanded.add(parent)
      const children = this.#children.get(defined(this.#recorded.get(parent))) ?? []
      const fresh = children.filter((child) => !this.#shown.has(child))
      for (const child of fresh.slice(0, width)) this.#show(child, parent)
    }
    for (const [node, logProb, source] of recorded.restated ?? []) {
      const shown = this.#shown.get(node)
      if (shown !== undefined) this.tree.restate(shown, logProb, source)
    }
    for (const [node, probs] of recorded.told ?? []) {
      const shown = this.#shown.get(node)
      if (shown !== undefined) this.#told.set(shown, Float32Array.from(probs))
    }
    assert(recorded.depth === depth + 1, 'recorded levels follow one another')
    const next = recorded.frontier.flatMap((node) => this.#shown.get(node) ?? [])
    const best = [...next].sort((a, b) => this.tree.pathLogProb(b) - this.tree.pathLogProb(a) || a - b)
    const probs = new Map(recorded.frontier.map((node, i) => [this.#shown.get(node), recorded.topProbs[i]]))
    return {
      tree: this.tree,
      depth: depth + 1,
      frontier: best.slice(0, width).sort((a, b) => a - b),
      topProbs: (node) => {
        const told = probs.get(node) ?? []
        return told.length > 0 ? Float32Array.from(told) : (this.#told.get(node) ?? this.#childProbs(node))
      },
    }
  }

  #show(recorded: NodeId, parent: NodeId): void {
    const node = addNode(this.tree, parent, this.#place.tree, recorded)
    this.#shown.set(recorded, node)
    this.#recorded.set(node, recorded)
  }

  /** What the draft said after a node that has been expanded: the recorded children, as many as the recording is wide. */
  #childProbs(node: NodeId): Float32Array {
    if (!this.#expanded.has(node)) return noProbs
    const children = this.#children.get(defined(this.#recorded.get(node))) ?? []
    return Float32Array.from(children, (child) => Math.exp(defined(this.#place.tree.logProbs[child])))
  }
}

function addNode(tree: TokenTree, parent: NodeId, recorded: RecordedPlace['tree'], node: NodeId): NodeId {
  const logProb = Math.min(0, defined(recorded.logProbs[node]))
  return tree.add(parent, defined(recorded.tokens[node]), logProb, defined(recorded.sources[node]))
}
