/** Files of heads that training and import write: their numbers, their keys, and what is refused. */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { normalNumbers } from '../../scripts/tiny/encoding.ts'
import { loadGguf } from '../../src/gguf/index.ts'
import { loadDraftHead, loadModel } from '../../src/model/index.ts'
import { vocabularyFingerprint } from '../../src/text/index.ts'
import { convertHead, writeHead, type HeadContents, type HeadType } from '../../src/train/index.ts'
import { tinyHeadFile } from '../tiny.ts'
import { readWeights } from './weights.ts'
import { worstGuessError } from './head-error.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heterospec-head-file-'))
})
afterAll(() => rm(folder, { recursive: true }))

const target = (): string => inject('tinyModelPath')

describe('a written head', () => {
  it.each([{ own: false }, { own: true }])(
    'has the numbers that were given, own embedding and factors: %s',
    async ({ own }) => {
      const contents = someHead(own)
      const path = join(folder, 'head.gguf')
      await writeHead(path, contents, loadGguf(target()), 'f32')
      const file = loadGguf(path)
      const weights = await readWeights({ ...file, tensors: file.tensors.filter(({ name }) => name !== 'd2t') })
      expect(new Set(weights.keys())).toEqual(new Set(contents.tensors.keys()))
      for (const [name, { values }] of weights) expect(values).toEqual(contents.tensors.get(name))
      expect(file.metadata.numbers('eagle3.target_layers')).toEqual([2, 0, 1])
      expect(file.metadata.string('heterospec.made_by')).toBe('a test')
      expect(file.metadata.string('general.author')).toBe('nobody')
      expect(file.metadata.number('heterospec.tokens')).toBe(12.5)
      expect(vocabularyFingerprint(file.metadata)).toBe(vocabularyFingerprint(loadGguf(target()).metadata))
      const error = await worstGuessError(target(), path, { kvType: 'f32', kernels: true, vocabularyStep: 2 })
      expect(error).toBeLessThan(1e-4)
      expect(await readdir(folder)).toEqual(['head.gguf'])
    },
  )

  it.each([
    ['f16', 1, 0.01],
    ['q8_0', 8, 0.1],
    ['q4_0', 2, 1],
  ] as const)('keeps vectors as F32 beside %s', async (type, number, tolerance) => {
    const path = join(folder, 'head.gguf')
    const exact = join(folder, 'exact.gguf')
    await writeHead(path, someHead(false), loadGguf(target()), type)
    await writeHead(exact, someHead(false), loadGguf(target()), 'f32')
    const types = Object.fromEntries(loadGguf(path).tensors.map((tensor) => [tensor.name, tensor.type]))
    expect(types).toMatchObject({ 'fc.weight': number, 'blk.0.attn_q.weight': number, 'output.weight': number })
    expect(types).toMatchObject({ 'blk.0.attn_norm.weight': 0, 'output_norm.weight': 0, d2t: 27 })
    const options = { kvType: 'f32', kernels: true, vocabularyStep: 2, referencePath: exact } as const
    expect(await worstGuessError(target(), path, options)).toBeLessThan(tolerance)
    await rm(exact)
  })

  it('keeps rows that are no whole blocks as F16', async () => {
    const contents = someHead(false, 200 + 8)
    const path = join(folder, 'head.gguf')
    await writeHead(path, contents, loadGguf(target()), 'q8_0')
    const types = Object.fromEntries(loadGguf(path).tensors.map((tensor) => [tensor.name, tensor.type]))
    expect(types).toMatchObject({ 'blk.0.ffn_down.weight': 1, 'blk.0.ffn_up.weight': 8 })
    await using model = await loadModel(target(), { context: 64 })
    await using head = await loadDraftHead(path, model)
    expect(head.spec.draftVocabSize).toBe(149)
  })
})

describe('a converted head', () => {
  const written = async (name: string, type: HeadType): Promise<string> => {
    const path = join(folder, name)
    await writeHead(path, someHead(true), loadGguf(target()), type)
    return path
  }
  const typesOf = (path: string): Record<string, number> =>
    Object.fromEntries(loadGguf(path).tensors.map(({ name, type }) => [name, type]))

  it('has the types that were asked for, group by group, and is what writing it so at once gives', async () => {
    const from = await written('exact.gguf', 'f32')
    const type = 'q8_0,output=q4_0,ffn=q5_0,embedding=q4_1,fc=f16'
    const [direct, converted] = [await written('direct.gguf', type), join(folder, 'converted.gguf')]
    await convertHead(converted, loadGguf(from), { type, tokenizer: 'full' })
    expect(typesOf(converted)).toMatchObject({
      ...{ 'output.weight': 2, 'blk.0.ffn_up.weight': 6, 'token_embd.weight': 3, 'fc.weight': 1, d2t: 27 },
      ...{ 'blk.0.attn_q.weight': 8, 'blk.0.ffn_norm.weight': 0, 'blk.0.attn_norm_2.weight': 0 },
    })
    expect(await readFile(converted)).toEqual(await readFile(direct))
    const options = { kvType: 'f32', kernels: true, vocabularyStep: 2, referencePath: from } as const
    expect(await worstGuessError(target(), converted, options)).toBeLessThan(1)
  })

  it('keeps its bytes where no type is asked for, and the tokens where the tokenizer shall be short', async () => {
    const from = await written('exact.gguf', 'q8_0')
    const out = join(folder, 'short.gguf')
    await convertHead(out, loadGguf(from), { tokenizer: 'full' })
    expect(await readFile(out)).toEqual(await readFile(from))
    await convertHead(out, loadGguf(from), { tokenizer: 'short' })
    const [before, after] = [loadGguf(from), loadGguf(out)]
    expect(after.files[0]!.bytes).toBeLessThan(before.files[0]!.bytes)
    expect(after.metadata.keys).toEqual(before.metadata.keys)
    expect(vocabularyFingerprint(after.metadata)).toBe(vocabularyFingerprint(before.metadata))
    await using model = await loadModel(target(), { context: 64 })
    await using head = await loadDraftHead(out, model)
    expect(head.spec.draftVocabSize).toBe(149)
  })

  it('must be a head of numbers', async () => {
    const out = join(folder, 'no.gguf')
    const all = { type: 'q8_0', tokenizer: 'full' } as const
    await expect(convertHead(out, loadGguf(target()), all)).rejects.toThrow(/expected a draft head .*got "llama"/)
    const broken = await tinyHeadFile({
      seed: 77,
      tensors: (list) =>
        list.map((one) => (one.name === 'fc.weight' ? { ...one, values: one.values.fill(NaN as never) } : one)),
    })
    await expect(convertHead(out, loadGguf(broken), all)).rejects.toThrow(/expected numbers in fc\.weight/)
    expect(await readdir(folder)).not.toContain('no.gguf')
  })
})

