/**
 * Draft heads against the float64 reference, in every variant of the format, and taps against the reference's residual
 * streams. With float32 weights and caches only the order of summation differs: 1e-4 relative. Quantised matrices
 * round activations to 8 bits.
 */
import { describe, expect, it } from 'vitest'
import { loadGguf } from '../../src/gguf/index.ts'
import { loadDraftHead, loadModel, type HeadNode } from '../../src/model/index.ts'
import type { TinyHeadOptions } from '../../scripts/make-tiny-head.ts'
import type { TinyOptions } from '../../scripts/make-tiny-model.ts'
import { someTokens, someTree, tinyFile, tinyHeadFile } from '../tiny.ts'
import { ReferenceHead } from './eagle3-reference.ts'
import { ReferenceModel } from './reference.ts'

const variants: Record<string, TinyHeadOptions> = {
  'tables of the target, own head': {},
  'everything of the target': { ownOutput: false },
  'own embedding': { ownEmbedding: true },
  'reduced vocabulary': { vocabularyStep: 3 },
  'rope factors': { ropeFactors: true },
  'residual from the normed feature': { normBeforeResidual: true },
  'features normed together': { normBeforeFusion: true },
  'the older spelling': { layersKey: 'extract_layers', vocabularyStep: 2 },
  'a width of its own': { width: 64, ownEmbedding: true, vocabularyStep: 2 },
}

describe('float32 heads agree with the reference to rounding', () => {
  for (const [name, options] of Object.entries(variants)) {
    it(name, async () => expect(await worstError({}, options, 'f32')).toBeLessThan(1e-4))
  }
  it('a qwen2 target', async () => expect(await worstError({ architecture: 'qwen2' }, {}, 'f32')).toBeLessThan(1e-4))
})

describe('quantised heads agree within the rounding of activations', () => {
  for (const weightType of ['q8_0', 'q4_0', 'q4_1', 'q5_0', 'f16', 'bf16'] as const) {
    it.each([true, false])(`${weightType}, kernels: %s`, async (kernels) => {
      const target = { weightType: 'q8_0' } as const
      expect(await worstError(target, { weightType, vocabularyStep: 2 }, 'f32', kernels)).toBeLessThan(0.08)
    })
  }
  it('everything of a packed target', async () => {
    expect(await worstError({ weightType: 'q8_0' }, { weightType: 'q8_0', ownOutput: false }, 'f32')).toBeLessThan(0.08)
  })
  it('K formats, a target in ggml’s repacked layout', async () => {
    const options = { weightType: 'q4_K', targetWidth: 256 } as const
    expect(await worstError({ weightType: 'q4_0', width: 256 }, options, 'f16')).toBeLessThan(0.08)
  })
})

describe('taps', () => {
  it.each([true, false])('are the residual stream entering each layer, kernels: %s', async (kernels) => {
    const path = await tinyFile({ layers: 3 })
    const reference = await ReferenceModel.open(loadGguf(path))
    await using model = await loadModel(path, { kvType: 'f32', context: 256, kernels, sequences: 2 })
    using sequence = model.open()
    using other = model.open()
    const layers = [3, 0, 2]
    sequence.tap(layers)
    const prompt = someTokens(70)
    const rows: Float32Array[] = []
    await sequence.prefill(prompt, {
      onFeatures: (first, features) => {
        expect(first).toBe(rows.length)
        rows.push(...features)
      },
    })
    const expected = reference.streams(prompt)
    rows.forEach((row, position) => {
      const streams = layers.flatMap((layer) => [...expected[layer]![position]!])
      expect(relativeError(row, streams)).toBeLessThan(1e-4)
    })
    await other.prefill(prompt)
    const tree = someTree(42, 9)
    const [scores] = await model.score([
      { sequence, tree },
      { sequence: other, tree },
    ])
    // Rows are still there after a pass of another sequence.
    await model.score([{ sequence: other, tree: someTree(7, 3) }])
    for (let node = 0; node < tree.size; node++) {
      const path = [tree.tokens[0]!, ...tree.path(node).map((id) => tree.tokens[id]!)]
      const streams = reference.streams([...prompt, ...path])
      const wanted = layers.flatMap((layer) => [...streams[layer]!.at(-1)!])
      expect(relativeError(scores!.features(node), wanted)).toBeLessThan(1e-4)
    }
  })
})

