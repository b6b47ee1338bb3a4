/**
 * One text read by a draft model: keeps the model's cache in step with the text and expands trees level by level.
 *
 * Two trees live side by side during a round. The *proposal* starts at the round's root and holds every candidate; the
 * *read* tree is what the draft model is given: first the chain of tokens that its cache lacks (the last one is the
 * round's root), then only the candidates that were expanded. Accepted nodes that were read stay in the cache.
 */
import { assert } from '../util/assert.ts'
import { chainTree, type NodeId, type TokenId, type TokenTree } from '../tree/index.ts'
import type { LevelReport } from '../policy/index.ts'
import type { Sequence, TargetModel } from '../model/index.ts'
import type { LevelStepper } from './grow.ts'
import { likeliest, type Likeliest } from './likeliest.ts'
import type { ModelTurns } from './model-turns.ts'

/** Tokens that the cache may lack before they are read in a pass of their own, which needs no logits. */
const LONGEST_LAG = 8
/** Probabilities reported for each expanded node, for policies that look at more than the children. */
const REPORTED = 10

interface Round {
  /** Tokens the cache lacked, the root last. */
  readonly lag: readonly TokenId[]
  readonly read: TokenTree
  /** Nodes of `read` that the model has scored. */
  scored: number
  /** By proposal node: its node in `read`. */
  readonly readNode: Map<NodeId, NodeId>
  readonly topProbs: Map<NodeId, Float32Array>
  /** [proposal size] sum of log-probabilities from the root. */
  readonly pathLogProbs: number[]
  proposal: TokenTree | undefined
}

export class ModelReader implements LevelStepper, Disposable {
  readonly #model: TargetModel
  readonly #turns: ModelTurns
  readonly #sequence: Sequence
  readonly #vocabSize: number
  /** Tokens in the draft model's cache. */
  readonly #cached: TokenId[] = []
  #round: Round | undefined

  /** All readers of a model share their `turns`. `vocabSize` is the target's: no token beyond it is proposed. */
  constructor(model: TargetModel, turns: ModelTurns, vocabSize: number) {
    this.#model = model
    this.#turns = turns
    this.#sequence = model.open()
    this.#vocabSize = vocabSize
  }

