/** libllama in this process: the baseline that everything is measured against. */
import {
  loadGgml,
  viewMemory,
  type LlamaContextPtr,
  type LlamaFunctions,
  type LlamaModelPtr,
} from '../src/ffi/index.ts'
import { assert } from '../src/util/assert.ts'
import { argMax } from '../src/util/math.ts'

const PROMPT_ROWS = 32
/** Most tokens of one call by default (`n_batch`); libllama computes them 512 at a time. */
const CALL_TOKENS = 2048

/** One text that libllama reads. */
export interface LlamaText {
  readonly vocabSize: number
  clear(): void
  /** Reads tokens; the arg-max after the last, and the lead of the best logit over the second best. */
  step(tokens: readonly number[]): { token: number; gap: number }
  /** Reads tokens as libllama does by default, 512 rows at a time; only the last row's logits are computed. */
  read(tokens: readonly number[]): void
  /** Reads likewise; the arg-max after the last token. */
  next(tokens: readonly number[]): number
  /** Reads tokens in one call; the logits of all rows, [tokens.length * vocabSize], a view valid until the next call. */
  pass(tokens: readonly number[]): Float32Array
  /** Forgets everything after the first `length` tokens. */
  truncate(length: number): void
}

export interface LlamaBaseline extends LlamaText, Disposable {
  /** Another text of up to `context` tokens on the same weights and threads. It ends with this one. */
  fork(context: number): LlamaText
}

/** Same file, same threads, flash attention, F16 cache: what llama.cpp does by default on a CPU. */
export async function openLlama(path: string, options: { threads: number; context: number }): Promise<LlamaBaseline> {
  const ggml = loadGgml()
  const llama = ggml.llama()
  const modelParams = llama.llama_model_default_params()
  modelParams.n_gpu_layers = 0
  const model = await new Promise<LlamaModelPtr | null>((resolve, reject) =>
    llama.llama_model_load_from_file.async(path, modelParams, (error, result) =>
      error ? reject(error) : resolve(result),
    ),
  )
  assert(model !== null, 'libllama refused the model')
  const cpu = ggml.cpu
  assert(cpu !== undefined, 'no CPU device')
  // With threads of its own per graph llama.cpp would be slower than its programs are: give it a persistent pool too.
  const params = new Uint8Array(528)
  ggml.base.ggml_threadpool_params_init(params, options.threads)
  const pool = cpu.ggml_threadpool_new(params)
  const contexts: LlamaContextPtr[] = []
  const open = (context: number): LlamaContextPtr => {
    const pointer = createContext(llama, model, { threads: options.threads, context })
    llama.llama_attach_threadpool(pointer, pool, null)
    contexts.push(pointer)
    return pointer
  }
  const vocabSize = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
  return new Baseline(llama, open(options.context), vocabSize, {
    fork: (context) => new Text(llama, open(context), vocabSize),
    end: () => {
      for (const context of contexts) llama.llama_free(context)
      llama.llama_model_free(model)
      cpu.ggml_threadpool_free(pool)
    },
  })
}

function createContext(
  llama: LlamaFunctions,
  model: LlamaModelPtr,
  options: { threads: number; context: number },
): LlamaContextPtr {
  const params = llama.llama_context_default_params()
  Object.assign(params, {
    n_ctx: options.context,
    n_threads: options.threads,
    n_threads_batch: options.threads,
    flash_attn_type: 1,
    type_k: 1,
    type_v: 1,
  })
  const context = llama.llama_init_from_model(model, params)
  assert(context !== null, 'libllama made no context')
  return context
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
    assert(done, 'libllama cannot forget a part of its text')
  }

  step(tokens: readonly number[]): { token: number; gap: number } {
    // Below 64 rows libllama takes the same attention path for every row; above, its logits move by themselves.
    for (let at = 0; at < tokens.length; at += PROMPT_ROWS) this.#decode(tokens.slice(at, at + PROMPT_ROWS))
    const logits = this.#logits(-1, 1)
    const token = argMax(logits)
    return { token, gap: (logits[token] as number) - secondBest(logits, token) }
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
    if (status !== 0 || ids.length === 0) throw new Error(`llama_decode failed with ${status}`)
  }

  #logits(first: number, rows: number): Float32Array {
    const address = this.#llama.llama_get_logits_ith(this.#context, first)
    return new Float32Array(viewMemory(address, rows * this.vocabSize * 4))
  }
}

class Baseline extends Text implements LlamaBaseline {
  readonly #life: { fork: (context: number) => LlamaText; end: () => void }

  constructor(
    llama: LlamaFunctions,
    context: LlamaContextPtr,
    vocabSize: number,
    life: { fork: (context: number) => LlamaText; end: () => void },
  ) {
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
