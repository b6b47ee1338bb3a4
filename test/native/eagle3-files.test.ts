/** Files of draft heads that do not fit or mean harm: one clear sentence each, before ggml could end the process. */
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { makeTinyHead, type TinyHeadOptions, type TinyHeadTensor } from '../../scripts/make-tiny-head.ts'
import { openEngine } from '../../src/engine/index.ts'
import { loadGguf } from '../../src/gguf/index.ts'
import { liveHandles } from '../../src/ffi/index.ts'
import { loadDraftHead, loadModel, type GraphModel } from '../../src/model/index.ts'

let folder: string
let model: GraphModel
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heterospec-heads-'))
  model = await loadModel(inject('tinyModelPath'), { context: 128 })
})
afterAll(async () => {
  await model[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
  expect(liveHandles()).toEqual({})
})

type Change = (tensor: TinyHeadTensor) => TinyHeadTensor | undefined

function changed(name: string, change: Change): TinyHeadOptions {
  const tensors = (all: readonly TinyHeadTensor[]): TinyHeadTensor[] =>
    all.flatMap((tensor) => (tensor.name === name ? (change(tensor) ?? []) : tensor))
  return { vocabularyStep: 2, tensors }
}

function withNumber(name: string, at: number, value: number): TinyHeadOptions {
  return changed(name, (tensor) => {
    const values = Float32Array.from(tensor.values, Number)
    values[at] = value
    return { ...tensor, values }
  })
}

function withId(at: number, id: bigint): TinyHeadOptions {
  return changed('d2t', (tensor) => {
    const values = BigInt64Array.from(tensor.values, BigInt)
    values[at] = id
    return { ...tensor, values }
  })
}

const u32 = (value: number) => ({ type: 'u32', value }) as const
const layers = (...values: number[]) => ({ type: 'array', of: 'i32', values }) as const

const refused: Record<string, readonly [TinyHeadOptions, code: string, sentence: RegExp]> = {
  'another width': [{ targetWidth: 96, width: 128 }, 'drafter-mismatch', /width 128\), got one for width 96/],
  'a layer beyond the last': [{ targetLayers: [0, 1, 3] }, 'drafter-mismatch', /layers from 0 to 2 of Tiny, got layer 3/],
  'a layer below the first': [{ targetLayers: [-1, 1, 2] }, 'drafter-mismatch', /got layer -1/],
  'two layers': [{ targetLayers: [0, 1] }, 'bad-file', /three different layers in eagle3.target_layers .*, got \[0, 1\]/],
  'a layer twice': [{ metadata: { 'eagle3.target_layers': layers(1, 1, 2) } }, 'bad-file', /got \[1, 1, 2\]/],
  'no layers': [{ metadata: { 'eagle3.target_layers': undefined } }, 'bad-file', /target_layers in .*, got none/],
  'another vocabulary': [{ metadata: { 'eagle3.vocab_size': u32(300) } }, 'drafter-mismatch', /297 tokens, got one for 300/],
  'two blocks': [{ metadata: { 'eagle3.block_count': u32(2) } }, 'bad-file', /eagle3.block_count 1 .*, got 2/],
  'no norm epsilon': [
    { metadata: { 'eagle3.attention.layer_norm_rms_epsilon': undefined } },
    'unsupported-model',
    /layer_norm_rms_epsilon to be a number/,
  ],
  'heads that do not divide': [
    { metadata: { 'eagle3.attention.head_count_kv': u32(3) } },
    'unsupported-model',
    /a divisor of 4 heads/,
  ],
  'another architecture': [
    { metadata: { 'general.architecture': { type: 'string', value: 'llama' } } },
    'drafter-mismatch',
    /expected a draft head \(architecture eagle3\), got "llama"/,
  ],
  'NaN among the weights': [withNumber('blk.0.attn_k.weight', 777, NaN), 'bad-file', /numbers in blk.0.attn_k.weight/],
  'infinity in a norm': [withNumber('output_norm.weight', 3, -Infinity), 'bad-file', /numbers in output_norm.weight/],
  'a draft id beyond the vocabulary': [withId(5, 297n), 'bad-file', /draft ids from 0 to 296 .*, got 297 at place 5/],
  'an enormous draft id': [withId(5, 1n << 62n), 'bad-file', /got 4611686018427387904 at place 5/],
  'a negative draft id': [withId(0, -1n), 'bad-file', /got -1 at place 0/],
  'a draft id twice': [withId(5, 2n), 'bad-file', /every draft id once .*, got 2 twice/],
  'draft ids that are numbers with points': [
    changed('d2t', (tensor) => ({ ...tensor, type: 'f32', values: Float32Array.from(tensor.values, Number) })),
    'bad-file',
    /64-bit integers in d2t/,
  ],
  'fewer draft ids than outputs': [
    changed('d2t', (tensor) => ({ ...tensor, shape: [9], values: tensor.values.slice(0, 9) })),
    'bad-file',
    /output.weight of shape \[128, 9\], got \[128, 149\]/,
  ],
  'draft ids without outputs of its own': [
    changed('output.weight', () => undefined),
    'bad-file',
    /output.weight beside d2t .*, got none/,
  ],
  'a matrix that is missing': [changed('fc.weight', () => undefined), 'bad-file', /a tensor fc.weight/],
  'a matrix of another shape': [
    changed('fc.weight', (tensor) => ({ ...tensor, shape: [128, 384] })),
    'bad-file',
    /fc.weight of shape \[384, 128\], got \[128, 384\]/,
  ],
  'a norm of another type': [changed('output_norm.weight', (tensor) => ({ ...tensor, type: 'f16' })), 'bad-file', /F32/],
  'a tensor that nobody knows': [
    { tensors: (all) => [...all, { ...all[0]!, name: 'fc_norm.weight' }] },
    'unsupported-model',
    /plain EAGLE-3 head, found fc_norm.weight/,
  ],
  'a width of its own without an embedding': [{ width: 64 }, 'bad-file', /token_embd.weight \(the head is 64 wide\)/],
}

