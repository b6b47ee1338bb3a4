/** Loads what drafts for an engine's model: another model, or a head. Each must speak the target's tokens one for one. */
import { DisposeStack } from '../util/dispose.ts'
import { UsageError } from '../util/errors.ts'
import type { DraftParts } from '../draft/index.ts'
import { loadGguf, type GgufModel } from '../gguf/index.ts'
import {
  loadDraftHead,
  loadModel,
  readModelConfig,
  type Backend,
  type DraftHead,
  type GraphModel,
} from '../model/index.ts'
import { loadTokenizer, vocabularyFingerprint, type Tokenizer } from '../text/index.ts'
import type { EngineOptions } from './types.ts'

interface DraftContext {
  readonly backend: Backend
  readonly model: GraphModel
  readonly tokenizer: Tokenizer
  readonly options: EngineOptions
}

/** What drafters load their files with. */
export function draftLoaders(context: DraftContext): Pick<DraftParts, 'loadDraftModel' | 'loadDraftHead'> {
  return {
    loadDraftModel: (path) => openDraftModel(path, context),
    loadDraftHead: (path) => openDraftHead(path, context),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** A smaller model of the same vocabulary; everything else about it may differ. Throws `drafter-mismatch`. */
async function openDraftModel(path: string, context: DraftContext): Promise<GraphModel> {
  const { backend, model, tokenizer, options } = context
  const gguf = loadGguf(path)
  await using stack = new DisposeStack()
  const draftTokenizer = stack.use(await loadTokenizer(gguf))
  if (draftTokenizer.fingerprint !== tokenizer.fingerprint) {
    throw new UsageError(
      'drafter-mismatch',
      `expected a draft model with the vocabulary of ${model.spec.name} (${tokenizer.vocabSize} tokens), got another one of ${draftTokenizer.vocabSize} tokens in ${path}; choose a smaller model of the same family`,
    )
  }
  const { trainedContext } = readModelConfig(gguf)
  return await loadModel(gguf, { backend, context: Math.min(model.context, trainedContext), ...shared(options) })
}

/** A draft head that was made for the model. Throws `drafter-mismatch` or `bad-file`. */
async function openDraftHead(path: string, context: DraftContext): Promise<DraftHead> {
  const { model, tokenizer, options } = context
  const gguf = loadGguf(path)
  requireSameTokens(gguf, path, model, tokenizer)
  return await loadDraftHead(gguf, model, shared(options))
}

function shared(options: EngineOptions): Pick<EngineOptions, 'sequences' | 'mmap' | 'signal' | 'kernels'> & {
  onProgress: (done: number, total: number) => void
} {
  const { sequences, mmap, signal, kernels } = options
  const onProgress = (done: number, total: number): void =>
    options.onProgress?.({ phase: 'draft-weights', done, total })
  return { sequences, mmap, signal, kernels, onProgress }
}

/** A head of another kind of model is refused for what it is; one without a vocabulary cannot be compared. */
function requireSameTokens({ metadata }: GgufModel, path: string, model: GraphModel, tokenizer: Tokenizer): void {
  if (metadata.string('general.architecture') !== 'eagle3') return
  const tokens = metadata.arrayLength('tokenizer.ggml.tokens')
  if (tokens !== undefined && vocabularyFingerprint(metadata) === tokenizer.fingerprint) return
  const got = tokens === undefined ? 'none' : `another one of ${tokens} tokens`
  throw new UsageError(
    'drafter-mismatch',
    `expected a draft head with the vocabulary of ${model.spec.name} (${tokenizer.vocabSize} tokens), got ${got} in ${path}; choose the head that was trained for this model`,
  )
}
