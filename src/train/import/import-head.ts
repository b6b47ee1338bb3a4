/** From a published head and the target that it was trained for to the contents of a head file. */
import { eagle3Layout, type Eagle3Sizes } from '../../model/index.ts'
import type { GgufModel } from '../../gguf/index.ts'
import { ModelFileError } from '../../util/errors.ts'
import type { HeadContents } from '../types.ts'
import { readPublishedConfig, type PublishedConfig } from './config.ts'
import { absoluteIds, fitConfig, fitTokenizer, importTarget, mismatch, type ImportTarget } from './fit.ts'
import type { FoundHead } from './folder.ts'
import { neighbourRows, ropeFactors } from './rope.ts'
import { bad, readFloats, readIntegers, type StoredTensor } from './safetensors.ts'
import { nameTensors, type NamedTensors } from './tensors.ts'

export interface ImportOptions {
  /** For `general.name`. */
  readonly name: string
  readonly signal?: AbortSignal | undefined
  /** Bytes of weights. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

export interface ImportedHead {
  readonly layout: PublishedConfig['layout']
  readonly contents: HeadContents
}

/**
 * Reads and converts a head. Throws `bad-file` for broken files, `unsupported-model` for heads of another kind,
 * `drafter-mismatch` for those of another target. Its numbers are in memory as float32 afterwards.
 */
export async function importHead(found: FoundHead, file: GgufModel, options: ImportOptions): Promise<ImportedHead> {
  const target = importTarget(file)
  const config = readPublishedConfig(found)
  const targetLayers = fitConfig(config, found.path, target)
  fitTokenizer(found.tokenizer, found.path, target)
  const named = nameTensors(found)
  const draftIds = await readDraftIds(named, config, found.path, target, options.signal)
  const sizes = sizesOf(config, named, target, targetLayers, draftIds?.length ?? target.vocabSize, found.path)
  const factors = ropeFactors(config.ropeScaling, config.ropeBase, sizes.headDim)
  if (factors === null) throw unknownScaling(found.path, config)
  const tensors = await readTensors(named, config, sizes, target, found.path, options)
  if (factors) tensors.set('rope_freqs.weight', factors)
  const { layout, normEpsilon, ropeBase, normBeforeResidual, trainedContext = target.trainedContext } = config
  const shape = { ...sizes, normEpsilon, ropeBase }
  const provenance = { 'import.layout': layout, target_fingerprint: file.fingerprint, target_name: target.name }
  return {
    layout,
    contents: {
      ...{ name: options.name, shape, targetWidth: target.width, targetLayers, normBeforeResidual, trainedContext },
      ...{ normBeforeFusion: config.normBeforeFusion, draftIds, tensors, provenance },
    },
  }
}

// ---------------------------------------------------------------------------------------------------------------

type Sizes = Eagle3Sizes

async function readDraftIds(
  { draftOffsets, covered }: NamedTensors,
  config: PublishedConfig,
  path: string,
  target: ImportTarget,
  signal: AbortSignal | undefined,
): Promise<Int32Array | undefined> {
  const tokens = covered?.shape[0] ?? target.vocabSize
  if (tokens !== target.vocabSize) {
    throw mismatch(path, `a head for the ${target.vocabSize} tokens of ${target.name}`, `t2d for ${tokens}`)
  }
  if (!draftOffsets) {
    const { draftVocabSize = target.vocabSize } = config
    if (draftVocabSize === target.vocabSize) return undefined
    throw bad(path, `d2t for the ${draftVocabSize} tokens of the draft vocabulary`, 'none')
  }
  const [count = 0] = draftOffsets.shape
  const { draftVocabSize = count } = config
  if (draftOffsets.shape.length !== 1 || count !== draftVocabSize || count > target.vocabSize) {
    const most = Math.min(draftVocabSize, target.vocabSize)
    throw bad(path, `d2t of ${most} ids`, `shape [${draftOffsets.shape.join(', ')}]`)
  }
  return absoluteIds(await readIntegers(draftOffsets, signal), path, target)
}

/** Sizes from the configuration; the tensors are compared with them. */
function sizesOf(
  config: PublishedConfig,
  { weights }: NamedTensors,
  target: ImportTarget,
  targetLayers: readonly number[],
  draftVocabSize: number,
  path: string,
): Sizes {
  const { width, headCount, kvHeadCount, feedForwardWidth, normBeforeFusion } = config
  const headDim = config.headDim ?? width / headCount
  if (!Number.isInteger(headDim / 2) || headCount % kvHeadCount !== 0) {
    throw bad(
      path,
      'heads of an even width, and groups of the same size',
      `${headCount} and ${kvHeadCount} of ${width}`,
    )
  }
  const ownOutput = weights.has('output.weight')
  return {
    ...{ width, headDim, headCount, kvHeadCount, feedForwardWidth, normBeforeFusion, draftVocabSize, ownOutput },
    ...{ targetLayers, targetWidth: target.width },
  }
}

async function readTensors(
  { weights }: NamedTensors,
  config: PublishedConfig,
  sizes: Sizes,
  target: ImportTarget,
  path: string,
  { signal, onProgress }: ImportOptions,
): Promise<Map<string, Float32Array>> {
  const layout = eagle3Layout(sizes, target).tensors
  const wanted = layout.filter(({ name }) => name !== 'token_embd.weight' || needsEmbedding(config, target))
  requireTables(weights, config, sizes, target, path)
  const total = wanted.reduce((sum, { name }) => sum + (weights.get(name)?.bytes ?? 0), 0)
  const tensors = new Map<string, Float32Array>()
  let done = 0
  for (const { name, shape, optional } of wanted) {
    const tensor = weights.get(name)
    if (!tensor) {
      if (optional) continue
      throw bad(path, `a tensor for ${name}`, 'none')
    }
    requireShape(tensor, [...shape].reverse())
    const values = await readFloats(tensor, signal)
    const rotated = config.rowOrder === 'half' && (name === 'blk.0.attn_q.weight' || name === 'blk.0.attn_k.weight')
    tensors.set(name, rotated ? neighbourRows(values, sizes.headDim, 2 * sizes.width) : values)
    done += tensor.bytes
    onProgress?.(done, total)
  }
  const unused = [...weights.keys()].find((name) => layout.every((expected) => expected.name !== name))
  if (unused !== undefined) throw bad(path, 'no tensor that the configuration does not name', unused)
  return tensors
}

/** An embedding as wide as the target's is a frozen copy of it, unless the head says that it was trained. */
function needsEmbedding({ width, ownEmbedding }: PublishedConfig, target: ImportTarget): boolean {
  return width !== target.width || ownEmbedding
}

function requireTables(
  weights: NamedTensors['weights'],
  config: PublishedConfig,
  sizes: Sizes,
  target: ImportTarget,
  path: string,
): void {
  if (needsEmbedding(config, target) && !weights.has('token_embd.weight')) {
    throw bad(path, `embed_tokens.weight (the head is ${config.width} wide)`, 'none')
  }
  const tied = config.width === target.width && sizes.draftVocabSize === target.vocabSize
  if (!tied && !weights.has('output.weight')) throw bad(path, 'lm_head.weight', 'none')
}

function requireShape(tensor: StoredTensor, shape: readonly number[]): void {
  if (tensor.shape.length === shape.length && tensor.shape.every((extent, axis) => extent === shape[axis])) return
  const got = `[${tensor.shape.join(', ')}]`
  throw bad(tensor.path, `${JSON.stringify(tensor.name)} of shape [${shape.join(', ')}]`, got)
}

function unknownScaling(path: string, { ropeScaling }: PublishedConfig): ModelFileError {
  const kind = JSON.stringify((ropeScaling?.rope_type ?? ropeScaling?.type ?? 'none').slice(0, 40))
  return new ModelFileError(
    'unsupported-model',
    `expected rope scaling "linear" or "llama3" with all its numbers in the config.json of ${path}, got ${kind}; choose another head`,
  )
}