describe('refused heads', () => {
  for (const [name, [options, code, sentence]] of Object.entries(refused)) {
    it(name, async () => {
      const path = await makeTinyHead(join(folder, 'head.gguf'), options)
      await expect(loadDraftHead(path, model)).rejects.toMatchObject({ code, message: expect.stringMatching(sentence) as string })
    })
  }

  it('not a number inside a quantised block', async () => {
    const path = await makeTinyHead(join(folder, 'head.gguf'), { weightType: 'q8_0' })
    const bytes = await readFile(path)
    // Blocks of 34 bytes, the scale first.
    const { offset = 0 } = loadGguf(path).tensors.find(({ name }) => name === 'output.weight') ?? {}
    bytes.writeUInt16LE(0x7e00, offset + 34 * 100)
    await writeFile(path, bytes)
    await expect(loadDraftHead(path, model)).rejects.toThrow(/numbers in output.weight/)
  })

  it('a file that ends early, at any place', async () => {
    const path = await makeTinyHead(join(folder, 'head.gguf'), { vocabularyStep: 2 })
    const { length } = await readFile(path)
    for (const share of [0.999, 0.7, 0.3, 0.01, 0.001]) {
      await truncate(path, Math.floor(length * share))
      await expect(loadDraftHead(path, model)).rejects.toMatchObject({ code: 'bad-file' })
    }
  })

  it('another tokenizer, a model instead of a head, and no file at all', async () => {
    const cacheDir = folder
    const open = async (path: string): Promise<void> => {
      const speculative = { drafter: { method: 'eagle3', path }, budget: { policy: 'fixed' } } as const
      await using engine = await openEngine(inject('tinyModelPath'), { threads: 1, cacheDir, speculative })
      expect(engine).toBeDefined()
    }
    const swapped = await makeTinyHead(join(folder, 'swapped.gguf'), {
      metadata: {
        'tokenizer.ggml.tokens': { type: 'array', of: 'string', values: Array.from({ length: 297 }, (_, i) => `t${i}`) },
      },
    })
    await expect(open(swapped)).rejects.toThrow(/the vocabulary of Tiny \(297 tokens\), got another one of 297/)
    const without = await makeTinyHead(join(folder, 'without.gguf'), { metadata: { 'tokenizer.ggml.tokens': undefined } })
    await expect(open(without)).rejects.toMatchObject({ code: 'drafter-mismatch' })
    await expect(open(inject('tinyModelPath'))).rejects.toThrow(/expected a draft head \(architecture eagle3\), got "llama"/)
    await expect(open(join(folder, 'none.gguf'))).rejects.toMatchObject({ code: 'unknown-model' })
  })
})
