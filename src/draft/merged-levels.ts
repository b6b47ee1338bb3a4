/**
 * Grows a merged tree level by level. Cheap sources have proposed whole trees already, which are merged below the root;
 * now the sources that draft by levels (a head, a draft model) are asked about the best nodes of each level, whoever
 * proposed them, so that a copied run is branched off where it may end. Nodes at a place are estimated anew when more
 * sources have spoken about it. One node stands for a token at a place, whatever number of sources proposes it.
 */
import { pathLogProbs, type NodeId, type TokenId, type TokenTree } from '../tree/index.ts'
import type { LevelReport } from '../policy/index.ts'
import type { LevelStepper } from './grow.ts'
import { Said, type Mixture } from './mixture.ts'
import type { DraftSession, LevelSource } from './types.ts'

/** A cheap source's proposal, and the session that made it. */
export interface Proposed extends Numbered<TokenTree> {
  readonly session: Pick<DraftSession, 'after'>
}

/** A source among all sources of the mixture. */
export interface Numbered<Source> {
  readonly number: number
  readonly source: Source
}

export interface MergedParts {
  readonly mixture: Mixture
  /** Whole trees of the cheap sources, roots alike. */
  readonly cheap: readonly Proposed[]
  readonly levels: readonly Numbered<LevelSource>[]
  /** [size] marks of the nodes that stand in the tree at the beginning; -1 for the root. */
  readonly marks: readonly number[]
  readonly tokens: readonly TokenId[]
  readonly signal?: AbortSignal | undefined
}

/** [cheap sources] the node of each one's tree that stands for a node of the merged tree; -1 where it has none. */
type Places = readonly NodeId[]

export class MergedLevels implements LevelStepper {
  /** [size] marks of all nodes, as they were estimated last. */
  readonly marks: number[]
  readonly #parts: MergedParts
  readonly #places = new Map<NodeId, Places>()
  readonly #topProbs = new Map<NodeId, Float32Array>()
  /** Children beyond the width. */
  readonly #dropped = new Set<NodeId>()
  /** Sources that can draft here; undefined until they are asked. */
  #live: readonly Numbered<LevelSource>[] | undefined

  constructor(parts: MergedParts) {
    this.#parts = parts
    this.marks = [...parts.marks]
    const roots = parts.cheap.map(() => 0)
    this.#places.set(0, roots)
  }

  /** Was `source` asked whether it can draft? */
  get begun(): boolean {
    return this.#live !== undefined
  }

