/** Heads that do not fit, or are none: one sentence each, that names what does not fit. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { makePublishedHead, type PublishedOptions, type SafeTensor } from '../../../test/fixtures/published-head.ts'
import { loadGguf } from '../../gguf/index.ts'
import { chooseHeadFiles, findHead } from './folder.ts'
import { importHead, type ImportedHead } from './import-head.ts'

let folder: string
let place: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heterospec-refused-'))
  place = join(folder, 'published')
})
afterEach(() => rm(folder, { recursive: true }))

async function importPublished(options: PublishedOptions): Promise<ImportedHead> {
  await makePublishedHead(place, options)
  return readPlace()
}

async function readPlace(path = place): Promise<ImportedHead> {
  return importHead(await findHead(path), loadGguf(inject('tinyModelPath')), { name: 'A head' })
}

const config = (
  changes: Record<string, unknown>,
  layout: PublishedOptions['layout'] = 'SpecForge',
): PublishedOptions => ({
  layout,
  config: (given) => ({ ...given, ...changes }),
})

/** Changes one tensor, or removes it. */
const tensor = (name: string, change: (tensor: SafeTensor) => SafeTensor | undefined): PublishedOptions => ({
  layout: 'SpecForge',
  tensors: (given) => {
    const { [name]: old, ...rest } = given
    const changed = change(old!)
    return changed ? { ...rest, [name]: changed } : rest
  },
})

const withOffset = (place: number, offset: number): PublishedOptions =>
  tensor('d2t', (old) => ({ ...old, values: [...old.values].with(place, offset) }))

const scaled = (rope_scaling: unknown): PublishedOptions => config({ rope_scaling })

