/**
 * Our graphs against the float64 reference on every kind of tiny model: each row of a prompt, each node of a tree, and
 * trees of several sequences in one pass.
 *
 * Tolerances are relative to the spread of the logits. With float32 weights and cache only the order of summation
 * differs (1.1e-5 measured). A float16 cache rounds keys and values to 11 bits; ggml also rounds
 * activations to 8 bits per block of 32 (or 256) for quantised weights: errors of one to several percent, where any
 * mistake in structure, rotation or dequantisation gives errors of order one.
 */
import { describe, expect, it } from 'vitest'
import { loadModel } from '../../src/model/index.ts'
import { loadGguf } from '../../src/gguf/index.ts'
import type { TinyOptions } from '../../scripts/make-tiny-model.ts'
import { weightTypes, type WeightType } from '../../scripts/tiny/encoding.ts'
import { someTokens, someTree, tinyFile } from '../tiny.ts'
import { ReferenceModel } from './reference.ts'

const structures: Record<string, TinyOptions> = {
  'llama, tied head': {},
  'llama, own head': { tied: false },
  'llama with biases': { biases: true },
  'llama in three files': { files: 3, tied: false },
  'llama, one layer': { layers: 1 },
  'llama, linear rope': { rope: { kind: 'linear', factor: 4 } },
  'llama, YaRN': { rope: { kind: 'yarn', factor: 4, originalContext: 64 } },
  'llama, Llama-3 factors': { rope: { kind: 'llama3', factor: 8, originalContext: 64 } },
  qwen2: { architecture: 'qwen2' },
  'qwen2, own head, YaRN': {
    architecture: 'qwen2',
    tied: false,
    rope: { kind: 'yarn', factor: 8, originalContext: 128 },
  },
}

const longPrompt = someTokens(70) // longer than a chunk of the prefill
const shortPrompt = someTokens(20)

describe('float32 weights and cache agree with the reference to rounding', () => {
  for (const [name, options] of Object.entries(structures)) {
    it(name, async () => expect(await worstError(options, 'f32')).toBeLessThan(1e-4))
  }
})

describe('the float16 cache stays within its rounding', () => {
  for (const name of ['llama, tied head', 'qwen2']) {
    it(name, async () => expect(await worstError(structures[name]!, 'f16')).toBeLessThan(3e-2))
  }
})

describe('every weight type is read as the reference reads it', () => {
  for (const weightType of Object.keys(weightTypes) as WeightType[]) {
    it.each([true, false])(`${weightType}, kernels: %s`, async (kernels) => {
      const error = await worstError({ weightType, width: 256, layers: 1 }, 'f32', shortPrompt, kernels)
      // 0.07 was measured, of iq2_xs.
      expect(error).toBeLessThan(0.15)
    })
  }
})

describe('several sequences in one pass', () => {
  it('each tree sees its own prefix only', async () => {
    const path = await tinyFile({ rope: { kind: 'yarn', factor: 4, originalContext: 64 } })
    const reference = await ReferenceModel.open(loadGguf(path))
    await using model = await loadModel(path, { kvType: 'f32', sequences: 3, context: 256 })
    const prefixes = [someTokens(5, 7), someTokens(33, 8), someTokens(64, 9)]
    const sequences = prefixes.map(() => model.open())
    for (const [index, sequence] of sequences.entries()) await sequence.prefill(prefixes[index]!)
    const trees = prefixes.map((_, index) => someTree(10 + index, 4 + 3 * index, index))
    const scores = await model.score(trees.map((tree, index) => ({ sequence: sequences[index]!, tree })))
    for (const [index, tree] of trees.entries()) {
      for (let node = 0; node < tree.size; node++) {
        const path = [tree.tokens[0]!, ...tree.path(node).map((id) => tree.tokens[id]!)]
        const expected = reference.logits([...prefixes[index]!, ...path]).at(-1)!
        expect(relativeError(scores[index]!.logits(node), expected)).toBeLessThan(1e-4)
      }
    }
    for (const sequence of sequences) sequence[Symbol.dispose]()
  })
})

// ---------------------------------------------------------------------------------------------------------------

/** Largest error over all prompt rows and the nodes of a tree, relative to the spread of the reference's logits. */
async function worstError(
  options: TinyOptions,
  kvType: 'f32' | 'f16',
  prompt = longPrompt,
  kernels = true,
): Promise<number> {
  const path = await tinyFile(options)
  const reference = await ReferenceModel.open(loadGguf(path))
  await using model = await loadModel(path, { kvType, context: 256, kernels })
  using sequence = model.open()
  const expected = reference.logits(prompt)
  let worst = 0
  await sequence.prefill(prompt, {
    wanted: () => true,
    onRows: (rows) => {
      for (const row of rows) worst = Math.max(worst, relativeError(row.logits, expected[row.index]!))
    },
  })
  const tree = someTree(42, 7)
  const [scores] = await model.score([{ sequence, tree }])
  for (let node = 0; node < tree.size; node++) {
    const tokens = [tree.tokens[0]!, ...tree.path(node).map((id) => tree.tokens[id]!)]
    worst = Math.max(worst, relativeError(scores!.logits(node), reference.logits([...prompt, ...tokens]).at(-1)!))
  }
  return worst
}

/** Root mean square of the difference over that of the reference. */
function relativeError(ours: Float32Array, expected: Float64Array): number {
  expect(ours.length).toBe(expected.length)
  let difference = 0
  let size = 0
  for (let id = 0; id < expected.length; id++) {
    difference += (ours[id]! - expected[id]!) ** 2
    size += expected[id]! ** 2
  }
  return Math.sqrt(difference / size)
}
