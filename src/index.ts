/**
 * The public face of heterospec: `load` a model, `generate` text. Everything below has a door of its own
 * (`heterospec/tree`, `heterospec/gguf`, ...); this file only joins the model store and the engine.
 */
import { openEngine, type Engine, type EngineOptions } from './engine/index.ts'
import { resolveModel, type PullProgress } from './store/index.ts'

/** How to load a model: the engine's options, and how to fetch a model that is not here yet. */
export interface LoadOptions extends EngineOptions {
  /** `false` looks only at this machine: no network, no pip. Default true. */
  readonly pull?: boolean | undefined
  /** Called while the model is fetched; `onProgress` follows while it is loaded. */
  readonly onPull?: ((progress: PullProgress) => void) | undefined
}

/**
 * Loads a model into an engine: the default model, a known name, the path of a GGUF file, or `hf:user/repo:quant`.
 * What is not in the cache is fetched first. Dispose the engine with `await using`.
 *
 * Throws a `UsageError` for a model that does not exist or options that make no sense, a `ModelFileError` for a broken
 * file, a `NativeError` when the native library is missing or fails.
 */
export async function load(model?: string, options: LoadOptions = {}): Promise<Engine> {
  const { pull, onPull, ...engineOptions } = options
  const { cacheDir, signal } = engineOptions
  const stored = await resolveModel(model, { cacheDir, signal, pull, onProgress: onPull })
  return openEngine(stored.path, engineOptions)
}

export type * from './engine/types.ts'
export type { JsonSchema, ResponseFormat, SpeculativeOptions } from './engine/index.ts'
export type { PullProgress } from './store/index.ts'
export type { SampleOptions, TokenLogProbs } from './sample/index.ts'
export type { ChatMessage, ChatTemplate, Tokenizer, Tool, ToolCall, ToolCallPiece } from './text/index.ts'
export type { ModelSpec } from './model/index.ts'
export * from './util/errors.ts'
