/**
 * The token tree as growable flat arrays. Nodes are only ever added, parents first, so depth, mask and gather are
 * single forward loops; what is believed of a node may be restated. Sibling links make `child` and `children` cost the number of children, not the size of the tree.
 *
 * It does not forbid two children with the same token: sampled trees may hold them. `child` finds the older one;
 * who wants a set of paths asks `child` before `add`, or merges (`merge.ts`).
 */
import { assert } from '../util/assert.ts'
import type { NodeId, TokenId, TokenTree } from './types.ts'

const FIRST_CAPACITY = 16
/** `depths` holds 16 bits. */
const DEEPEST = 0xffff
/** `sources` holds 8 bits. */
const LAST_SOURCE = 0xff

/** A tree of the root alone; `add` grows it. */
export function createTree(rootToken: TokenId): TokenTree {
  return new GrowingTree(rootToken)
}

/** A tree of width one: `tokens[0]` is the root, each further token the child of the one before. Log-probabilities default to 0. */
export function chainTree(tokens: readonly TokenId[], logProbs: readonly number[] = []): TokenTree {
  assert(tokens.length > 0, 'a chain needs its root token')
  const tree = createTree(tokens[0] as TokenId)
  for (let i = 1; i < tokens.length; i++) tree.add(i - 1, tokens[i] as TokenId, logProbs[i - 1] ?? 0)
  return tree
}

// --- implementation ---

class GrowingTree implements TokenTree {
  #size = 0
  #tokens = new Int32Array(FIRST_CAPACITY)
  #parents = new Int32Array(FIRST_CAPACITY)
  #depths = new Uint16Array(FIRST_CAPACITY)
  #logProbs = new Float32Array(FIRST_CAPACITY)
  #sources = new Uint8Array(FIRST_CAPACITY)
  /** First and last child and next sibling of each node; 0 is "none", because the root is nobody's child. */
  #firstChild = new Int32Array(FIRST_CAPACITY)
  #lastChild = new Int32Array(FIRST_CAPACITY)
  #nextSibling = new Int32Array(FIRST_CAPACITY)

  /** What the getters gave away, until a node is added: loops read them once a node. */
  #views: { -readonly [Name in 'tokens' | 'parents' | 'depths' | 'logProbs' | 'sources']?: TokenTree[Name] } = {}

  constructor(rootToken: TokenId) {
    this.#append(-1, rootToken, 0, 0, 0)
  }

