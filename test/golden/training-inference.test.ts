/** What the trainer computes at each unrolled step is what the engine drafts with the same weights, level after level. */
import { expect, it } from 'vitest'
import { loadGguf } from '../../src/gguf/index.ts'
import { loadDraftHead, loadModel } from '../../src/model/index.ts'
import { openBackend } from '../../src/tensor/index.ts'
import { createHeadTrainer } from '../../src/train/net/index.ts'
import type { HeadShape, TeacherTables } from '../../src/train/types.ts'
import { noise } from '../fixtures/training.ts'
import { someTokens, tinyFile, tinyHeadFile } from '../tiny.ts'
import { readWeights } from './weights.ts'

it('a trained head drafts what it was trained to', async () => {
  const [path, headPath] = [await tinyFile({ weightType: 'f32' }), await tinyHeadFile({ vocabularyStep: 2 })]
  const file = loadGguf(headPath)
  const number = (key: string): number => file.metadata.number(`eagle3.${key}`)!
  const own = await readWeights({ ...file, tensors: file.tensors.filter(({ name }) => name !== 'd2t') })
  const target = await readWeights(loadGguf(path))
  await using model = await loadModel(path, { kvType: 'f32', context: 128 })
  await using head = await loadDraftHead(headPath, model, { kvType: 'f32' })
  const shape: HeadShape = {
    width: number('embedding_length'),
    feedForwardWidth: number('feed_forward_length'),
    headCount: number('attention.head_count'),
    kvHeadCount: number('attention.head_count_kv'),
    headDim: number('rope.dimension_count'),
    normEpsilon: number('attention.layer_norm_rms_epsilon'),
    ropeBase: number('rope.freq_base'),
    draftVocabSize: head.spec.draftVocabSize,
  }
  const teacher: TeacherTables = {
    embedding: Float32Array.from(target.get('token_embd.weight')!.values),
    output: noise(5, shape.draftVocabSize * shape.width, 0.3),
    outputNorm: new Float32Array(shape.width).fill(1),
  }
  const tokens = someTokens(45)
  const features: Float32Array[] = []
  using sequence = model.open()
  sequence.tap(head.spec.taps)
  await sequence.prefill(tokens, { onFeatures: (_, rows) => void features.push(...rows) })

  const position = 40
  const batch = {
    texts: 1,
    length: tokens.length,
    tokens: Int32Array.from(tokens),
    best: Int32Array.from(tokens, () => 4),
    features: Float32Array.from(features.flatMap((row) => [...row])),
    states: noise(6, tokens.length * shape.width, 1),
    answered: new Uint8Array(tokens.length).fill(1, position + 1, position + 2),
  }
  const taught = softMax(batch.states.subarray(position * shape.width, (position + 1) * shape.width), teacher, shape)
  await using backend = openBackend({ threads: 1 })
  await using trainer = createHeadTrainer({
    shape,
    backend,
    teacher,
    draftIds: Int32Array.from({ length: shape.draftVocabSize }, (_, id) => 2 * id),
    unroll: 4,
    initial: new Map([...own].map(([name, { values }]) => [name, Float32Array.from(values)])),
  })
  const { depths } = await trainer.evaluate(batch)

  for (const [step, depth] of depths.entries()) {
    using text = head.open()!
    const rows = features.slice(0, position - step)
    let guess = (await text.read(
      rows.map((row, at) => ({ position: at, next: tokens[at + 1]!, features: row })),
      shape.draftVocabSize,
    ))!
    for (let level = 0; level < step; level++) {
      const node = { parent: level - 1, token: tokens[position - step + 1 + level]! }
      guess = (await text.draft([node], shape.draftVocabSize))[0]!
    }
    let loss = 0
    guess.tokens.forEach((token, place) => (loss -= taught[token / 2]! * Math.log(guess.probs[place]!)))
    expect(depth.rows).toBe(1)
    expect(Math.abs(depth.loss / loss - 1), `step ${step}: ${depth.loss} for ${loss}`).toBeLessThan(1e-4)
  }
})

/** The lesson's distribution. */
function softMax(
  state: Float32Array,
  teacher: TeacherTables,
  { width, draftVocabSize, normEpsilon }: HeadShape,
): number[] {
  const size = Math.sqrt(state.reduce((sum, x) => sum + x * x, 0) / width + normEpsilon)
  const powers = Array.from({ length: draftVocabSize }, (_, id) =>
    Math.exp(state.reduce((sum, x, i) => sum + (x / size) * teacher.output[id * width + i]!, 0)),
  )
  const total = powers.reduce((sum, x) => sum + x, 0)
  return powers.map((x) => x / total)
}
