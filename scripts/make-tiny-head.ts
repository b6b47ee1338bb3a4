/**
 * Makes a tiny EAGLE-3 draft head with random weights for a tiny model (`make-tiny-model.ts`), in every variant of the
 * format: own tables or the target's, a reduced draft vocabulary, rope factors, both kinds of norms, both spellings. It has
 * learned nothing: its guesses are hardly ever right, and the text must not care.
 *
 *     npx tsx scripts/make-tiny-head.ts head.gguf [target.gguf]
 */
import { pathToFileURL } from 'node:url'
import { loadGguf, writeGguf, type Metadata, type MetadataValue, type TensorToWrite } from '../src/gguf/index.ts'
import { encode, normalNumbers, weightTypes, type WeightType } from './tiny/encoding.ts'
import { vocabulary } from './tiny/vocabulary.ts'

export interface TinyHeadOptions {
  /** A model file: sizes, vocabulary and layers are taken from it instead of the tiny model. */
  readonly target?: string
  /** Tokens in the draft vocabulary, spread evenly over the target's; default: by `vocabularyStep`. */
  readonly draftVocabSize?: number
  /** Width of the tiny target's residual stream. Default 128. */
  readonly targetWidth?: number
  /** Default [0, 1, 2]: both layers of the tiny model and the stream after them; for other targets the usual ones. */
  readonly targetLayers?: readonly number[]
  /** The key that names them; default `target_layers`. */
  readonly layersKey?: 'target_layers' | 'extract_layers'
  /** Width of the head; another than the target's needs both tables. Default: the target's. */
  readonly width?: number
  /** Type of all matrices. Default `f32`. */
  readonly weightType?: WeightType
  readonly ownEmbedding?: boolean
  /** Default true. */
  readonly ownOutput?: boolean
  /** Every how many tokens of the target one is in the draft vocabulary; 1 (the default) leaves the map out. */
  readonly vocabularyStep?: number
  readonly ropeFactors?: boolean
  readonly normBeforeResidual?: boolean
  readonly normBeforeFusion?: boolean
  /** Default 1. */
  readonly seed?: number
  /** Replaces metadata (undefined removes). */
  readonly metadata?: Readonly<Record<string, MetadataValue | undefined>>
  /** The last word on tensors. */
  readonly tensors?: (tensors: readonly TinyHeadTensor[]) => readonly TinyHeadTensor[]
}

export interface TinyHeadTensor {
  readonly name: string
  readonly type: WeightType | 'i64'
  readonly shape: readonly number[]
  readonly values: Float32Array | BigInt64Array
}

/** Writes the head; the same options give the same bytes. */
export async function makeTinyHead(path: string, options: TinyHeadOptions = {}): Promise<string> {
  const sizes = sizesOf(options)
  const tensors = tensorsOf(options, sizes)
  await writeGguf(path, {
    metadata: metadataOf(options, sizes),
    tensors: (options.tensors?.(tensors) ?? tensors).map(({ name, type, shape, values }): TensorToWrite => ({
      name,
      type: type === 'i64' ? 27 : weightTypes[type],
      shape,
      data:
        type === 'i64' || values instanceof BigInt64Array
          ? new Uint8Array(values.buffer)
          : encode(type, shape[0] ?? 1, values),
    })),
  })
  return path
}

// ---------------------------------------------------------------------------------------------------------------

/** What the head has to fit, and its own sizes. */
interface Sizes {
  readonly targetWidth: number
  readonly targetLayers: readonly number[]
  readonly width: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly vocabSize: number
  /** Draft ids; undefined without a map. */
  readonly ids: BigInt64Array | undefined
  readonly tokenizer: Readonly<Record<string, MetadataValue>>
}

function sizesOf(options: TinyHeadOptions): Sizes {
  const file = options.target === undefined ? undefined : loadGguf(options.target)
  const number = (key: string): number =>
    file?.metadata.number(`${file.metadata.string('general.architecture')}.${key}`) ?? 0
  const targetWidth = file ? number('embedding_length') : (options.targetWidth ?? 128)
  const width = options.width ?? targetWidth
  const heads = file ? number('attention.head_count') : 4
  const layers = number('block_count')
  const tokenizer = file ? copyTokenizer(file.metadata) : tinyTokenizer()
  const tokens = tokenizer['tokenizer.ggml.tokens']
  const vocabSize = tokens?.type === 'array' ? tokens.values.length : 0
  return {
    targetWidth,
    targetLayers: options.targetLayers ?? (file ? [2, layers >> 1, layers - 3] : [0, 1, 2]),
    width,
    hidden: file ? number('feed_forward_length') : 2 * width,
    heads,
    kvHeads: file ? number('attention.head_count_kv') : 2,
    headDim: width / heads,
    vocabSize,
    ids: idsOf(options, vocabSize),
    tokenizer,
  }
}

function idsOf({ draftVocabSize, vocabularyStep = 1 }: TinyHeadOptions, vocabSize: number): BigInt64Array | undefined {
  const step = draftVocabSize === undefined ? vocabularyStep : Math.floor(vocabSize / draftVocabSize)
  if (step === 1) return undefined
  return BigInt64Array.from({ length: draftVocabSize ?? Math.ceil(vocabSize / step) }, (_, i) => BigInt(i * step))
}

