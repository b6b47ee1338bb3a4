/**
 * The promise that everything stands on: a row's logits do not depend on what is computed beside it. A node of a tree
 * gets bit for bit the logits that plain decoding of its path gives, whatever the weight type, the tree's size, the
 * sequences beside it, the chunks of the prompt or the rows that were dropped before.
 */
import { describe, expect, it } from 'vitest'
import { loadModel } from '../../src/model/index.ts'
import type { Sequence, TargetModel } from '../../src/model/index.ts'
import { argMax } from '../../src/util/math.ts'
import { createTree, type TokenTree } from '../../src/tree/index.ts'
import { weightTypes, type WeightType } from '../../scripts/tiny/encoding.ts'
import { bitsOf, someTokens, someTree, tinyFile } from '../tiny.ts'

const prefix = someTokens(37)
/** Sizes that end in the middle of every tile and remainder that the kernels have. */
const treeSizes = [3, 8, 13, 18]

describe.each([true, false])('kernels: %s', (kernels) => {
  describe('tree rows equal plain decoding bit for bit', () => {
    for (const weightType of Object.keys(weightTypes) as WeightType[]) {
      it(`${weightType} weights`, async () => {
        const path = await tinyFile({ weightType, width: 256, layers: 1, tied: false })
        await using model = await loadModel(path, { kernels, context: 256 })
        expect(model.rowPadding.exact).toBe(true)
        for (const size of treeSizes) await expectTreeEqualsPlain(model, prefix, someTree(50, size, size))
      })
    }

    for (const kvType of ['f16', 'f32', 'q8_0'] as const) {
      it(`${kvType} cache, two layers, a prefix of 600 tokens`, async () => {
        const path = await tinyFile({ weightType: 'q8_0', layers: 2 })
        await using model = await loadModel(path, { kernels, kvType, context: 1024 })
        await expectTreeEqualsPlain(model, someTokens(600), someTree(9, 24))
      })
    }

    it('any number of threads gives the same bits', async () => {
      const path = await tinyFile({ weightType: 'q4_0', architecture: 'qwen2' })
      const results: Int32Array[] = []
      for (const threads of [1, 2, 3]) {
        await using model = await loadModel(path, { kernels, threads, context: 1024 })
        using sequence = model.open()
        await sequence.prefill(someTokens(520))
        const tree = someTree(50, 11)
        const [scores] = await model.score([{ sequence, tree }])
        results.push(bitsOf(scores!.logits(10)))
      }
      expect(results[1]).toEqual(results[0])
      expect(results[2]).toEqual(results[0])
    })
  })

  describe('several sequences in one pass', () => {
    for (const weightType of ['f32', 'q4_0', 'q4_K', 'q8_0'] as const) {
      it(`equal single passes bit for bit, ${weightType} weights`, async () => {
        const path = await tinyFile({ weightType, width: 256, tied: false })
        await using model = await loadModel(path, { kernels, context: 256, sequences: 3 })
        const prefixes = [someTokens(3, 5), someTokens(64, 6), someTokens(129, 7)]
        const trees = [someTree(20, 9, 1), createTree(21), someTree(22, 14, 3)]
        const alone: Int32Array[][] = []
        for (const [index, tree] of trees.entries()) {
          using sequence = model.open()
          await sequence.prefill(prefixes[index]!)
          const [scores] = await model.score([{ sequence, tree }])
          alone.push(nodesOf(tree).map((node) => bitsOf(scores!.logits(node))))
        }
        const sequences = prefixes.map(() => model.open())
        for (const [index, sequence] of sequences.entries()) await sequence.prefill(prefixes[index]!)
        const together = await model.score(trees.map((tree, index) => ({ sequence: sequences[index]!, tree })))
        for (const [index, tree] of trees.entries()) {
          expect(nodesOf(tree).map((node) => bitsOf(together[index]!.logits(node)))).toEqual(alone[index])
        }
        for (const sequence of sequences) sequence[Symbol.dispose]()
      })
    }
  })

  it('scores stay their owner\'s while the pass of another sequence runs already', async () => {
    const path = await tinyFile({ weightType: 'q8_0', width: 256 })
    await using model = await loadModel(path, { kernels, context: 256, sequences: 2 })
    using one = model.open()
    using two = model.open()
    await one.prefill(someTokens(20, 1))
    await two.prefill(someTokens(20, 2))
    const trees = [someTree(7, 9, 1), someTree(8, 9, 2)]
    const [alone] = await model.score([{ sequence: one, tree: trees[0]! }])
    const expected = nodesOf(trees[0]!).map((node) => bitsOf(alone!.logits(node)))
    for (let round = 0; round < 20; round++) {
      const first = model.score([{ sequence: one, tree: trees[0]! }])
      const second = model.score([{ sequence: two, tree: trees[1]! }])
      const [scores] = await first
      // The second pass, of the same form, begins meanwhile.
      for (let turn = 0; turn < 30; turn++) await Promise.resolve()
      expect(scores!.top?.(3, 1).ids[0] ?? argMax(scores!.logits(3))).toBe(argMax(scores!.logits(3)))
      expect(nodesOf(trees[0]!).map((node) => bitsOf(scores!.logits(node)))).toEqual(expected)
      await second
    }
  })

  describe('what was committed, dropped or reused leaves no trace', () => {
    for (const weightType of ['f32', 'q4_0', 'q4_K', 'q8_0'] as const) {
      it(`${weightType} weights`, async () => {
        const path = await tinyFile({ weightType, width: 256, tied: false })
        await using model = await loadModel(path, { kernels, context: 512, sequences: 2 })
        using sequence = model.open()
        const text = someTokens(70)
        await sequence.prefill(text)
        // A branch that lies apart in the cache is kept; the other branches are dropped.
        const tree = someTree(60, 15, 4)
        await model.score([{ sequence, tree }])
        const leaf = deepestOf(tree)
        sequence.commit(tree.path(leaf))
        text.push(tree.tokens[0]!, ...tree.path(leaf).map((node) => tree.tokens[node]!))
        expect(sequence.length).toBe(text.length)
        await expectSame(model, sequence, text, 'after a commit')
        // A turn is taken back and another one is read in its place.
        sequence.truncate(33)
        text.length = 33
        const other = someTokens(65, 3)
        await sequence.prefill(other)
        text.push(...other)
        await expectSame(model, sequence, text, 'after a truncation')
        // A tree that is scored level by level, then forgotten.
        const grown = createTree(61)
        await model.score([{ sequence, tree: grown }])
        const [a, b] = [grown.add(0, 62, -1), grown.add(0, 63, -1)]
        await model.score([{ sequence, tree: grown, from: a }])
        grown.add(b, 64, -1)
        const [levels] = await model.score([{ sequence, tree: grown, from: 3 }])
        expect(bitsOf(levels!.logits(3))).toEqual(await fresh(model, [...text, 61, 63, 64]))
        sequence.truncate(text.length)
        await expectSame(model, sequence, text, 'after a forgotten tree')
      })
    }

    it('an aborted prefill leaves a sequence that can go on', async () => {
      await using model = await loadModel(await tinyFile({ weightType: 'q8_0' }), { context: 512, sequences: 2 })
      using sequence = model.open()
      const text = someTokens(400)
      const controller = new AbortController()
      const done: number[] = []
      const work = sequence.prefill(text, {
        signal: controller.signal,
        onProgress: (count) => {
          done.push(count)
          if (done.length === 2) controller.abort()
        },
      })
      await expect(work).rejects.toMatchObject({ code: 'aborted' })
      expect(sequence.length).toBe(done.at(-1))
      expect(sequence.length).toBeLessThan(text.length)
      const rest = text.slice(sequence.length)
      const scores = await sequence.prefill(rest)
      expect(bitsOf(scores.logits(0))).toEqual(await fresh(model, text))
    })

    it('rows moved by graph operations, as on a device without shared memory, are the same rows', async () => {
      const path = await tinyFile({ weightType: 'q8_0' })
      const results: Int32Array[] = []
      for (const moveOnDevice of [false, true]) {
        await using model = await loadModel(path, { kernels, context: 256, moveOnDevice })
        using sequence = model.open()
        await sequence.prefill(prefix)
        const tree = someTree(60, 15, 4)
        await model.score([{ sequence, tree }])
        sequence.commit(tree.path(deepestOf(tree)))
        const [scores] = await model.score([{ sequence, tree: createTree(5) }])
        results.push(bitsOf(scores!.logits(0)))
      }
      expect(results[1]).toEqual(results[0])
    })
  })
})