const refused: Record<string, readonly [PublishedOptions, code: string, sentence: RegExp]> = {
  'another width': [config({ target_hidden_size: 96 }), 'drafter-mismatch', /Tiny \(width 128\), got one for width 96/],
  'features of another width': [
    tensor('fc.weight', (old) => ({ ...old, shape: [96, 512] })),
    'bad-file',
    /"fc.weight" of shape \[128, 384\] .*, got \[96, 512\]/,
  ],
  'another vocabulary': [config({ vocab_size: 300 }), 'drafter-mismatch', /the 297 tokens of Tiny, got one for 300/],
  'flags for another vocabulary': [
    tensor('t2d', () => ({ type: 'BOOL', shape: [300], values: new Float32Array(300) })),
    'drafter-mismatch',
    /the 297 tokens of Tiny, got t2d for 300/,
  ],
  'layers that the target does not have': [
    config({ eagle_config: { eagle_aux_hidden_state_layer_ids: [0, 1, 2] } }),
    'drafter-mismatch',
    /layers from 0 to 2 of Tiny, got \[1, 2, 3\]/,
  ],
  'two layers': [config({ tap_layers: [0, 1] }, 'trainer'), 'drafter-mismatch', /three different layers, got \[0, 1\]/],
  'the usual layers of a target that is too small': [
    config({ eagle_config: undefined }),
    'drafter-mismatch',
    /layers from 0 to 2 of Tiny, got \[2, 1, -1\]/,
  ],
  'two blocks': [config({ num_hidden_layers: 2 }), 'unsupported-model', /num_hidden_layers 1 .*, got 2/],
  biases: [config({ attention_bias: true }), 'unsupported-model', /attention_bias false .*, got true/],
  'norms of every tap': [config({ fc_norm: true }), 'unsupported-model', /fc_norm false \(EAGLE-3.1/],
  'normed outputs': [config({ norm_output: true }, 'speculators'), 'unsupported-model', /norm_output false/],
  'no word about the residual': [
    config({ norm_before_residual: undefined }, 'speculators'),
    'unsupported-model',
    /expected norm_before_residual .*, got none/,
  ],
  'another speculator': [
    config({ speculators_model_type: 'dflash' }, 'speculators'),
    'unsupported-model',
    /speculators_model_type "eagle3" .*, got "dflash"/,
  ],
  'no sizes': [config({ hidden_size: undefined }), 'unsupported-model', /an EAGLE-3 head with hidden_size/],
  'a size of another kind': [config({ head_dim: 'wide' }), 'unsupported-model', /an EAGLE-3 head with head_dim/],
  'heads of an odd width': [config({ head_dim: 33 }), 'bad-file', /heads of an even width/],
  YaRN: [scaled({ rope_type: 'yarn', factor: 4 }), 'unsupported-model', /scaling "linear" or "llama3" .*, got "yarn"/],
  'scaling without its numbers': [scaled({ rope_type: 'llama3', factor: 4 }), 'unsupported-model', /got "llama3"/],
  'a draft id beyond the vocabulary': [
    withOffset(148, 149),
    'drafter-mismatch',
    /0 to 296 of Tiny, got 297 at place 148/,
  ],
  'a negative draft id': [withOffset(0, -1), 'drafter-mismatch', /got -1 at place 0/],
  'a draft id twice': [withOffset(5, 3), 'drafter-mismatch', /ids that ascend, got 8 at place 5/],
  'fewer draft ids than tokens': [
    tensor('d2t', (old) => ({ ...old, shape: [9], values: [...old.values].slice(0, 9) })),
    'bad-file',
    /d2t of 149 ids .*, got shape \[9\]/,
  ],
  'no draft ids': [tensor('d2t', () => undefined), 'bad-file', /d2t for the 149 tokens .*, got none/],
  'draft ids that are numbers with points': [
    tensor('d2t', (old) => ({ ...old, type: 'F32' })),
    'bad-file',
    /I64 or I32 in d2t/,
  ],
  'no output matrix': [tensor('lm_head.weight', () => undefined), 'bad-file', /lm_head.weight .*, got none/],
  'a missing tensor': [tensor('norm.weight', () => undefined), 'bad-file', /a tensor for output_norm.weight/],
  'a tensor that nobody knows': [
    tensor('midlayer.self_attn.q_norm.weight', () => ({ type: 'F32', shape: [1], values: [1] })),
    'unsupported-model',
    /got "midlayer.self_attn.q_norm.weight" too/,
  ],
  'a tensor under two names': [
    tensor('model.norm.weight', () => ({ type: 'F32', shape: [1], values: [1] })),
    'bad-file',
    /every tensor once .*, got "norm.weight" and "model.norm.weight"/,
  ],
  'a norm without its key': [
    tensor('input_norm.weight', () => ({ type: 'F32', shape: [1], values: [1] })),
    'bad-file',
    /no tensor that the configuration does not name .*, got enc.output_norm.weight/,
  ],
  'NaN among the weights': [
    tensor('midlayer.mlp.up_proj.weight', (old) => ({ ...old, values: Float32Array.from(old.values).with(777, NaN) })),
    'bad-file',
    /numbers in midlayer.mlp.up_proj.weight/,
  ],
  'a width of its own without an embedding': [
    { layout: 'SpecForge', head: { width: 64, ownEmbedding: false }, config: (given) => ({ ...given, head_dim: 16 }) },
    'bad-file',
    /embed_tokens.weight \(the head is 64 wide\) .*, got none/,
  ],
}

describe('refused heads', () => {
  for (const [name, [options, code, sentence]] of Object.entries(refused)) {
    it(name, async () => {
      const message = expect.stringMatching(sentence) as string
      await expect(importPublished(options)).rejects.toMatchObject({ code, message })
    })
  }
})

describe('folders', () => {
  it('may bring the tokenizer of the target, and no other', async () => {
    await makePublishedHead(place, { layout: 'official' })
    const tokens = loadGguf(inject('tinyModelPath')).metadata.strings('tokenizer.ggml.tokens')!
    const write = async (vocab: unknown): Promise<void> =>
      writeFile(join(place, 'tokenizer.json'), JSON.stringify({ model: { type: 'BPE', vocab } }))
    await write(Object.fromEntries(tokens.map((token, id) => [token, id])))
    expect((await readPlace()).layout).toBe('official')
    await write(Object.fromEntries(tokens.map((token, id) => [token, (id + 7) % tokens.length])))
    await expect(readPlace()).rejects.toThrow(
      /the tokenizer of Tiny, got another one \(token \d+ is ".*", not ".*"\) in /,
    )
    await write(['a list', ['of', 'something']])
    await expect(readPlace()).rejects.toThrow(/token 1 is "of", not "<\|im_start\|>"/)
    await writeFile(join(place, 'tokenizer.json'), '{')
    await expect(readPlace()).rejects.toThrow(/expected JSON in .*tokenizer.json/)
  })

  it('without weights that can be read say how to get them', async () => {
    await makePublishedHead(place, { layout: 'official' })
    const weights = join(place, 'model.safetensors')
    await rename(weights, join(place, 'pytorch_model.bin'))
    await expect(readPlace()).rejects.toThrow(/got a PyTorch pickle, which can run code; convert it .*save_file/)
    await expect(readPlace(join(place, 'pytorch_model.bin'))).rejects.toThrow(/a PyTorch pickle/)
    await rename(join(place, 'pytorch_model.bin'), join(place, 'head.part00'))
    await expect(readPlace()).rejects.toThrow('cat head.part* > head.safetensors')
    await rm(join(place, 'head.part00'))
    await expect(readPlace()).rejects.toMatchObject({ code: 'unknown-model' })
    await expect(readPlace(join(folder, 'nowhere'))).rejects.toThrow(/got nothing there; check the path/)
  })

  it('take one file by its name, with config.json beside it', async () => {
    await makePublishedHead(place, { layout: 'trainer' })
    await rename(join(place, 'model.safetensors'), join(place, 'head.safetensors'))
    await writeFile(join(place, 'other.safetensors'), '')
    await expect(readPlace()).rejects.toThrow(/one .safetensors file or an index .*, got 2 files; name one/)
    expect((await readPlace(join(place, 'head.safetensors'))).layout).toBe('trainer')
    await rm(join(place, 'config.json'))
    await expect(readPlace(join(place, 'head.safetensors'))).rejects.toThrow(/config.json in .*, got none/)
  })

  it('with an index that leads elsewhere are refused', async () => {
    await makePublishedHead(place, { layout: 'official', files: 2 })
    const index = join(place, 'model.safetensors.index.json')
    for (const name of ['../published.gguf', '/etc/passwd', 'none.safetensors', 5]) {
      await writeFile(index, JSON.stringify({ weight_map: { 'fc.weight': name } }))
      await expect(readPlace()).rejects.toThrow(/names of files beside it/)
    }
    await writeFile(index, '{}')
    await expect(readPlace()).rejects.toThrow(/a weight_map of 1 to 64 files .*, got 0/)
  })

  it('of the hub: what an import reads, and nothing else', () => {
    const files = [
      'README.md',
      'config.json',
      'tokenizer.json',
      'model.safetensors',
      'old/model.safetensors',
      'merges.txt',
    ]
    expect(chooseHeadFiles(files, 'hf:a/b')).toEqual(['config.json', 'tokenizer.json', 'model.safetensors'])
    expect(() => chooseHeadFiles(['config.json', 'pytorch_model.bin'], 'hf:a/b')).toThrow(
      /in hf:a\/b, got a PyTorch pickle/,
    )
  })
})
