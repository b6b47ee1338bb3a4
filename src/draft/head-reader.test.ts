/**
 * The tree of a draft head against the selection of EAGLE's official code, written out as that code does it: a pool of scores,
 * top-k, sorting by place, parents by arithmetic on places, the mask row by row. Scores are summed in float32 as there;
 * probabilities are powers of two, few of them, so that ties are everywhere.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TableHead } from '../../test/fakes/table-head.ts'
import { markov } from '../../test/fakes/table-model.ts'
import type { HeadGuess, HeadNode, HeadSequence } from '../model/index.ts'
import { createTree, writeMask, type RoundOutcome, type TokenId } from '../tree/index.ts'
import { growTree, passivePolicy } from './grow.ts'
import { HeadReader } from './head-reader.ts'

/** What may follow a path: exact powers of two, more likely tokens first, or many alike. */
type Guesses = (path: readonly TokenId[], count: number) => HeadGuess

function randomGuesses(seed: number, ties: number): Guesses {
  return (path, count) => {
    let state = path.reduce((hash, token) => Math.imul(hash ^ (token + 1), 0x9e3779b1) >>> 0, seed + 1)
    const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
    const exponents = Array.from({ length: count }, () => 1 + Math.floor(next() * ties)).sort((a, b) => a - b)
    const first = Math.floor(next() * 50)
    return {
      tokens: exponents.map((_, i) => (first + 7 * i) % 1000),
      probs: Float32Array.from(exponents, (exponent) => 2 ** -exponent),
    }
  }
}

/** A head that says what `guesses` says and remembers the passes. */
function scriptedHead(guesses: Guesses): HeadSequence & { readonly passes: (readonly HeadNode[])[] } {
  const paths: (readonly TokenId[])[] = []
  const passes: (readonly HeadNode[])[] = []
  let length = 0
  return {
    passes,
    capacity: 1000,
    room: 1000,
    get length() {
      return length
    },
    read: async (rows, count = 0) => {
      length += rows.length
      return guesses([], count)
    },
    draft: async (nodes, count) => {
      passes.push(nodes)
      const added = nodes.map(({ parent, token }) => [...(parent < 0 ? [] : paths[parent]!), token])
      paths.push(...added)
      return added.map((path) => guesses(path, count))
    },
    truncate: (to) => void (length = to),
    [Symbol.dispose]: () => undefined,
  }
}

interface OfficialTree {
  readonly tokens: number[]
  readonly parents: number[]
  readonly mask: number[][]
}

/** `topK_genrate` of the official code: k branches, `depth` further levels, `total` nodes without the root. */
function officialTree(guesses: Guesses, k: number, depth: number, total: number): OfficialTree {
  const pool: { token: number; score: number; parent: number }[] = []
  const first = guesses([], k)
  // Places in the pool count from 1; 0 is the root.
  let beam = first.tokens.map((token, i) => ({
    token,
    score: Math.fround(Math.log(first.probs[i]!)),
    place: i + 1,
    path: [token],
  }))
  for (const { token, score } of beam) pool.push({ token, score, parent: 0 })
  for (let step = 0; step < depth; step++) {
    const block: { token: number; score: number; place: number; path: number[] }[] = []
    for (const node of beam) {
      const { tokens, probs } = guesses(node.path, k)
      tokens.forEach((token, i) => {
        const score = Math.fround(node.score + Math.fround(Math.log(probs[i]!)))
        pool.push({ token, score, parent: node.place })
        block.push({ token, score, place: pool.length, path: [...node.path, token] })
      })
    }
    beam = stableTop(block, k)
  }
  const kept = stableTop(
    pool.map((node, i) => ({ ...node, place: i + 1 })),
    total,
  ).sort((a, b) => a.place - b.place)
  const parents = kept.map(({ parent }) => (parent === 0 ? 0 : kept.findIndex(({ place }) => place === parent) + 1))
  const mask = [0, ...parents].map(() => new Array<number>(kept.length + 1).fill(0))
  mask.forEach((row, i) => {
    if (i > 0) mask[parents[i - 1]!]!.forEach((seen, j) => (row[j] = seen))
    row[i] = 1
  })
  return { tokens: kept.map(({ token }) => token), parents, mask }
}

/** The `k` best by score, ties to the smaller place. */
function stableTop<Node extends { score: number; place: number }>(nodes: readonly Node[], k: number): Node[] {
  return [...nodes].sort((a, b) => b.score - a.score || a.place - b.place).slice(0, k)
}

