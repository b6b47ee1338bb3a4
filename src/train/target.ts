/** The target as training needs it: the model, its tokenizer and its chat template, without an engine around them. */
import { DisposeStack } from '../util/dispose.ts'
import { loadGguf } from '../gguf/index.ts'
import { loadModel, openBackend, type GraphModel } from '../model/index.ts'
import { createTemplate, loadTokenizer, type ChatTemplate, type Tokenizer } from '../text/index.ts'
import type { ModelSpec } from '../model/index.ts'

export interface OpenTargetOptions {
  readonly threads: number
  /** Tokens of one sequence. */
  readonly context: number
  /** Sequences at the same time. */
  readonly sequences: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** A loaded target; it ends what it holds. */
export interface OpenTarget extends AsyncDisposable {
  readonly model: GraphModel
  readonly spec: ModelSpec
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate | undefined
}

/** Loads a model file. Throws `bad-file`, `unsupported-model`, `bad-option`, `library-missing`, `out-of-memory`, `aborted`. */
export async function openTarget(path: string, options: OpenTargetOptions): Promise<OpenTarget> {
  const gguf = loadGguf(path)
  await using stack = new DisposeStack()
  const backend = stack.use(openBackend({ threads: options.threads }))
  const tokenizer = stack.use(await loadTokenizer(gguf))
  const { context, sequences, signal, onProgress } = options
  const model = stack.use(await loadModel(gguf, { backend, context, sequences, signal, onProgress }))
  const owned = stack.move()
  return {
    ...{ model, spec: model.spec, tokenizer, template: createTemplate(gguf.metadata, tokenizer) },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}
