/**
 * libllama as the judge: the same file, the same library version, but none of our code between the weights and the
 * logits. One sequence, `llama_decode` only; speed is not its business (the benchmarks have their own baseline).
 */
import {
  loadGgml,
  viewMemory,
  isNull,
  type LlamaContextPtr,
  type LlamaModelPtr,
  type ThreadpoolPtr,
} from '../../src/ffi/index.ts'
import { argMax } from '../../src/util/math.ts'

export interface OracleOptions {
  readonly threads?: number
  /** Tokens the context holds. */
  readonly context?: number
}

/** A greedy choice. */
export interface Choice {
  readonly token: number
  /** Best logit minus second best: how far the choice was from a tie. */
  readonly gap: number
}

/** libllama rounds keys and values to float16 for flash attention, whatever the cache's type. */
const float16 = 1
const flashAttentionOn = 1

/** One model with one context. */
export class LlamaOracle implements Disposable {
  readonly vocabSize: number
  readonly #model: LlamaModelPtr
  readonly #context: LlamaContextPtr
  readonly #pool: ThreadpoolPtr | undefined

  private constructor(model: LlamaModelPtr, context: LlamaContextPtr, pool: ThreadpoolPtr | undefined) {
    const llama = loadGgml().llama()
    this.#model = model
    this.#context = context
    this.#pool = pool
    this.vocabSize = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
  }

  static async open(path: string, options: OracleOptions = {}): Promise<LlamaOracle> {
    const { threads = 2, context: size = 2048 } = options
    const llama = loadGgml().llama()
    const model = await new Promise<LlamaModelPtr | null>((resolve, reject) => {
      llama.llama_model_load_from_file.async(path, llama.llama_model_default_params(), (error, result) =>
        error ? reject(error) : resolve(result),
      )
    })
    if (model === null || isNull(model)) throw new Error(`expected a model that libllama can load, got ${path}`)
    const context = llama.llama_init_from_model(model, {
      ...llama.llama_context_default_params(),
      n_ctx: size,
      n_batch: size,
      n_threads: threads,
      n_threads_batch: threads,
      flash_attn_type: flashAttentionOn,
      type_k: float16,
      type_v: float16,
      no_perf: true,
    })
    if (context === null || isNull(context)) throw new Error(`expected a context of ${size} tokens, libllama made none`)
    const pool = startThreads(threads)
    if (pool !== undefined) llama.llama_attach_threadpool(context, pool, null)
    return new LlamaOracle(model, context, pool)
  }

  /**
   * Reads tokens after those read before, 32 at a time (see `oracle.test.ts`); a copy of the logits [vocab] after the
   * last one.
   */
  async decode(tokens: readonly number[]): Promise<Float32Array> {
    for (let start = 0; start < tokens.length; start += 32) this.#read(tokens.slice(start, start + 32))
    const address = loadGgml().llama().llama_get_logits_ith(this.#context, -1)
    return new Float32Array(viewMemory(address, this.vocabSize * 4)).slice()
  }

  /** Forgets everything that was read. */
  clear(): void {
    const llama = loadGgml().llama()
    llama.llama_memory_clear(llama.llama_get_memory(this.#context), false)
  }

  /** Token ids of a text as the file's own tokenizer reads it, control tokens included. */
  tokenize(text: string): number[] {
    const llama = loadGgml().llama()
    const bytes = new TextEncoder().encode(text)
    const ids = new Int32Array(bytes.length + 2)
    const vocabulary = llama.llama_model_get_vocab(this.#model)
    const count = llama.llama_tokenize(vocabulary, bytes, bytes.length, ids, ids.length, true, true)
    return [...ids.subarray(0, count)]
  }

  #read(tokens: readonly number[]): void {
    const llama = loadGgml().llama()
    const ids = Int32Array.from(tokens)
    const batch = llama.llama_batch_get_one(ids, ids.length)
    const code = llama.llama_decode(this.#context, batch)
    if (code !== 0) throw new Error(`expected libllama to read ${ids.length} tokens, it answered ${code}`)
  }

  [Symbol.dispose](): void {
    const llama = loadGgml().llama()
    llama.llama_free(this.#context)
    llama.llama_model_free(this.#model)
    if (this.#pool !== undefined) loadGgml().cpu?.ggml_threadpool_free(this.#pool)
  }
}

/** Arg-max (ties toward the smaller id) and its lead over the second best. */
export function chooseGreedily(logits: Float32Array): Choice {
  const token = argMax(logits)
  let second = -Infinity
  for (let id = 0; id < logits.length; id++) if (id !== token && logits[id]! > second) second = logits[id]!
  return { token, gap: logits[token]! - second }
}

/** Without a pool of its own libllama starts new threads for every pass. */
function startThreads(threads: number): ThreadpoolPtr | undefined {
  const { base, cpu } = loadGgml()
  const parameters = new Uint8Array(528) // sizeof(ggml_threadpool_params), see design notes of ggml 0.25
  base.ggml_threadpool_params_init(parameters, threads)
  return cpu?.ggml_threadpool_new(parameters)
}