describe('the tree of a draft head', () => {
  it('is the one of the official code, ties included', async () => {
    const draw = fc.record({
      seed: fc.integer({ min: 0, max: 1 << 30 }),
      ties: fc.integer({ min: 1, max: 6 }),
      k: fc.integer({ min: 1, max: 10 }),
      depth: fc.integer({ min: 0, max: 7 }),
      total: fc.integer({ min: 1, max: 59 }),
    })
    await fc.assert(
      fc.asyncProperty(draw, async ({ seed, ties, k, depth, total }) => {
        const guesses = randomGuesses(seed, ties)
        const reader = new HeadReader(scriptedHead(guesses), Math.max(10, k))
        reader.follow([1, 2])
        await reader.hear(0, [new Float32Array(3)])
        expect(await reader.begin([1, 2])).toBe(true)
        const budget = { depth: depth + 1, width: k, nodes: total }
        const { tree } = await growTree(2, reader, passivePolicy, budget)
        const expected = officialTree(
          (path, count) => {
            const { tokens, probs } = guesses(path, Math.max(10, k))
            return { tokens: tokens.slice(0, count), probs: probs.slice(0, count) }
          },
          k,
          depth,
          total,
        )
        expect([...tree.tokens.slice(1)]).toEqual(expected.tokens)
        expect([...tree.parents.slice(1)]).toEqual(expected.parents)
        const mask = new Uint8Array(tree.size * tree.size)
        writeMask(tree, mask, tree.size)
        expect(expected.mask.flat()).toEqual([...mask])
      }),
      { numRuns: 200 },
    )
  })

  it('needs a pass per level but the first, over all nodes of the beam', async () => {
    const head = scriptedHead(randomGuesses(1, 3))
    const reader = new HeadReader(head, 10)
    reader.follow([1, 2])
    await reader.hear(0, [new Float32Array(3)])
    await reader.begin([1, 2])
    await growTree(2, reader, passivePolicy, { depth: 8, width: 10, nodes: 59 })
    expect(head.passes.map((nodes) => nodes.length)).toEqual(new Array(7).fill(10))
  })
})

describe('reading along', () => {
  const next = markov(3, 40)
  const feature = (text: readonly TokenId[], position: number): Float32Array =>
    Float32Array.of(position + 1, text[position]!, text[position - 1] ?? -1)
  const features = (text: readonly TokenId[], from: number, to: number): Float32Array[] =>
    text.slice(from, to).map((_, i) => feature(text, from + i))

  /** A round that accepted nothing: `text` is what stands after it. */
  function endRound(reader: HeadReader, text: readonly TokenId[]): void {
    const context = text.length - 2
    const outcome: RoundOutcome = {
      tree: createTree(text[context]!),
      accepted: [],
      next: text[context + 1]!,
      context,
      draftMs: 0,
      verifyMs: 0,
    }
    reader.end(outcome, { logits: () => new Float32Array(0), features: () => feature(text, context) })
  }

  it('spends nothing on rounds without drafting, and reads all of them in one pass later', async () => {
    const head = new TableHead({ vocabSize: 40, next })
    const reader = new HeadReader(head.open()!, 10)
    const text = [1, 2, 3]
    reader.follow(text)
    await reader.hear(0, features(text, 0, 2))
    for (let i = 0; i < 50; i++) {
      text.push((i * 7) % 40)
      endRound(reader, text)
    }
    expect(head.passes).toBe(0)
    expect(await reader.begin(text)).toBe(true)
    expect([head.passes, head.rows]).toEqual([1, text.length - 1])
    // Asked again before anything was said, it needs no further pass.
    expect(await reader.begin(text)).toBe(true)
    expect(head.passes).toBe(1)
    reader[Symbol.dispose]()
  })

  it('reads early when what waits takes too much memory', async () => {
    const head = new TableHead({ vocabSize: 40, next })
    const reader = new HeadReader(head.open()!, 10, 12 * 8)
    const text = Array.from({ length: 30 }, (_, i) => i)
    reader.follow(text)
    await reader.hear(0, features(text, 0, 8))
    expect(head.rows).toBe(0)
    await reader.hear(8, features(text, 8, 30))
    // The last one waits for the token after it.
    expect(head.rows).toBe(29)
    expect(reader.crowded).toBe(false)
    reader[Symbol.dispose]()
  })

  it('keeps what a new text has in common, and goes on over rows whose features never came', async () => {
    const head = new TableHead({ vocabSize: 40, next })
    const reader = new HeadReader(head.open()!, 10)
    const old = [1, 2, 3, 4, 5, 6]
    reader.follow(old)
    await reader.hear(0, features(old, 0, 5))
    await reader.begin(old)
    expect(head.rows).toBe(5)
    // Five tokens in common: rows 0 to 3 hold tokens 1 to 4. The target read the rest from position 7 on.
    const text = [1, 2, 3, 4, 5, 9, 9, 9, 9, 9]
    expect(reader.shared(text)).toBe(5)
    reader.follow(text)
    await reader.hear(7, features(text, 7, 9))
    expect(await reader.begin(text)).toBe(true)
    expect(head.rows).toBe(5 + 2)
    reader[Symbol.dispose]()
  })

  it('does not draft where the last features are missing or its context is full', async () => {
    const head = new TableHead({ vocabSize: 40, next, context: 4 })
    const reader = new HeadReader(head.open()!, 10)
    expect(await reader.begin([1, 2, 3])).toBe(false)
    const text = [1, 2, 3, 4, 5, 6, 7, 8]
    reader.follow(text)
    await reader.hear(0, features(text, 0, 7))
    expect(await reader.begin(text)).toBe(false)
    text.push(9)
    endRound(reader, text)
    expect(await reader.begin(text)).toBe(false)
    expect(head.rows).toBe(4)
    reader[Symbol.dispose]()
  })
})