  async expand(tree: TokenTree, frontier: readonly NodeId[], width: number): Promise<LevelReport> {
    const depth = tree.depths[frontier[0] as NodeId] as number
    const live = (await this.#begin()).filter(({ source }) => depth < source.maxDepth)
    const said = frontier.map((node) => this.#cheapSay(tree, node))
    const read = new Set<NodeId>()
    for (const level of live) await this.#ask(level, tree, frontier, width, said, read)
    if (read.size === 0) return { tree, depth, frontier: [], topProbs: this.#told }
    frontier.forEach((node, at) => {
      if (read.has(node)) this.#join(tree, node, said[at] as Said, width)
    })
    const next = this.#best(tree, [...read], width)
    const room = live.some(({ source }) => source.canRead(Math.min(next.length, source.maxWidth)))
    return { tree, depth: depth + 1, frontier: room ? next : [], topProbs: this.#told }
  }

  /** May the node stay in the tree? Its parent and it are among the `width` best of their siblings. */
  readonly keeps = (tree: TokenTree, node: NodeId): boolean => {
    for (let at = node; at > 0; at = tree.parents[at] as NodeId) if (this.#dropped.has(at)) return false
    return true
  }

  // --- levels ---

  /** Sources read the text when the first level is bought, not before. */
  async #begin(): Promise<readonly Numbered<LevelSource>[]> {
    if (this.#live !== undefined) return this.#live
    const live: Numbered<LevelSource>[] = []
    this.#live = live
    const { levels, tokens, signal } = this.#parts
    for (const level of levels) if (await level.source.begin(tokens, signal)) live.push(level)
    return live
  }

  async #ask(
    { number, source }: Numbered<LevelSource>,
    tree: TokenTree,
    frontier: readonly NodeId[],
    width: number,
    said: readonly Said[],
    read: Set<NodeId>,
  ): Promise<void> {
    const children = Math.min(width, source.maxWidth)
    const asked = frontier.slice(0, source.maxWidth)
    if (!source.canRead(asked.length)) return
    const guesses = await source.guess(tree, asked, children)
    asked.forEach((node, at) => {
      const { tokens, probs } = guesses[at] ?? { tokens: [], probs: noProbs }
      if (tokens.length === 0) return
      read.add(node)
      if (!this.#topProbs.has(node)) this.#topProbs.set(node, probs)
      tokens.forEach((token, i) => {
        const chance = probs[i] as number
        if (!(chance > 0)) return
        const place = said[at] as Said
        if (i < children) place.propose(number, token, chance)
        else place.support(number, token, chance)
      })
    })
  }

  /**
   * What the cheap sources say below a node: by their trees, else, where they never came, below what others proposed, by
   * looking again.
   */
  #cheapSay(tree: TokenTree, node: NodeId): Said {
    const said = new Said(this.#parts.mixture.sources, node > 0)
    const places = this.#placesOf(tree, node)
    const path = tree.path(node).map((at) => tree.tokens[at] as TokenId)
    this.#parts.cheap.forEach(({ number, source, session }, i) => {
      if (sayChildren(said, number, source, places[i] as NodeId) > 0 || path.length === 0) return
      for (const { token, probability } of session.after?.(path) ?? []) said.propose(number, token, probability)
    })
    return said
  }

  #placesOf(tree: TokenTree, node: NodeId): Places {
    const known = this.#places.get(node)
    if (known !== undefined) return known
    const above = this.#placesOf(tree, tree.parents[node] as NodeId)
    const token = tree.tokens[node] as TokenId
    const places = this.#parts.cheap.map(({ source }, i) => childAt(source, above[i] as NodeId, token))
    this.#places.set(node, places)
    return places
  }

  /** The children of a node, by all that was said: new ones are added, known ones estimated anew. */
  #join(tree: TokenTree, parent: NodeId, said: Said, width: number): void {
    const mixed = this.#parts.mixture.mix(said)
    // Siblings exclude one another: estimates that sum to more than certainty are scaled down together.
    const total = Math.max(
      1,
      mixed.slice(0, width).reduce((sum, { probability }) => sum + probability, 0),
    )
    mixed.forEach(({ token, probability, mark, source }, rank) => {
      const logProb = Math.log(probability / total)
      const known = tree.child(parent, token)
      if (known < 0 && rank >= width) return
      if (known >= 0) tree.restate(known, logProb, source)
      const node = known >= 0 ? known : tree.add(parent, token, logProb, source)
      if (rank >= width) this.#dropped.add(node)
      this.marks[node] = mark
    })
  }

  /** The `width` best children of `parents` by path probability, best first, ties to the older node. */
  #best(tree: TokenTree, parents: readonly NodeId[], width: number): NodeId[] {
    const scores = pathLogProbs(tree)
    const score = (node: NodeId): number => scores[node] as number
    return parents
      .flatMap((parent) => tree.children(parent))
      .filter((node) => !this.#dropped.has(node))
      .sort((a, b) => score(b) - score(a) || a - b)
      .slice(0, width)
  }

  /** What the first of the level sources said after a node. */
  readonly #told = (node: NodeId): Float32Array => this.#topProbs.get(node) ?? noProbs
}

/** `source` says what its tree has below `place`, if it has the place. Returns the number of tokens. */
export function sayChildren(said: Said, source: number, tree: TokenTree, place: NodeId): number {
  const children = place < 0 ? [] : tree.children(place)
  for (const child of children) {
    said.propose(source, tree.tokens[child] as TokenId, Math.exp(tree.logProbs[child] as number))
  }
  return children.length
}

/** The child of `place` that carries `token`, or -1, also where the tree does not have the place. */
export function childAt(tree: TokenTree, place: NodeId, token: TokenId): NodeId {
  return place < 0 ? -1 : tree.child(place, token)
}

// ---------------------------------------------------------------------------------------------------------------

const noProbs = new Float32Array(0)
