/**
 * Writes EAGLE-3 heads (arXiv 2503.01840) as files that llama.cpp and our own loader read: architecture `eagle3`, the
 * target's tokenizer, absolute draft ids. What is wrong with a head is told before a byte is written.
 */
import { sampleWeights, writeGguf, type GgufModel, type MetadataValue, type TensorToWrite } from '../gguf/index.ts'
import { eagle3Layout } from '../model/index.ts'
import { quantizeRows, TYPE } from '../tensor/index.ts'
import { defined } from '../util/assert.ts'
import { HeterospecError, UsageError, throwIfAborted } from '../util/errors.ts'
import { parseHeadType, type HeadType, type TypeOfMatrix } from './head-types.ts'
import type { HeadContents } from './types.ts'

/**
 * Writes the head for `target` to `path`: beside its place first, then renamed over it. A matrix whose rows are no whole
 * blocks of `type` is stored as F16. Throws `bad-option` for tensors that are missing, too many, of another size or no
 * numbers, and for draft ids that the target does not have; `output-failed` when the file cannot be written, `aborted`.
 */
export async function writeHead(
  path: string,
  contents: HeadContents,
  target: GgufModel,
  type: HeadType,
  signal?: AbortSignal,
): Promise<void> {
  const vocabSize = vocabularySize(target)
  checkDraftIds(contents, vocabSize)
  const tensors = tensorsOf(contents, vocabSize, parseHeadType(type), signal)
  try {
    await writeGguf(path, { metadata: metadataOf(contents, target, vocabSize), tensors })
  } catch (error) {
    throw outputFailed(path, error)
  }
}

/** What to throw when a file could not be written. */
export function outputFailed(path: string, error: unknown): unknown {
  if (error instanceof HeterospecError || !(error instanceof Error)) return error
  const message = `expected to write ${path}, got "${error.message}"; choose another place`
  return new UsageError('output-failed', message, { cause: error })
}

/** Throws `bad-option` for what is no number, or none of float16. */
export function checkValues(name: string, values: Float32Array, asHalf: boolean): void {
  const most = asHalf ? HALF_MAX : Number.MAX_VALUE
  const wrong = values.find((value) => !(Math.abs(value) <= most))
  if (wrong !== undefined) throw bad(`numbers in ${name}`, String(wrong))
}

// ---------------------------------------------------------------------------------------------------------------

/** Largest number of float16. */
const HALF_MAX = 65504

function vocabularySize(target: GgufModel): number {
  const embedding = target.tensors.find(({ name }) => name === 'token_embd.weight')
  return defined(embedding?.shape[1], 'an embedding of the target')
}

function checkDraftIds({ draftIds, shape }: HeadContents, vocabSize: number): void {
  if (shape.draftVocabSize !== (draftIds?.length ?? vocabSize)) {
    const expected = draftIds === undefined ? vocabSize : draftIds.length
    throw bad(`${expected} tokens in the draft vocabulary`, String(shape.draftVocabSize))
  }
  const wrong = draftIds?.find((id, index) => !(id >= 0 && id < vocabSize && id > (draftIds[index - 1] ?? -1)))
  if (wrong === undefined) return
  throw bad(`ascending draft ids from 0 to ${vocabSize - 1}`, `${wrong} at place ${draftIds?.indexOf(wrong) ?? 0}`)
}

function tensorsOf(
  contents: HeadContents,
  vocabSize: number,
  typeOf: TypeOfMatrix,
  signal: AbortSignal | undefined,
): TensorToWrite[] {
  const { tensors, draftIds } = contents
  const sizes = { ...contents, ...contents.shape, ownOutput: draftIds !== undefined || tensors.has('output.weight') }
  const layout = eagle3Layout(sizes, { vocabSize }).tensors
  const unknown = [...tensors.keys()].find((name) => layout.every((expected) => expected.name !== name))
  if (unknown !== undefined) throw bad('no other tensors than those of an EAGLE-3 head', unknown)
  const written = layout.flatMap(({ name, shape, role, optional }): TensorToWrite[] => {
    const values = tensors.get(name)
    if (values === undefined) {
      if (optional) return []
      throw bad(`a tensor ${name}`, 'none')
    }
    const count = shape.reduce((product, extent) => product * extent, 1)
    if (values.length !== count) throw bad(`${count} values of ${name}`, String(values.length))
    const perRow = shape[0] ?? 1
    const stored = role === 'vector' ? TYPE.F32 : typeOf(name, perRow)
    checkValues(name, values, stored === TYPE.F16)
    const data = (): Uint8Array => {
      throwIfAborted(signal)
      return quantizeRows(stored, perRow, values)
    }
    return [{ name, type: stored, shape, data }]
  })
  if (draftIds === undefined) return written
  const data = new Uint8Array(BigInt64Array.from(draftIds, BigInt).buffer)
  return [...written, { name: 'd2t', type: TYPE.I64, shape: [draftIds.length], data }]
}

function metadataOf(contents: HeadContents, target: GgufModel, vocabSize: number): Record<string, MetadataValue> {
  const { shape } = contents
  return {
    'general.architecture': text('eagle3'),
    'general.name': text(contents.name),
    ...provenanceOf(contents),
    // Models that were tuned further share a fingerprint, which is of header and sizes.
    'heterospec.target_weights': text(sampleWeights(target)),
    'eagle3.context_length': u32(contents.trainedContext),
    'eagle3.embedding_length': u32(shape.width),
    'eagle3.block_count': u32(1),
    'eagle3.feed_forward_length': u32(shape.feedForwardWidth),
    'eagle3.attention.head_count': u32(shape.headCount),
    'eagle3.attention.head_count_kv': u32(shape.kvHeadCount),
    'eagle3.attention.key_length': u32(shape.headDim),
    'eagle3.attention.value_length': u32(shape.headDim),
    'eagle3.attention.layer_norm_rms_epsilon': { type: 'f32', value: shape.normEpsilon },
    'eagle3.rope.dimension_count': u32(shape.headDim),
    'eagle3.rope.freq_base': { type: 'f32', value: shape.ropeBase },
    'eagle3.vocab_size': u32(vocabSize),
    'eagle3.target_layers': { type: 'array', of: 'i32', values: contents.targetLayers },
    'eagle3.target_hidden_size': u32(contents.targetWidth),
    'eagle3.norm_before_residual': { type: 'bool', value: contents.normBeforeResidual },
    'eagle3.norm_before_fc': { type: 'bool', value: contents.normBeforeFusion },
    ...tokenizerOf(target),
  }
}

/** Keys that are not under `general.` come under `heterospec.`, where no other program looks. */
function provenanceOf({ provenance }: HeadContents): Record<string, MetadataValue> {
  const own = /^(general|heterospec)\./
  return Object.fromEntries(
    Object.entries(provenance).map(([key, value]) => [
      own.test(key) ? key : `heterospec.${key}`,
      typeof value === 'string' ? text(value) : { type: 'f64', value },
    ]),
  )
}

/** llama.cpp wants a complete tokenizer in the head's file; ours compares it with the target's. */
function tokenizerOf({ metadata }: GgufModel): Record<string, MetadataValue> {
  const keys = metadata.keys.filter((key) => key.startsWith('tokenizer.'))
  return Object.fromEntries(keys.map((key) => [key, defined(metadata.value(key))]))
}

function u32(value: number): MetadataValue {
  return { type: 'u32', value }
}

function text(value: string): MetadataValue {
  return { type: 'string', value }
}

function bad(expected: string, got: string): UsageError {
  return new UsageError('bad-option', `expected ${expected} of the head, got ${got}; make or import the head again`)
}
