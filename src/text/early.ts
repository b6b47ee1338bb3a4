/**
 * A head start: reads a model's header and begins to load its tokenizer on another thread, with as few imports as can be.
 * The command line calls it first and imports everything else meanwhile.
 */
import { loadGguf } from '../gguf/index.ts'
import { loadTokenizer } from './tokenizer.ts'
import type { EarlyStart } from './types.ts'

/** Begins to load the model file at `path`. Throws and rejects with what `openEngine` would; pass it on as `early`. */
export function beginLoad(path: string): EarlyStart {
  const gguf = loadGguf(path)
  const tokenizer = loadTokenizer(gguf)
  tokenizer.catch(() => undefined) // whoever opens the engine hears of it
  return { path, gguf, tokenizer }
}
