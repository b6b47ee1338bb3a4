/**
 * Makes a tiny language model (about 1 MB) with fixed random weights, for tests: every architecture, weight type, rope
 * scaling and file layout that the engine claims to read. The scales are chosen so that greedy text is varied after some
 * prompts and falls into a loop after others: both are wanted. It has learned nothing and says nothing.
 *
 *     npx tsx scripts/make-tiny-model.ts tiny.gguf
 */
import { pathToFileURL } from 'node:url'
import { writeGguf, type MetadataValue } from '../src/gguf/index.ts'
import { encode, normalNumbers, weightTypes, type WeightType } from './tiny/encoding.ts'
import { chatTemplate, vocabulary } from './tiny/vocabulary.ts'

export type TinyRope =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  | { readonly kind: 'yarn'; readonly factor: number; readonly originalContext: number }
  /** Frequency factors in a tensor of the file, made by Llama 3's rule. */
  | { readonly kind: 'llama3'; readonly factor: number; readonly originalContext: number }

export interface TinyOptions {
  /** Default `llama`. */
  readonly architecture?: 'llama' | 'qwen2'
  /** Type of all matrices, embeddings included; default `f32`. Types in blocks of 256 need a width that 256 divides. */
  readonly weightType?: WeightType
  /** Default 2. */
  readonly layers?: number
  /** Width of the residual stream, default 128; four heads share it, two of keys and values. */
  readonly width?: number
  /** The output matrix is the embedding matrix. Default true. */
  readonly tied?: boolean
  /** Biases of q, k and v; default: only for `qwen2`, which has them. */
  readonly biases?: boolean
  readonly rope?: TinyRope
  /** Default 2048. */
  readonly context?: number
  /** Files to split the model into, default 1; then `path` names the first (`...-00001-of-0000N.gguf`). */
  readonly files?: number
  /** Default 1. */
  readonly seed?: number
  /** The last word on tensors, for models that shall know something. */
  readonly tensors?: (tensors: readonly TinyTensor[]) => readonly TinyTensor[]
}

/** A tensor of a tiny model before it is encoded. */
export interface TinyTensor {
  readonly name: string
  readonly type: WeightType
  /** ggml's order: the contiguous extent first. */
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/**
 * Writes the model and returns the paths of its files, the first one first. The same options give the same bytes
 * wherever ggml's quantisation does.
 */
export async function makeTinyModel(path: string, options: TinyOptions = {}): Promise<string[]> {
  const vocab = vocabulary()
  const made = tensorsOf(options, vocab.tokens.length)
  const tensors = (options.tensors?.(made) ?? made).map((tensor) => ({
    name: tensor.name,
    type: weightTypes[tensor.type],
    shape: tensor.shape,
    data: encode(tensor.type, tensor.shape[0] ?? 1, tensor.values),
  }))
  const metadata = metadataOf(options, vocab)
  const count = options.files ?? 1
  const paths: string[] = []
  for (let index = 0; index < count; index++) {
    const first = Math.floor((index * tensors.length) / count)
    const last = Math.floor(((index + 1) * tensors.length) / count)
    const split = count === 1 ? {} : splitMetadata(index, count, tensors.length)
    const file = count === 1 ? path : splitName(path, index, count)
    await writeGguf(file, {
      metadata: index === 0 ? { ...metadata, ...split } : split,
      tensors: tensors.slice(first, last),
    })
    paths.push(file)
  }
  return paths
}

// ---------------------------------------------------------------------------------------------------------------

function tensorsOf(options: TinyOptions, vocabSize: number): TinyTensor[] {
  const { architecture = 'llama', weightType = 'f32', layers = 2, width = 128, tied = true, rope } = options
  const biases = options.biases ?? architecture === 'qwen2'
  const normal = normalNumbers(options.seed ?? 1)
  const tensors: TinyTensor[] = []
  const add = (name: string, type: WeightType, shape: readonly number[], scale: number, mean = 0): void => {
    const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1))
    for (let i = 0; i < values.length; i++) values[i] = mean + scale * normal()
    tensors.push({ name, type, shape, values })
  }
  const matrix = (name: string, inputs: number, outputs: number, gain: number): void =>
    add(name, weightType, [inputs, outputs], gain / Math.sqrt(inputs))
  const kvWidth = width / 2
  const hidden = 2 * width
  matrix('token_embd.weight', width, vocabSize, 3)
  if (!tied) matrix('output.weight', width, vocabSize, 3)
  add('output_norm.weight', 'f32', [width], 0.1, 1)
  if (rope?.kind === 'llama3') {
    tensors.push({ name: 'rope_freqs.weight', type: 'f32', shape: [width / 8], values: llama3Factors(width / 4, rope) })
  }
  for (let layer = 0; layer < layers; layer++) {
    const block = `blk.${layer}.`
    add(`${block}attn_norm.weight`, 'f32', [width], 0.1, 1)
    add(`${block}ffn_norm.weight`, 'f32', [width], 0.1, 1)
    matrix(`${block}attn_q.weight`, width, width, 1.5)
    matrix(`${block}attn_k.weight`, width, kvWidth, 1.5)
    matrix(`${block}attn_v.weight`, width, kvWidth, 2)
    if (biases) {
      add(`${block}attn_q.bias`, 'f32', [width], 0.5)
      add(`${block}attn_k.bias`, 'f32', [kvWidth], 0.5)
      add(`${block}attn_v.bias`, 'f32', [kvWidth], 0.5)
    }
    matrix(`${block}attn_output.weight`, width, width, 2)
    matrix(`${block}ffn_gate.weight`, width, hidden, 1.5)
    matrix(`${block}ffn_up.weight`, width, hidden, 1.5)
    matrix(`${block}ffn_down.weight`, hidden, width, 1.5)
  }
  return tensors
}

