/**
 * Files of EAGLE-3 draft heads (arXiv 2503.01840) as llama.cpp writes them: architecture `eagle3`. Everything that could be
 * wrong with a file, or with the pair of file and target, is told here in a sentence, before weights are read: ggml
 * would end the process. The numbers of the weights themselves are looked at in `eagle3-load.ts`.
 */
import { UsageError, ModelFileError } from '../util/errors.ts'
import type { GgufModel } from '../gguf/index.ts'
import type { Architecture } from './architecture.ts'
import { readDecoder, type ModelConfig } from './config.ts'
import type { ExpectedFile, ExpectedTensor } from './layout.ts'
import type { ModelSpec } from './types.ts'

/** Rows of query and key are in the order that rotates neighbours, whatever the target's are. No biases. */
const eagle3: Architecture = {
  name: 'eagle3',
  ropeMode: 'normal',
  requiredBiases: [],
  optionalBiases: [],
  outputBias: false,
}

/** Draft ids to ids of the target: the tensor's name. */
export const DRAFT_IDS = 'd2t'

export interface Eagle3Config extends ModelConfig {
  /** Index i: the residual stream entering layer i of the target; the number of layers: the stream after the last. */
  readonly targetLayers: readonly number[]
  readonly targetWidth: number
  /** The residual stream of the head starts from the normed feature (Red Hat's heads). */
  readonly normBeforeResidual: boolean
  /** All features of a row are normed together before they are fused (EAGLE-3.1). */
  readonly normBeforeFusion: boolean
  readonly draftVocabSize: number
  readonly ownEmbedding: boolean
  readonly ownOutput: boolean
}

/** What the tensors of a head follow from. */
export type Eagle3Sizes = Pick<
  Eagle3Config,
  | 'width'
  | 'headDim'
  | 'headCount'
  | 'kvHeadCount'
  | 'feedForwardWidth'
  | 'targetLayers'
  | 'targetWidth'
  | 'normBeforeFusion'
  | 'draftVocabSize'
  | 'ownOutput'
>

/** What a head must fit. */
export type HeadTarget = Pick<ModelSpec, 'name' | 'width' | 'layerCount' | 'vocabSize'>

/** Throws `bad-file`, `unsupported-model` or `drafter-mismatch`. */
export function readEagle3Config(file: GgufModel, target: HeadTarget): Eagle3Config {
  const architecture = file.metadata.string('general.architecture') ?? 'none'
  if (architecture !== eagle3.name) {
    throw mismatch(file, 'a draft head (architecture eagle3)', `"${architecture}"`, 'give a head of this target')
  }
  const decoder = readDecoder(file, eagle3)
  const has = (name: string): boolean => file.tensors.some((tensor) => tensor.name === name)
  const config: Eagle3Config = {
    ...decoder,
    targetLayers: readTargetLayers(file),
    targetWidth: file.metadata.number('eagle3.target_hidden_size') ?? decoder.width,
    normBeforeResidual: file.metadata.boolean('eagle3.norm_before_residual') ?? false,
    normBeforeFusion: file.metadata.boolean('eagle3.norm_before_fc') ?? false,
    draftVocabSize: shapeOf(file, DRAFT_IDS)?.[0] ?? target.vocabSize,
    ownEmbedding: has('token_embd.weight'),
    ownOutput: has('output.weight'),
  }
  if (config.layerCount !== 1) {
    throw badHead(file, 'eagle3.block_count 1', String(config.layerCount))
  }
  requireFit(file, config, target)
  return Object.freeze(config)
}

/** The tensors of a head, the map of draft ids aside. */
export function eagle3Layout(config: Eagle3Sizes, target: Pick<HeadTarget, 'vocabSize'>): ExpectedFile {
  const { width, headDim, headCount, kvHeadCount, feedForwardWidth, targetLayers, targetWidth } = config
  const matrix = (name: string, inputs: number, outputs: number): ExpectedTensor => ({
    name: `${name}.weight`,
    shape: [inputs, outputs],
    role: 'matrix',
    optional: false,
  })
  const vector = (name: string, size: number, optional = false): ExpectedTensor => ({
    name: `${name}.weight`,
    shape: [size],
    role: 'vector',
    optional,
  })
  const fused = targetLayers.length * targetWidth
  const table: ExpectedTensor = { ...matrix('token_embd', width, target.vocabSize), role: 'table', optional: true }
  const tensors = [
    matrix('fc', fused, width),
    ...(config.normBeforeFusion ? [vector('enc.output_norm', fused)] : []),
    vector('blk.0.attn_norm', width),
    vector('blk.0.attn_norm_2', width),
    matrix('blk.0.attn_q', 2 * width, headCount * headDim),
    matrix('blk.0.attn_k', 2 * width, kvHeadCount * headDim),
    matrix('blk.0.attn_v', 2 * width, kvHeadCount * headDim),
    matrix('blk.0.attn_output', headCount * headDim, width),
    vector('blk.0.ffn_norm', width),
    matrix('blk.0.ffn_gate', width, feedForwardWidth),
    matrix('blk.0.ffn_up', width, feedForwardWidth),
    matrix('blk.0.ffn_down', feedForwardWidth, width),
    vector('output_norm', width),
    vector('rope_freqs', headDim / 2, true),
    table,
    ...(config.ownOutput ? [matrix('output', width, config.draftVocabSize)] : []),
  ]
  return { tensors, kind: 'plain EAGLE-3 head' }
}