  /** Brings the cache in step with `tokens`. False when the draft model cannot read on: its context is full. */
  async begin(tokens: readonly TokenId[], signal?: AbortSignal): Promise<boolean> {
    this.#round = undefined
    this.#forget(this.#commonPrefix(tokens))
    if (tokens.length >= this.#sequence.capacity || !this.#knowsAll(tokens)) return false
    if (tokens.length - this.#cached.length > LONGEST_LAG) {
      const missing = tokens.slice(this.#cached.length, -1)
      await this.#turns.alone(() => this.#sequence.prefill(missing, { signal }))
      this.#cached.push(...missing)
    }
    const lag = tokens.slice(this.#cached.length)
    this.#round = {
      lag,
      read: chainTree(lag),
      scored: 0,
      readNode: new Map([[0, lag.length - 1]]),
      topProbs: new Map(),
      pathLogProbs: [0],
      proposal: undefined,
    }
    return true
  }

  async expand(tree: TokenTree, frontier: readonly NodeId[], width: number): Promise<LevelReport> {
    const round = this.#round
    assert(round !== undefined, 'a draft model expands a tree before it has read the text')
    const said = await this.guess(tree, frontier, width)
    const children = frontier.flatMap((node, i) => addChildren(round, tree, node, said[i] as Likeliest, width))
    const depth = (tree.depths[frontier[0] as NodeId] as number) + 1
    return {
      tree,
      depth,
      frontier: this.#nextFrontier(round, children, width),
      topProbs: (node) => round.topProbs.get(node) ?? noProbs,
    }
  }

  /** Is there room to read `count` further nodes? */
  canRead(count: number): boolean {
    return this.#sequence.length + (this.#round?.read.size ?? 0) + count <= this.#sequence.capacity
  }

  /** What may follow each of `nodes`; no guesses for those that the draft model cannot read (see `LevelSource`). */
  async guess(tree: TokenTree, nodes: readonly NodeId[], count: number): Promise<readonly Likeliest[]> {
    const round = this.#round
    assert(round !== undefined, 'a draft model expands a tree before it has read the text')
    round.proposal = tree
    const known = nodes.filter((node) => this.#canExpand(round, tree, node))
    const fresh = known.filter((node) => !round.readNode.has(node)).length
    if (known.length === 0 || !this.canRead(fresh)) return nodes.map(() => NOTHING)
    const readNodes = known.map((node) => round.readNode.get(node) ?? addToRead(round, tree, node))
    const said = await this.#read(round, readNodes, Math.max(count, REPORTED))
    const byNode = new Map(said.map((guess, i) => [known[i], guess]))
    return nodes.map((node) => byNode.get(node) ?? NOTHING)
  }

  /** The round is over: keeps the cache rows of what was emitted, as far as the draft model has read it. */
  end(emitted: readonly TokenId[]): void {
    const round = this.#round
    this.#round = undefined
    if (round === undefined || round.scored === 0) return
    const accepted: NodeId[] = []
    let at: NodeId = 0
    for (const token of emitted) {
      at = round.proposal?.child(at, token) ?? -1
      const read = at < 0 ? undefined : round.readNode.get(at)
      if (read === undefined) break
      accepted.push(read)
    }
    const path = [...round.lag.keys()].slice(1)
    this.#sequence.commit([...path, ...accepted])
    this.#cached.push(...round.lag, ...accepted.map((node) => round.read.tokens[node] as TokenId))
  }

  [Symbol.dispose](): void {
    this.#round = undefined
    this.#sequence[Symbol.dispose]()
  }

  /** Scores what is new in the read tree; for each of `nodes` the `count` likeliest tokens after it. */
  async #read(round: Round, nodes: readonly NodeId[], count: number): Promise<Likeliest[]> {
    const item = { sequence: this.#sequence, tree: round.read, from: round.scored, outputs: nodes }
    const said = await this.#turns.score(item, (scores) =>
      nodes.map((node) => likeliest(scores.logits(node), count, this.#vocabSize)),
    )
    round.scored = round.read.size
    return said
  }

  /** Tokens at the beginning of `tokens` that are in the cache already; the root is read anew for its logits. */
  #commonPrefix(tokens: readonly TokenId[]): number {
    const most = Math.min(this.#cached.length, tokens.length - 1)
    let common = 0
    while (common < most && this.#cached[common] === tokens[common]) common++
    return common
  }

  /** Truncating also drops what an interrupted round left uncommitted. */
  #forget(length: number): void {
    this.#sequence.truncate(length)
    this.#cached.length = length
  }

  /** The draft model's vocabulary may lack a few ids at the end of the target's. */
  #knowsAll(tokens: readonly TokenId[]): boolean {
    const { vocabSize } = this.#model.spec
    for (let i = this.#cached.length; i < tokens.length; i++) if ((tokens[i] as TokenId) >= vocabSize) return false
    return true
  }

  /** The `width` most probable of the new nodes, ascending; none when the draft's cache has no room to read them. */
  #nextFrontier(round: Round, children: readonly NodeId[], width: number): NodeId[] {
    const score = (node: NodeId): number => round.pathLogProbs[node] as number
    const best = [...children].sort((a, b) => score(b) - score(a) || a - b).slice(0, width)
    if (!this.canRead(best.length)) return []
    return best.filter((node) => this.#canExpand(round, round.proposal as TokenTree, node)).sort((a, b) => a - b)
  }

  /** The draft model's vocabulary has the token, and the model has read what stands before it. */
  #canExpand(round: Round, tree: TokenTree, node: NodeId): boolean {
    return (
      round.readNode.has(node) ||
      (round.readNode.has(tree.parents[node] as NodeId) && (tree.tokens[node] as TokenId) < this.#model.spec.vocabSize)
    )
  }
}

// ---------------------------------------------------------------------------------------------------------------

const noProbs = new Float32Array(0)
const NOTHING: Likeliest = { tokens: [], probs: noProbs }

function addToRead(round: Round, tree: TokenTree, node: NodeId): NodeId {
  const parent = round.readNode.get(tree.parents[node] as NodeId)
  assert(parent !== undefined, 'a node is expanded before its parent')
  const added = round.read.add(parent, tree.tokens[node] as TokenId, tree.logProbs[node] as number)
  round.readNode.set(node, added)
  return added
}

/** Adds the `width` likeliest tokens below `parent`, those without any probability left out. */
function addChildren(round: Round, tree: TokenTree, parent: NodeId, said: Likeliest, width: number): NodeId[] {
  round.topProbs.set(parent, said.probs)
  const added: NodeId[] = []
  said.tokens.slice(0, width).forEach((token, i) => {
    const logProb = Math.min(0, Math.log(said.probs[i] as number))
    if (logProb === -Infinity) return
    const node = tree.add(parent, token, logProb)
    round.pathLogProbs[node] = (round.pathLogProbs[parent] as number) + logProb
    added.push(node)
  })
  return added
}
