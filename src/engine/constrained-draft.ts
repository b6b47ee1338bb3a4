/**
 * Drafting under a constraint: nodes that cannot come are taken out before the target sees them, and what must come is
 * drafted although no drafter has thought of it. Every drafter and budget stays as it is, and the text does not depend on it.
 */
import type { DraftRound, DraftSession } from '../draft/index.ts'
import type { AnswerConstraint } from '../grammar/index.ts'
import {
  pathLogProbs,
  pruneTree,
  type NodeId,
  type Ranked,
  type RoundOutcome,
  type Scores,
  type TokenId,
  type TokenTree,
} from '../tree/index.ts'

/** Most tokens that are drafted in one place because they must come, and most rows of a round that was to draft less. */
const MOST_FORCED = 16
/** What must come may still be spelled otherwise: by most models it is not. */
const SPELLED_SO = 0.95
/** Share of the latest word in how often it is spelled as it was drafted. */
const LATEST = 0.2
/** Below this it is drafted now and then only, */
const WORTH_FORCING = 0.5
/** once in so many rounds: rows that never come true make a round slower than plain decoding. */
const TRY_EVERY = 16
/** A leaf less likely than this is not worth going on from. */
const LIKELY_LOG_PROB = Math.log(0.5)

/** What a constrained draft is made of. */
export interface ConstrainedParts {
  readonly draft: DraftSession
  readonly constraint: AnswerConstraint
  /** Source of forced tokens: one behind the drafter's own. */
  readonly source: number
  /** Nodes on one path that may still be accepted. */
  readonly room: () => number
}

/** A session whose trees keep to a constraint. */
export class ConstrainedDraft implements DraftSession<Ranked> {
  readonly #parts: ConstrainedParts
  /** How often what must come was spelled as it was drafted. */
  #spelledSo = SPELLED_SO
  #rounds = 0

  constructor(parts: ConstrainedParts) {
    this.#parts = parts
  }

  async propose(round: DraftRound): Promise<Ranked> {
    const { draft, constraint } = this.#parts
    const { tree: drafted } = await draft.propose(round)
    const reached = constraint.reachable(round.tokens, drafted)
    const tree = drafted.keep(reached)
    if (this.#spelledSo < WORTH_FORCING && ++this.#rounds % TRY_EVERY !== 0) return pruneTree(tree, round.budget.nodes)
    this.#force(tree, 0, round.tokens)
    const leaf = likeliestLeaf(tree)
    if (leaf > 0) this.#force(tree, leaf, round.tokens)
    // Rows of what must come are rows too: where there are too many, the least likely ones go.
    return pruneTree(tree, Math.max(round.budget.nodes, MOST_FORCED))
  }

  observe(outcome: RoundOutcome, scores: Scores): void {
    const { tree, accepted } = outcome
    for (const node of [0, ...accepted]) {
      const forced = tree.children(node).find((child) => tree.sources[child] === this.#parts.source)
      if (forced === undefined) continue
      this.#spelledSo += LATEST * ((accepted.includes(forced) ? 1 : 0) - this.#spelledSo)
    }
    this.#parts.draft.observe(outcome, scores)
  }

  [Symbol.dispose](): void {
    this.#parts.draft[Symbol.dispose]()
  }

  /** Adds what must come after `node`. */
  #force(tree: TokenTree, node: NodeId, tokens: readonly TokenId[]): void {
    const { constraint, room, source } = this.#parts
    const most = Math.min(MOST_FORCED, room() - (tree.depths[node] as number))
    if (most <= 0) return
    const path = tree.path(node).map((at) => tree.tokens[at] as TokenId)
    let at = node
    for (const token of constraint.forced(tokens, path, most)) {
      const known = tree.child(at, token)
      at = known >= 0 ? known : tree.add(at, token, Math.log(this.#spelledSo), source)
    }
  }
}

/** The leaf at the end of the likeliest children, if it is likely enough; else the root. */
function likeliestLeaf(tree: TokenTree): NodeId {
  const scores = pathLogProbs(tree)
  const score = (node: NodeId): number => scores[node] as number
  for (let node: NodeId = 0; ;) {
    const [first, ...others] = tree.children(node)
    if (first === undefined) return node
    node = others.reduce((best, other) => (score(other) > score(best) ? other : best), first)
    if (score(node) < LIKELY_LOG_PROB) return 0
  }
}