function copyTokenizer(metadata: Metadata): Record<string, MetadataValue> {
  const keys = metadata.keys.filter((key) => key.startsWith('tokenizer.ggml.'))
  return Object.fromEntries(keys.map((key) => [key, metadata.value(key) as MetadataValue]))
}

function tinyTokenizer(): Record<string, MetadataValue> {
  const { tokens, types, merges } = vocabulary()
  return {
    'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
    'tokenizer.ggml.pre': { type: 'string', value: 'gpt-2' },
    'tokenizer.ggml.tokens': { type: 'array', of: 'string', values: tokens },
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', values: types },
    'tokenizer.ggml.merges': { type: 'array', of: 'string', values: merges },
    'tokenizer.ggml.bos_token_id': { type: 'u32', value: 1 },
    'tokenizer.ggml.eos_token_id': { type: 'u32', value: 2 },
  }
}

function tensorsOf(options: TinyHeadOptions, sizes: Sizes): TinyHeadTensor[] {
  const { weightType = 'f32' } = options
  const { width, hidden, vocabSize, ids, headDim } = sizes
  const [queries, keys] = [sizes.heads * headDim, sizes.kvHeads * headDim]
  const normal = normalNumbers(options.seed ?? 1)
  const tensors: TinyHeadTensor[] = []
  const add = (name: string, type: WeightType, shape: readonly number[], scale: number, mean = 0): void => {
    const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1))
    for (let i = 0; i < values.length; i++) values[i] = mean + scale * normal()
    tensors.push({ name: `${name}.weight`, type, shape, values })
  }
  const matrix = (name: string, inputs: number, outputs: number, gain: number): void =>
    add(name, weightType, [inputs, outputs], gain / Math.sqrt(inputs))
  const vector = (name: string, size: number): void => add(name, 'f32', [size], 0.1, 1)
  const fused = sizes.targetLayers.length * sizes.targetWidth
  matrix('fc', fused, width, 1)
  if (options.normBeforeFusion) vector('enc.output_norm', fused)
  vector('blk.0.attn_norm', width)
  vector('blk.0.attn_norm_2', width)
  matrix('blk.0.attn_q', 2 * width, queries, 1.5)
  matrix('blk.0.attn_k', 2 * width, keys, 1.5)
  matrix('blk.0.attn_v', 2 * width, keys, 2)
  matrix('blk.0.attn_output', queries, width, 2)
  vector('blk.0.ffn_norm', width)
  matrix('blk.0.ffn_gate', width, hidden, 1.5)
  matrix('blk.0.ffn_up', width, hidden, 1.5)
  matrix('blk.0.ffn_down', hidden, width, 1.5)
  vector('output_norm', width)
  if (options.ropeFactors) add('rope_freqs', 'f32', [headDim / 2], 0.2, 2)
  if (options.ownEmbedding) matrix('token_embd', width, vocabSize, 3)
  if (options.ownOutput ?? true) matrix('output', width, ids?.length ?? vocabSize, 3)
  if (ids) tensors.push({ name: 'd2t', type: 'i64', shape: [ids.length], values: ids })
  return tensors
}

function metadataOf(options: TinyHeadOptions, sizes: Sizes): Record<string, MetadataValue> {
  const u32 = (value: number): MetadataValue => ({ type: 'u32', value })
  const f32 = (value: number): MetadataValue => ({ type: 'f32', value })
  const text = (value: string): MetadataValue => ({ type: 'string', value })
  const flag = (value: boolean | undefined): MetadataValue | undefined =>
    value === undefined ? undefined : { type: 'bool', value }
  const all: Record<string, MetadataValue | undefined> = {
    'general.architecture': text('eagle3'),
    'general.name': text('Tiny head'),
    'eagle3.context_length': u32(2048),
    'eagle3.embedding_length': u32(sizes.width),
    'eagle3.block_count': u32(1),
    'eagle3.feed_forward_length': u32(sizes.hidden),
    'eagle3.attention.head_count': u32(sizes.heads),
    'eagle3.attention.head_count_kv': u32(sizes.kvHeads),
    'eagle3.attention.layer_norm_rms_epsilon': f32(1e-6),
    'eagle3.rope.dimension_count': u32(sizes.headDim),
    'eagle3.rope.freq_base': f32(5000),
    'eagle3.vocab_size': u32(sizes.vocabSize),
    [`eagle3.${options.layersKey ?? 'target_layers'}`]: { type: 'array', of: 'i32', values: sizes.targetLayers },
    'eagle3.target_hidden_size': u32(sizes.targetWidth),
    'eagle3.norm_before_residual': flag(options.normBeforeResidual),
    'eagle3.norm_before_fc': flag(options.normBeforeFusion),
    ...sizes.tokenizer,
    ...options.metadata,
  }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, MetadataValue] => entry[1] !== undefined),
  )
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [path = 'tiny-head.gguf', target] = process.argv.slice(2)
  console.log(
    await makeTinyHead(path, target === undefined ? {} : { target, weightType: 'q8_0', draftVocabSize: 8192 }),
  )
}