describe('refused', () => {
  const withTensor = (name: string, values: Float32Array | undefined): HeadContents => {
    const contents = someHead(false)
    const tensors = new Map(contents.tensors)
    if (values) tensors.set(name, values)
    else tensors.delete(name)
    return { ...contents, tensors }
  }
  const withIds = (...ids: number[]): HeadContents => {
    const contents = someHead(false)
    const draftIds = Int32Array.from(contents.draftIds!)
    draftIds.set(ids)
    return { ...contents, draftIds }
  }
  const refused: Record<string, readonly [() => HeadContents, RegExp]> = {
    'a missing tensor': [() => withTensor('fc.weight', undefined), /a tensor fc\.weight of the head, got none/],
    'a tensor too many': [() => withTensor('fc.bias', new Float32Array(3)), /got fc\.bias/],
    'another size': [
      () => withTensor('output_norm.weight', new Float32Array(3)),
      /128 values of output_norm\.weight .*got 3/,
    ],
    'not a number': [() => withTensor('output_norm.weight', new Float32Array(128).fill(NaN)), /numbers in .*got NaN/],
    'an id twice': [() => withIds(0, 0), /ascending draft ids .*got 0 at place/],
    'an id that is not there': [() => withIds(297), /from 0 to 296 .*got 297 at place 0/],
    'ids of another count': [
      () => ({ ...someHead(false), draftIds: Int32Array.of(1, 2) }),
      /2 tokens in the draft vocabulary .*got 149/,
    ],
  }
  for (const [name, [make, sentence]] of Object.entries(refused)) {
    it(name, async () => {
      await expect(writeHead(join(folder, 'no.gguf'), make(), loadGguf(target()), 'f32')).rejects.toThrow(sentence)
      expect(await readdir(folder)).not.toContain('no.gguf')
    })
  }
})

// ---------------------------------------------------------------------------------------------------------------

/** A head with random weights for the tiny model; every second token is in its vocabulary. */
function someHead(own: boolean, feedForwardWidth = 160): HeadContents {
  const normal = normalNumbers(7)
  const random = (count: number, scale: number, mean = 0): Float32Array =>
    Float32Array.from({ length: count }, () => mean + scale * normal())
  const matrix = (inputs: number, outputs: number): Float32Array => random(inputs * outputs, 1.5 / Math.sqrt(inputs))
  const norm = (size: number): Float32Array => random(size, 0.1, 1)
  const shape = {
    ...{ width: 128, feedForwardWidth, headCount: 4, kvHeadCount: 2, headDim: 32 },
    ...{ normEpsilon: 2 ** -17, ropeBase: 5000, draftVocabSize: 149 },
  }
  const tensors = new Map([
    ['fc.weight', matrix(384, 128)],
    ['blk.0.attn_norm.weight', norm(128)],
    ['blk.0.attn_norm_2.weight', norm(128)],
    ['blk.0.attn_q.weight', matrix(256, 128)],
    ['blk.0.attn_k.weight', matrix(256, 64)],
    ['blk.0.attn_v.weight', matrix(256, 64)],
    ['blk.0.attn_output.weight', matrix(128, 128)],
    ['blk.0.ffn_norm.weight', norm(128)],
    ['blk.0.ffn_gate.weight', matrix(128, feedForwardWidth)],
    ['blk.0.ffn_up.weight', matrix(128, feedForwardWidth)],
    ['blk.0.ffn_down.weight', matrix(feedForwardWidth, 128)],
    ['output_norm.weight', norm(128)],
    ['output.weight', matrix(128, 149)],
  ])
  if (own) tensors.set('token_embd.weight', matrix(128, 297)).set('rope_freqs.weight', random(16, 0.2, 2))
  return {
    ...{ name: 'A head', shape, targetWidth: 128, targetLayers: [2, 0, 1], trainedContext: 2048, tensors },
    ...{ normBeforeResidual: own, normBeforeFusion: false },
    draftIds: Int32Array.from({ length: 149 }, (_, i) => 2 * i),
    provenance: { made_by: 'a test', 'general.author': 'nobody', tokens: 12.5 },
  }
}