// ---------------------------------------------------------------------------------------------------------------

/** Largest error of probabilities and states over a text and three levels of a tree below it. */
async function worstError(
  target: TinyOptions,
  options: TinyHeadOptions,
  kvType: 'f32' | 'f16',
  kernels = true,
): Promise<number> {
  const [path, headPath] = [await tinyFile(target), await tinyHeadFile(options)]
  const [gguf, headGguf] = [loadGguf(path), loadGguf(headPath)]
  const reference = await ReferenceHead.open(headGguf, gguf)
  await using model = await loadModel(path, { kvType, context: 256, kernels })
  await using head = await loadDraftHead(headPath, model, { kvType })
  using sequence = model.open()
  sequence.tap(head.spec.taps)
  using text = head.open()!
  const tokens = someTokens(75)
  const features: Float32Array[] = []
  await sequence.prefill(tokens.slice(0, -1), { onFeatures: (_, rows) => void features.push(...rows) })
  const rows = features.map((row, position) => ({ position, next: tokens[position + 1]!, features: row }))
  // In two pieces, the second one over what a first try left behind.
  await text.read(rows.slice(0, 30))
  await text.read(rows.slice(30, 40), 3)
  await text.draft([{ parent: -1, token: 5 }], 3)
  const first = (await text.read(rows.slice(40), 5))!
  const exact = features.map((row) => Float64Array.from(row))
  const step = options.vocabularyStep ?? 1
  const errorOf = (guess: typeof first, drafted: readonly number[]): number =>
    guessError(guess, reference.guesses(exact, tokens, drafted).at(-1)!.logits, step)
  let worst = errorOf(first, [])
  const nodes: HeadNode[] = []
  for (const level of [
    [-1, -1],
    [0, 1, 1],
    [2, 3, 4],
  ]) {
    const added = level.map((parent, i) => ({ parent, token: 20 + 7 * nodes.length + i }))
    const guesses = await text.draft(added, 5)
    nodes.push(...added)
    guesses.forEach(
      (guess, i) => (worst = Math.max(worst, errorOf(guess, pathOf(nodes, nodes.length - added.length + i)))),
    )
  }
  return worst
}

function pathOf(nodes: readonly HeadNode[], node: number): number[] {
  return node < 0 ? [] : [...pathOf(nodes, nodes[node]!.parent), nodes[node]!.token]
}

/** Difference of log-probabilities of the guessed tokens, relative to the spread of the logits; Infinity for wrong tokens. */
function guessError(
  guess: { readonly tokens: readonly number[]; readonly probs: Float32Array },
  logits: Float64Array,
  step: number,
): number {
  const top = Math.max(...logits)
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0)) + top
  const mean = logits.reduce((sum, logit) => sum + logit, 0) / logits.length
  const spread = Math.sqrt(logits.reduce((sum, logit) => sum + (logit - mean) ** 2, 0) / logits.length)
  let worst = 0
  guess.tokens.forEach((token, i) => {
    if (token % step !== 0) worst = Infinity
    const difference = Math.abs(Math.log(guess.probs[i]!) - (logits[token / step]! - total)) / spread
    worst = Math.max(worst, difference)
  })
  const best = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!)
  // What ranks first must be among the first, up to ties within the error.
  const reached = logits[guess.tokens[0]! / step]! - logits[best[0]!]!
  return Math.max(worst, -reached / spread)
}

function relativeError(ours: Float32Array, expected: readonly number[]): number {
  expect(ours.length).toBe(expected.length)
  const size = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0))
  return Math.sqrt(expected.reduce((sum, value, i) => sum + (value - ours[i]!) ** 2, 0)) / size
}
