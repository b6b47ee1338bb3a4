/**
 * Draft heads against the float64 reference, in every variant of the format, and taps against the reference's residual
 * streams. With float32 weights and caches only the order of summation differs: 1e-4 relative. Quantised matrices
 * round activations to 8 bits.
 */
import { describe, expect, it } from 'vitest'
import { loadGguf } from '../../src/gguf/index.ts'
import { loadModel } from '../../src/model/index.ts'
import type { TinyHeadOptions } from '../../scripts/make-tiny-head.ts'
import type { TinyOptions } from '../../scripts/make-tiny-model.ts'
import { someTokens, someTree, tinyFile, tinyHeadFile } from '../tiny.ts'
import { worstGuessError } from './head-error.ts'
import { ReferenceModel } from './reference.ts'

/** 0.05 to 0.075 were measured, with the rounding of each set of kernels; a mistake of structure gives errors of order one. */
const QUANTISED = 0.15

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
      expect(await worstError(target, { weightType, vocabularyStep: 2 }, 'f32', kernels)).toBeLessThan(QUANTISED)
    })
  }
  it('everything of a packed target', async () => {
    expect(await worstError({ weightType: 'q8_0' }, { weightType: 'q8_0', ownOutput: false }, 'f32')).toBeLessThan(
      QUANTISED,
    )
  })
  it('K formats, a target in ggml’s repacked layout', async () => {
    const options = { weightType: 'q4_K', targetWidth: 256 } as const
    expect(await worstError({ weightType: 'q4_0', width: 256 }, options, 'f16')).toBeLessThan(QUANTISED)
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

/** Largest error of probabilities over a text and three levels of a tree below it. */
async function worstError(
  target: TinyOptions,
  options: TinyHeadOptions,
  kvType: 'f32' | 'f16',
  kernels = true,
): Promise<number> {
  const [path, headPath] = [await tinyFile(target), await tinyHeadFile(options)]
  return worstGuessError(path, headPath, { kvType, kernels, vocabularyStep: options.vocabularyStep ?? 1 })
}

function relativeError(ours: Float32Array, expected: readonly number[]): number {
  expect(ours.length).toBe(expected.length)
  const size = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0))
  return Math.sqrt(expected.reduce((sum, value, i) => sum + (value - ours[i]!) ** 2, 0)) / size
}