// ---------------------------------------------------------------------------------------------------------------

/** Every node of the tree, against one token after another. */
async function expectTreeEqualsPlain(model: TargetModel, prompt: readonly number[], tree: TokenTree): Promise<void> {
  using sequence = model.open()
  await sequence.prefill(prompt)
  const [scores] = await model.score([{ sequence, tree }])
  const rows = nodesOf(tree).map((node) => bitsOf(scores!.logits(node)))
  // Depth first, stepping back to the parent by truncation: each node is computed alone, after its path.
  const visit = async (node: number): Promise<void> => {
    const length = prompt.length + tree.depths[node]!
    sequence.truncate(length)
    const [plain] = await model.score([{ sequence, tree: createTree(tree.tokens[node]!) }])
    expect(bitsOf(plain!.logits(0)), `node ${node} of ${tree.size}`).toEqual(rows[node])
    sequence.commit([])
    for (const child of tree.children(node)) await visit(child)
  }
  await visit(0)
}

/** The next row of a sequence against a cache that never held anything else. */
async function expectSame(
  model: TargetModel,
  sequence: Sequence,
  text: readonly number[],
  when: string,
): Promise<void> {
  const [scores] = await model.score([{ sequence, tree: createTree(99) }])
  const bits = bitsOf(scores!.logits(0))
  sequence.truncate(text.length)
  expect(bits, when).toEqual(await fresh(model, [...text, 99]))
}

/** Logits after a text, read at once by a model that has no other sequence. */
async function fresh(model: TargetModel, text: readonly number[]): Promise<Int32Array> {
  using sequence = model.open({ capacity: text.length })
  const scores = await sequence.prefill(text)
  return bitsOf(scores.logits(0))
}

function nodesOf(tree: TokenTree): number[] {
  return Array.from({ length: tree.size }, (_, node) => node)
}

function deepestOf(tree: TokenTree): number {
  return nodesOf(tree).reduce((best, node) => (tree.depths[node]! >= tree.depths[best]! ? node : best), 0)
}
