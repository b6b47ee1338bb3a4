/** What a run starts from: sizes and tables of the target, and a new head or one that is trained further. */
import type { GgufModel } from '../../gguf/index.ts'
import { checkDraftIds, DRAFT_IDS, readEagle3Config, readModelConfig } from '../../model/index.ts'
import { UsageError } from '../../util/errors.ts'
import { readBytes, readTensor } from '../tensors.ts'
import type { HeadShape, TeacherTables } from '../types.ts'

/** A head before the first step of a run. */
export interface HeadStart {
  readonly shape: HeadShape
  /** Layers whose incoming streams it reads. */
  readonly taps: readonly number[]
  readonly draftIds: Int32Array
  /** Tensors of a head's file; undefined for a new head. */
  readonly weights: ReadonlyMap<string, Float32Array> | undefined
  /** Fingerprint of that file. */
  readonly continuedFrom: string | undefined
}

/** Sizes of a new head: one layer like the target's, rotated by the target's base. */
export function shapeOfNewHead(target: GgufModel, draftVocabSize: number): HeadShape {
  const { width, feedForwardWidth, headCount, kvHeadCount, headDim, normEpsilon, rope } = readModelConfig(target)
  return { width, feedForwardWidth, headCount, kvHeadCount, headDim, normEpsilon, ropeBase: rope.base, draftVocabSize }
}

/** The target's tables, of the output matrix only what can be drafted. */
export function readTables(target: GgufModel, draftIds: Int32Array): TeacherTables {
  const hasOutput = target.tensors.some(({ name }) => name === 'output.weight')
  return {
    embedding: readTensor(target, 'token_embd.weight'),
    output: readTensor(target, hasOutput ? 'output.weight' : 'token_embd.weight', draftIds),
    outputNorm: readTensor(target, 'output_norm.weight'),
  }
}

/** A finished head as the start of another run. Throws `drafter-mismatch` for a head of another target, `unsupported-model` for one of a form that is not trained here. */
export function readHeadStart(head: GgufModel, target: GgufModel): HeadStart {
  const { width, layerCount, vocabSize, name } = readModelConfig(target)
  const path = head.files[0]?.path ?? 'the head'
  const config = readEagle3Config(head, { name, width, layerCount, vocabSize })
  const taught = head.metadata.string('heterospec.target_fingerprint')
  if (taught !== undefined && taught !== target.fingerprint) {
    throw new UsageError(
      'drafter-mismatch',
      `expected a head that was trained for ${name} (${target.fingerprint}), got ${path} for another file (${taught}); name that file as --target, or train a new head`,
    )
  }
  const has = (tensor: string): boolean => head.tensors.some((one) => one.name === tensor)
  const strange = [
    [config.normBeforeResidual, 'norm_before_residual'],
    [config.normBeforeFusion, 'norm_before_fc'],
    [config.width !== width, `a width of ${config.width}`],
    [config.ownEmbedding, 'an embedding of its own'],
    [has('rope_freqs.weight'), 'rope_freqs.weight'],
    [!has(DRAFT_IDS) || !has('output.weight'), 'the whole vocabulary as draft vocabulary'],
  ].find(([is]) => is === true)
  if (strange) {
    throw new UsageError(
      'unsupported-model',
      `expected a head as "heterospec head train" makes them, got ${String(strange[1])} in ${path}; it can be run, but not trained further`,
    )
  }
  const stored = checkDraftIds(head, new BigInt64Array(readBytes(head, DRAFT_IDS).buffer), {
    name,
    width,
    layerCount,
    vocabSize,
  })
  // Files of others may have their tokens in any order; ours are ascending.
  const order = Int32Array.from(stored.keys()).sort((a, b) => (stored[a] as number) - (stored[b] as number))
  const { feedForwardWidth, headCount, kvHeadCount, headDim, normEpsilon, rope, draftVocabSize } = config
  return {
    shape: {
      width,
      feedForwardWidth,
      headCount,
      kvHeadCount,
      headDim,
      normEpsilon,
      ropeBase: rope.base,
      draftVocabSize,
    },
    taps: config.targetLayers,
    continuedFrom: head.fingerprint,
    draftIds: order.map((place) => stored[place] as number),
    weights: new Map(
      head.tensors
        .filter((tensor) => tensor.name !== DRAFT_IDS)
        .map((tensor) => [
          tensor.name,
          readTensor(head, tensor.name, tensor.name === 'output.weight' ? order : undefined),
        ]),
    ),
  }
}
