/**
 * libllama in this process, on the same file and threads: the baseline that scripts and tests measure and judge by.
 * Flash attention and an F16 cache, as llama.cpp's own programs use them, and one thread pool that lasts. Nothing here
 * samples: greedy choices only (`libllama-side.ts` makes a side of the benchmark of it).
 */
import {
  isNull,
  loadGgml,
  viewMemory,
  type LlamaContextPtr,
  type LlamaFunctions,
  type LlamaModelPtr,
} from '../../ffi/index.ts'
import { NativeError } from '../../util/errors.ts'
import { argMax } from '../../util/math.ts'

/** One text that libllama reads. */
export interface LlamaText {
  readonly vocabSize: number
  /** Forgets everything that was read. */
  clear(): void
  /** Reads tokens 32 at a time; what it would say next. `logits` is a view valid until the next call. */
  step(tokens: readonly number[]): LlamaChoice & { readonly logits: Float32Array }
  /** Reads tokens as libllama does by default, 512 rows at a time; only the last row's logits are computed. */
  read(tokens: readonly number[]): void
  /** Reads likewise; the arg-max after the last token. */
  next(tokens: readonly number[]): number
  /** Reads tokens in one call; the logits of all rows, [tokens.length, vocabSize], a view valid until the next call. */
  pass(tokens: readonly number[]): Float32Array
  /** Forgets everything after the first `length` tokens. */
  truncate(length: number): void
}

/** A greedy choice. */
export interface LlamaChoice {
  readonly token: number
  /** Best logit minus second best: how far the choice was from a tie. */
  readonly gap: number
}

/** A model with one text. */
export interface Libllama extends LlamaText, Disposable {
  /** Another text of up to `context` tokens on the same weights and threads. It ends with this one. */
  fork(context: number): LlamaText
}

export interface LibllamaOptions {
  readonly threads: number
  /** Tokens the first text may hold. */
  readonly context: number
}