/** Llama 3's rule: long waves are stretched by `factor`, short ones stay, those between are mixed. */
function llama3Factors(
  headSize: number,
  rope: { readonly factor: number; readonly originalContext: number },
): Float32Array {
  const [low, high] = [1, 4]
  return Float32Array.from({ length: headSize / 2 }, (_, pair) => {
    const wavelength = 2 * Math.PI * 10000 ** ((2 * pair) / headSize)
    const turns = rope.originalContext / wavelength
    if (turns > high) return 1
    if (turns < low) return rope.factor
    const smooth = (turns - low) / (high - low)
    return 1 / ((1 - smooth) / rope.factor + smooth)
  })
}

function metadataOf(options: TinyOptions, vocab: ReturnType<typeof vocabulary>): Record<string, MetadataValue> {
  const { architecture = 'llama', layers = 2, width = 128, context = 2048, rope = { kind: 'none' } } = options
  const u32 = (value: number): MetadataValue => ({ type: 'u32', value })
  const f32 = (value: number): MetadataValue => ({ type: 'f32', value })
  const text = (value: string): MetadataValue => ({ type: 'string', value })
  const scaling: Record<string, MetadataValue> =
    rope.kind === 'linear' || rope.kind === 'yarn'
      ? {
          type: text(rope.kind),
          factor: f32(rope.factor),
          ...(rope.kind === 'yarn' && { original_context_length: u32(rope.originalContext) }),
        }
      : {}
  const own: Record<string, MetadataValue> = {
    context_length: u32(context),
    embedding_length: u32(width),
    block_count: u32(layers),
    feed_forward_length: u32(2 * width),
    'attention.head_count': u32(4),
    'attention.head_count_kv': u32(2),
    'attention.layer_norm_rms_epsilon': f32(1e-5),
    'rope.dimension_count': u32(width / 4),
    'rope.freq_base': f32(10000),
    vocab_size: u32(vocab.tokens.length),
    ...Object.fromEntries(Object.entries(scaling).map(([key, value]) => [`rope.scaling.${key}`, value])),
  }
  return {
    'general.architecture': text(architecture),
    'general.name': text('Tiny'),
    ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value])),
    'tokenizer.ggml.model': text('gpt2'),
    'tokenizer.ggml.pre': text('gpt-2'),
    'tokenizer.ggml.tokens': { type: 'array', of: 'string', values: vocab.tokens },
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', values: vocab.types },
    'tokenizer.ggml.merges': { type: 'array', of: 'string', values: vocab.merges },
    'tokenizer.ggml.bos_token_id': u32(1),
    'tokenizer.ggml.eos_token_id': u32(2),
    'tokenizer.ggml.padding_token_id': u32(2),
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: false },
    'tokenizer.chat_template': text(chatTemplate),
  }
}

function splitMetadata(index: number, count: number, tensors: number): Record<string, MetadataValue> {
  return {
    'split.no': { type: 'u16', value: index },
    'split.count': { type: 'u16', value: count },
    'split.tensors.count': { type: 'i32', value: tensors },
  }
}

/** `x.gguf` -> `x-00001-of-00003.gguf`, as llama.cpp names the files of a split model. */
function splitName(path: string, index: number, count: number): string {
  const digits = (value: number): string => String(value).padStart(5, '0')
  return path.replace(/(\.gguf)?$/, `-${digits(index + 1)}-of-${digits(count)}.gguf`)
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const path = process.argv[2] ?? 'tiny.gguf'
  console.log((await makeTinyModel(path)).join('\n'))
}
