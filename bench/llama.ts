/** Plain decoding by libllama in this process: the baseline that everything is measured against. */
import { loadGgml, viewMemory, type LlamaContextPtr, type LlamaModelPtr } from '../src/ffi/index.ts'
import { assert } from '../src/util/assert.ts'
import { argMax } from '../src/util/math.ts'

const PROMPT_ROWS = 32

export interface LlamaBaseline extends Disposable {
  clear(): void
  /** Reads tokens; the arg-max after the last, and the lead of the best logit over the second best. */
  step(tokens: readonly number[]): { token: number; gap: number }
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
  const contextParams = llama.llama_context_default_params()
  Object.assign(contextParams, {
    n_ctx: options.context,
    n_threads: options.threads,
    n_threads_batch: options.threads,
    flash_attn_type: 1,
    type_k: 1,
    type_v: 1,
  })
  const context = llama.llama_init_from_model(model, contextParams)
  assert(context !== null, 'libllama made no context')
  const cpu = ggml.cpu
  assert(cpu !== undefined, 'no CPU device')
  // With threads of its own per graph llama.cpp would be slower than its programs are: give it a persistent pool too.
  const params = new Uint8Array(528)
  ggml.base.ggml_threadpool_params_init(params, options.threads)
  const pool = cpu.ggml_threadpool_new(params)
  llama.llama_attach_threadpool(context, pool, null)
  const vocab = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
  return {
    clear: () => llama.llama_memory_clear(llama.llama_get_memory(context), false),
    step: (tokens) => {
      // Below 64 rows libllama takes the same attention path for every row; above, its logits move by themselves.
      for (let at = 0; at < tokens.length; at += PROMPT_ROWS) decode(llama, context, tokens.slice(at, at + PROMPT_ROWS))
      const logits = new Float32Array(viewMemory(llama.llama_get_logits_ith(context, -1), vocab * 4))
      const token = argMax(logits)
      return { token, gap: (logits[token] as number) - secondBest(logits, token) }
    },
    [Symbol.dispose]: () => {
      llama.llama_free(context)
      llama.llama_model_free(model)
      cpu.ggml_threadpool_free(pool)
    },
  }
}

/** Synchronous: libllama's best case, since no thread has to be woken for a pass. */
function decode(
  llama: ReturnType<ReturnType<typeof loadGgml>['llama']>,
  context: LlamaContextPtr,
  tokens: readonly number[],
): void {
  const ids = Int32Array.from(tokens)
  const status = llama.llama_decode(context, llama.llama_batch_get_one(ids, ids.length))
  // `ids` must outlive the call: naming it here keeps it alive.
  if (status !== 0 || ids.length === 0) throw new Error(`llama_decode failed with ${status}`)
}

function secondBest(logits: Float32Array, best: number): number {
  let second = -Infinity
  for (let index = 0; index < logits.length; index++) {
    if (index !== best && (logits[index] as number) > second) second = logits[index] as number
  }
  return second
}