/** Loads a model file. Throws `native-failure` where libllama refuses it. */
export async function openLibllama(path: string, options: LibllamaOptions): Promise<Libllama> {
  const ggml = loadGgml()
  const { cpu } = ggml
  if (cpu === undefined) throw new NativeError('library-broken', 'expected a CPU device of ggml, found none; reinstall')
  const llama = ggml.llama()
  const model = await loadWeights(llama, path)
  // Without a lasting pool libllama starts new threads for every pass, and would be slower than its own programs are.
  const params = new Uint8Array(THREADPOOL_PARAMS_BYTES)
  ggml.base.ggml_threadpool_params_init(params, options.threads)
  const pool = cpu.ggml_threadpool_new(params)
  const contexts: LlamaContextPtr[] = []
  const end = (): void => {
    for (const context of contexts) llama.llama_free(context)
    llama.llama_model_free(model)
    cpu.ggml_threadpool_free(pool)
  }
  const open = (context: number): LlamaContextPtr => {
    const pointer = createContext(llama, model, { threads: options.threads, context })
    contexts.push(pointer)
    llama.llama_attach_threadpool(pointer, pool, null)
    return pointer
  }
  const vocabSize = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
  try {
    const fork = (context: number): LlamaText => new Text(llama, open(context), vocabSize)
    return new First(llama, open(options.context), vocabSize, { fork, end })
  } catch (error) {
    end()
    throw error
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** sizeof(ggml_threadpool_params) of ggml 0.25. */
const THREADPOOL_PARAMS_BYTES = 528
/** Below 64 rows libllama takes the same attention path for every row; above, its logits move by themselves. */
const STEP_ROWS = 32
/** Most tokens of one call by default (`n_batch`); libllama computes them 512 at a time. */
const CALL_TOKENS = 2048

async function loadWeights(llama: LlamaFunctions, path: string): Promise<LlamaModelPtr> {
  const params = { ...llama.llama_model_default_params(), n_gpu_layers: 0 }
  const model = await new Promise<LlamaModelPtr | null>((resolve, reject) =>
    llama.llama_model_load_from_file.async(path, params, (error, result) => (error ? reject(error) : resolve(result))),
  )
  if (model !== null && !isNull(model)) return model
  throw new NativeError('native-failure', `expected a model that libllama can load, it refused ${path}; try another`)
}

function createContext(llama: LlamaFunctions, model: LlamaModelPtr, options: LibllamaOptions): LlamaContextPtr {
  const context = llama.llama_init_from_model(model, {
    ...llama.llama_context_default_params(),
    n_ctx: options.context,
    n_threads: options.threads,
    n_threads_batch: options.threads,
    flash_attn_type: 1,
    type_k: 1,
    type_v: 1,
  })
  if (context !== null && !isNull(context)) return context
  const wanted = `expected a context of ${options.context} tokens from libllama, it made none`
  throw new NativeError('native-failure', `${wanted}; ask for a smaller one`)
}

class Text implements LlamaText {
  readonly vocabSize: number
  readonly #llama: LlamaFunctions
  readonly #context: LlamaContextPtr

  constructor(llama: LlamaFunctions, context: LlamaContextPtr, vocabSize: number) {
    this.vocabSize = vocabSize
    this.#llama = llama
    this.#context = context
  }

  clear(): void {
    this.#llama.llama_memory_clear(this.#llama.llama_get_memory(this.#context), false)
  }

  truncate(length: number): void {
    const done = this.#llama.llama_memory_seq_rm(this.#llama.llama_get_memory(this.#context), 0, length, -1)
    if (!done) throw new NativeError('native-failure', 'expected libllama to forget a part of its text, it cannot')
  }

  step(tokens: readonly number[]): LlamaChoice & { readonly logits: Float32Array } {
    for (let at = 0; at < tokens.length; at += STEP_ROWS) this.#decode(tokens.slice(at, at + STEP_ROWS))
    const logits = this.#logits(-1, 1)
    const token = argMax(logits)
    return { token, gap: (logits[token] as number) - secondBest(logits, token), logits }
  }

  read(tokens: readonly number[]): void {
    for (let at = 0; at < tokens.length; at += CALL_TOKENS) this.#decode(tokens.slice(at, at + CALL_TOKENS))
    this.#logits(-1, 1)
  }

  next(tokens: readonly number[]): number {
    this.read(tokens)
    return argMax(this.#logits(-1, 1))
  }

  pass(tokens: readonly number[]): Float32Array {
    // One row's logits are computed anyway, and a plain decoder sets no flags.
    this.#decode(tokens, tokens.length === 1 ? undefined : new Int8Array(tokens.length).fill(1))
    return this.#logits(0, tokens.length)
  }

  /** Synchronous: libllama's best case, since no thread has to be woken for a pass. `wanted`: a flag per row. */
  #decode(tokens: readonly number[], wanted?: Int8Array): void {
    const ids = Int32Array.from(tokens)
    const batch = this.#llama.llama_batch_get_one(ids, ids.length)
    if (wanted) batch.logits = wanted
    const status = this.#llama.llama_decode(this.#context, batch)
    // `ids` must outlive the call: naming it here keeps it alive.
    if (status === 0 && ids.length > 0) return
    const wish = `expected libllama to read ${ids.length} tokens, it answered ${status}`
    throw new NativeError('native-failure', `${wish}; a text must hold a token and fit the context`)
  }

  #logits(first: number, rows: number): Float32Array {
    const address = this.#llama.llama_get_logits_ith(this.#context, first)
    return new Float32Array(viewMemory(address, rows * this.vocabSize * 4))
  }
}

interface Life {
  readonly fork: (context: number) => LlamaText
  readonly end: () => void
}

/** The text that came with the model and takes everything with it when it ends. */
class First extends Text implements Libllama {
  readonly #life: Life

  constructor(llama: LlamaFunctions, context: LlamaContextPtr, vocabSize: number, life: Life) {
    super(llama, context, vocabSize)
    this.#life = life
  }

  fork(context: number): LlamaText {
    return this.#life.fork(context)
  }

  [Symbol.dispose](): void {
    this.#life.end()
  }
}

function secondBest(logits: Float32Array, best: number): number {
  let second = -Infinity
  for (let index = 0; index < logits.length; index++) {
    if (index !== best && (logits[index] as number) > second) second = logits[index] as number
  }
  return second
}