  get size(): number {
    return this.#size
  }
  get tokens(): Int32Array {
    return (this.#views.tokens ??= this.#tokens.subarray(0, this.#size))
  }
  get parents(): Int32Array {
    return (this.#views.parents ??= this.#parents.subarray(0, this.#size))
  }
  get depths(): Uint16Array {
    return (this.#views.depths ??= this.#depths.subarray(0, this.#size))
  }
  get logProbs(): Float32Array {
    return (this.#views.logProbs ??= this.#logProbs.subarray(0, this.#size))
  }
  get sources(): Uint8Array {
    return (this.#views.sources ??= this.#sources.subarray(0, this.#size))
  }

  add(parent: NodeId, token: TokenId, logProb: number, source = 0): NodeId {
    this.#check(parent)
    checkEstimate(logProb, source)
    const depth = (this.#depths[parent] as number) + 1
    assert(depth <= DEEPEST, `a tree has at most ${DEEPEST} levels`)
    const node = this.#append(parent, token, depth, logProb, source)
    const elder = this.#lastChild[parent] as NodeId
    if (elder === 0) this.#firstChild[parent] = node
    else this.#nextSibling[elder] = node
    this.#lastChild[parent] = node
    return node
  }

  restate(node: NodeId, logProb: number, source: number): void {
    this.#check(node)
    checkEstimate(logProb, source)
    assert(node > 0, 'the root is no guess')
    this.#logProbs[node] = logProb
    this.#sources[node] = source
  }

  child(parent: NodeId, token: TokenId): NodeId {
    this.#check(parent)
    let node = this.#firstChild[parent] as NodeId
    while (node !== 0 && this.#tokens[node] !== token) node = this.#nextSibling[node] as NodeId
    return node === 0 ? -1 : node
  }

  children(parent: NodeId): NodeId[] {
    this.#check(parent)
    const nodes: NodeId[] = []
    for (let node = this.#firstChild[parent] as NodeId; node !== 0; node = this.#nextSibling[node] as NodeId)
      nodes.push(node)
    return nodes
  }

  path(node: NodeId): NodeId[] {
    this.#check(node)
    const nodes = new Array<NodeId>(this.#depths[node] as number)
    for (let at = node, i = nodes.length - 1; i >= 0; i--, at = this.#parents[at] as NodeId) nodes[i] = at
    return nodes
  }

  pathLogProb(node: NodeId): number {
    this.#check(node)
    let sum = 0
    for (let at = node; at > 0; at = this.#parents[at] as NodeId) sum += this.#logProbs[at] as number
    return sum
  }

  keep(nodes: Iterable<NodeId>): TokenTree {
    const wanted = new Uint8Array(this.#size)
    for (const node of nodes) {
      this.#check(node)
      wanted[node] = 1
    }
    const kept = new GrowingTree(this.#tokens[0] as TokenId)
    const newIds = new Int32Array(this.#size).fill(-1)
    newIds[0] = 0
    for (let node = 1; node < this.#size; node++) {
      if (wanted[node] === 0) continue
      const parent = this.#parents[node] as NodeId
      const newParent = newIds[parent] as NodeId
      assert(newParent >= 0, `node ${node} cannot be kept without its parent ${parent}`)
      const token = this.#tokens[node] as TokenId
      newIds[node] = kept.add(newParent, token, this.#logProbs[node] as number, this.#sources[node])
    }
    return kept
  }

  #check(node: NodeId): void {
    // The message is not written unless it is needed: this is asked for every node of every tree.
    if (!(Number.isInteger(node) && node >= 0 && node < this.#size))
      assert(false, `a tree of ${this.#size} nodes has no node ${node}`)
  }

  #append(parent: NodeId, token: TokenId, depth: number, logProb: number, source: number): NodeId {
    if (!(Number.isInteger(token) && token >= 0 && token <= 0x7fffffff)) assert(false, `${token} is no token id`)
    if (this.#size === this.#tokens.length) this.#grow()
    const node = this.#size++
    this.#views = {}
    this.#tokens[node] = token
    this.#parents[node] = parent
    this.#depths[node] = depth
    this.#logProbs[node] = logProb
    this.#sources[node] = source
    return node
  }

  #grow(): void {
    this.#tokens = copyInto(new Int32Array(2 * this.#size), this.#tokens)
    this.#parents = copyInto(new Int32Array(2 * this.#size), this.#parents)
    this.#depths = copyInto(new Uint16Array(2 * this.#size), this.#depths)
    this.#logProbs = copyInto(new Float32Array(2 * this.#size), this.#logProbs)
    this.#sources = copyInto(new Uint8Array(2 * this.#size), this.#sources)
    this.#firstChild = copyInto(new Int32Array(2 * this.#size), this.#firstChild)
    this.#lastChild = copyInto(new Int32Array(2 * this.#size), this.#lastChild)
    this.#nextSibling = copyInto(new Int32Array(2 * this.#size), this.#nextSibling)
  }
}

function checkEstimate(logProb: number, source: number): void {
  if (!(logProb <= 0)) assert(false, `the log-probability of a node is at most 0, got ${logProb}`)
  if (!(Number.isInteger(source) && source >= 0 && source <= LAST_SOURCE))
    assert(false, `sources are 0 to ${LAST_SOURCE}, got ${source}`)
}

function copyInto<A extends Int32Array | Uint16Array | Float32Array | Uint8Array>(larger: A, values: A): A {
  larger.set(values)
  return larger
}
