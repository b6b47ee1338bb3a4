/**
 * A head's file with other types: to compare what small types cost, or to make a file smaller. Everything else stays as it
 * is. Numbers that were rounded once are rounded once more: convert what was stored as `f32` or `f16` where there is a choice.
 */
import { writeGguf, type GgufModel, type MetadataValue, type TensorToWrite } from '../gguf/index.ts'
import { DRAFT_IDS } from '../model/index.ts'
import { quantizeRows, TYPE } from '../tensor/index.ts'
import { defined } from '../util/assert.ts'
import { UsageError, throwIfAborted } from '../util/errors.ts'
import { checkValues, outputFailed } from './head-file.ts'
import { parseHeadType, type HeadType } from './head-types.ts'
import { readBytes, readTensor } from './tensors.ts'

/**
 * What of the target's tokenizer a head's file holds. `short` leaves out how texts are cut into tokens, which nobody asks a
 * head for: llama.cpp and our loader compare the tokens themselves. It saves 0.8 MB of 1.8 for 49,152 tokens.
 */
export const headTokenizers = ['full', 'short'] as const
export type HeadTokenizer = (typeof headTokenizers)[number]

export interface ConvertOptions {
  /** Default: every matrix as it is. */
  readonly type?: HeadType | undefined
  readonly tokenizer: HeadTokenizer
  readonly signal?: AbortSignal | undefined
}

/**
 * Writes `head` to `path`, beside its place first. Throws `bad-option` for a file that is no head, `unsupported-model` for
 * types that cannot be read, `bad-file`, `output-failed`, `aborted`.
 */
export async function convertHead(path: string, head: GgufModel, options: ConvertOptions): Promise<void> {
  const { metadata } = head
  const architecture = metadata.string('general.architecture') ?? 'none'
  if (architecture !== 'eagle3') {
    const from = head.files[0]?.path ?? 'the file'
    throw new UsageError(
      'bad-option',
      `expected a draft head (architecture eagle3), got "${architecture}" in ${from}; name a head`,
    )
  }
  const typeOf = options.type === undefined ? undefined : parseHeadType(options.type)
  const tensors = head.tensors.map(({ name, type, shape }): TensorToWrite => {
    const [perRow = 1] = shape
    const kept = typeOf === undefined || shape.length < 2 || name === DRAFT_IDS
    const stored = kept ? type : typeOf(name, perRow)
    const data = (): Uint8Array => {
      throwIfAborted(options.signal)
      if (stored === type) return readBytes(head, name)
      const values = readTensor(head, name)
      checkValues(name, values, stored === TYPE.F16)
      return quantizeRows(stored, perRow, values)
    }
    return { name, type: stored, shape, data }
  })
  try {
    await writeGguf(path, { metadata: metadataOf(head, options.tokenizer), tensors })
  } catch (error) {
    throw outputFailed(path, error)
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** An empty list of merges, because llama.cpp refuses a file without the key. */
const MERGES = 'tokenizer.ggml.merges'

function metadataOf({ metadata }: GgufModel, tokenizer: HeadTokenizer): Record<string, MetadataValue> {
  const entries = metadata.keys.map((key): [string, MetadataValue] => {
    const left = tokenizer === 'short' && key === MERGES
    return [key, left ? { type: 'array', of: 'string', values: [] } : defined(metadata.value(key))]
  })
  return Object.fromEntries(entries)
}