/** Draft ids as ids of the target; throws `bad-file` for one that does not exist or stands twice. */
export function checkDraftIds(file: GgufModel, ids: BigInt64Array, target: HeadTarget): Int32Array {
  const seen = new Uint8Array(target.vocabSize)
  return Int32Array.from(ids, (id, index) => {
    if (id < 0n || id >= BigInt(target.vocabSize)) {
      throw badHead(file, `draft ids from 0 to ${target.vocabSize - 1}`, `${id} at place ${index} of ${DRAFT_IDS}`)
    }
    if (seen[Number(id)] === 1) throw badHead(file, 'every draft id once', `${id} twice in ${DRAFT_IDS}`)
    seen[Number(id)] = 1
    return Number(id)
  })
}

/** A sentence about a head's file. */
export function badHead(file: GgufModel, expected: string, got: string): ModelFileError {
  const path = file.files[0]?.path ?? 'the head'
  return new ModelFileError(
    'bad-file',
    `expected ${expected} in ${path}, got ${got}; download or convert the draft head again`,
  )
}

// ---------------------------------------------------------------------------------------------------------------

function mismatch(file: GgufModel, expected: string, got: string, advice: string): UsageError {
  const path = file.files[0]?.path ?? 'the head'
  return new UsageError('drafter-mismatch', `expected ${expected}, got ${got} in ${path}; ${advice}`)
}

/** Both spellings of the key. llama.cpp wants exactly three layers; the format itself would allow others. */
function readTargetLayers(file: GgufModel): readonly number[] {
  const { metadata } = file
  const layers = metadata.numbers('eagle3.target_layers') ?? metadata.numbers('eagle3.extract_layers')
  if (layers?.length !== 3 || new Set(layers).size !== 3) {
    const got = layers ? `[${layers.slice(0, 8).join(', ')}]` : 'none'
    throw badHead(file, 'three different layers in eagle3.target_layers', got)
  }
  return layers
}

function requireFit(file: GgufModel, config: Eagle3Config, target: HeadTarget): void {
  const other = 'choose the head that was trained for this model'
  if (config.targetWidth !== target.width) {
    throw mismatch(
      file,
      `a head for ${target.name} (width ${target.width})`,
      `one for width ${config.targetWidth}`,
      other,
    )
  }
  const outside = config.targetLayers.find((layer) => !(layer >= 0 && layer <= target.layerCount))
  if (outside !== undefined) {
    throw mismatch(file, `layers from 0 to ${target.layerCount} of ${target.name}`, `layer ${outside}`, other)
  }
  const vocabSize = file.metadata.number('eagle3.vocab_size') ?? target.vocabSize
  if (vocabSize !== target.vocabSize) {
    throw mismatch(file, `a head for a vocabulary of ${target.vocabSize} tokens`, `one for ${vocabSize}`, other)
  }
  const ids = shapeOf(file, DRAFT_IDS)
  if (ids && (ids.slice(1).some((extent) => extent !== 1) || config.draftVocabSize > target.vocabSize)) {
    throw badHead(file, `${DRAFT_IDS} of at most ${target.vocabSize} ids`, `shape [${ids.join(', ')}]`)
  }
  if (ids && !config.ownOutput) throw badHead(file, `output.weight beside ${DRAFT_IDS}`, 'none')
  if (config.width === target.width) return
  if (!config.ownEmbedding) throw badHead(file, `token_embd.weight (the head is ${config.width} wide)`, 'none')
  if (!config.ownOutput) throw badHead(file, `output.weight (the head is ${config.width} wide)`, 'none')
}

function shapeOf(file: GgufModel, name: string): readonly number[] | undefined {
  return file.tensors.find((tensor) => tensor.name === name)?.shape
}
