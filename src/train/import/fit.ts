/** Whether a published head was made for a target: every refusal is one sentence that says what does not fit. */
import type { GgufModel } from '../../gguf/index.ts'
import { readModelConfig } from '../../model/index.ts'
import { UsageError } from '../../util/errors.ts'
import { officialTaps } from '../taps.ts'
import type { PublishedConfig } from './config.ts'

/** What a head has to fit. */
export interface ImportTarget {
  readonly file: GgufModel
  readonly name: string
  readonly width: number
  readonly layerCount: number
  readonly vocabSize: number
  readonly trainedContext: number
}

/** Reads a model file's sizes. Throws `unsupported-model` or `bad-file`. */
export function importTarget(file: GgufModel): ImportTarget {
  const { name, width, layerCount, vocabSize, trainedContext } = readModelConfig(file)
  return { file, name, width, layerCount, vocabSize, trainedContext }
}

/** The streams that the head reads. Throws `drafter-mismatch` for layers, width or vocabulary of another model. */
export function fitConfig(config: PublishedConfig, path: string, target: ImportTarget): readonly number[] {
  const { name, width, layerCount, vocabSize } = target
  const headTarget = config.targetWidth ?? width
  if (headTarget !== width) throw mismatch(path, `a head for ${name} (width ${width})`, `one for width ${headTarget}`)
  if (config.vocabSize !== undefined && config.vocabSize !== vocabSize) {
    throw mismatch(path, `a head for the ${vocabSize} tokens of ${name}`, `one for ${config.vocabSize}`)
  }
  const layers = config.targetLayers ?? officialTaps(layerCount)
  const shown = `[${layers.slice(0, 8).join(', ')}]`
  if (layers.length !== 3 || new Set(layers).size !== 3) throw mismatch(path, 'three different layers', shown)
  if (layers.some((layer) => !(layer >= 0 && layer <= layerCount))) {
    throw mismatch(path, `layers from 0 to ${layerCount} of ${name}`, shown)
  }
  return layers
}

/**
 * Absolute ids in ascending order, from the offsets of a published head; `vocabSize` is the target's. Throws
 * `drafter-mismatch` for ids that the target does not have, that stand twice or that descend.
 */
export function absoluteIds(offsets: readonly number[], path: string, target: ImportTarget): Int32Array {
  const ids = offsets.map((offset, id) => id + offset)
  const { name, vocabSize } = target
  ids.forEach((id, place) => {
    const got = `${id} at place ${place}`
    if (!(id >= 0 && id < vocabSize)) throw mismatch(path, `draft ids from 0 to ${vocabSize - 1} of ${name}`, got)
    if (id <= (ids[place - 1] ?? -1)) throw mismatch(path, 'draft ids that ascend', got)
  })
  return Int32Array.from(ids)
}

/**
 * Compares the head's `tokenizer.json` with the target's tokens by id. Conversions spell a few tokens differently, so
 * one of a hundred may. Throws `drafter-mismatch`; a tokenizer in an unknown form is passed over.
 */
export function fitTokenizer(tokenizer: unknown, path: string, target: ImportTarget): void {
  const ours = target.file.metadata.strings('tokenizer.ggml.tokens')
  const theirs = tokensOf(tokenizer)
  if (!ours || theirs.length === 0) return
  const other = theirs.filter(([text, id]) => ours[id] !== text)
  const first = other[0]
  if (!first || other.length <= theirs.length / 100) return
  const [text, id] = first
  const got = `another one (token ${id} is ${JSON.stringify(text.slice(0, 40))}, not ${JSON.stringify(ours[id]?.slice(0, 40) ?? 'there')})`
  throw mismatch(path, `the tokenizer of ${target.name}`, got)
}

/** A sentence about a head of another model. */
export function mismatch(path: string, expected: string, got: string): UsageError {
  const advice = 'choose the head that was trained for this model'
  return new UsageError('drafter-mismatch', `expected ${expected}, got ${got} in ${path}; ${advice}`)
}

// ---------------------------------------------------------------------------------------------------------------

function tokensOf(tokenizer: unknown): [text: string, id: number][] {
  const model = field(tokenizer, 'model')
  const vocab = field(model, 'vocab')
  if (Array.isArray(vocab)) {
    // Unigram models list pairs of token and score in the order of ids.
    return vocab.flatMap((entry: unknown, id): [string, number][] =>
      Array.isArray(entry) && typeof entry[0] === 'string' ? [[entry[0], id]] : [],
    )
  }
  if (typeof vocab !== 'object' || vocab === null) return []
  return Object.entries(vocab).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1]))
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
