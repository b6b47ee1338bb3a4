/**
 * Every C function that heterospec calls: prototype and TypeScript signature side by side.
 * Checked against llama.cpp v0.5.0 (ggml 0.25.1). Nobody else spells a C name.
 */
import type {
  AllocatorPtr,
  BackendPtr,
  BufferPtr,
  BufferTypePtr,
  ContextPtr,
  DevicePtr,
  GraphPtr,
  LlamaContextPtr,
  LlamaModelPtr,
  RegistryPtr,
  TensorPtr,
  ThreadpoolPtr,
  VocabPtr,
} from './pointer.ts'

/** Memory that C reads or writes during the call. */
export type Bytes = ArrayBufferView | ArrayBuffer

/** A function that can also run on a worker thread, so that the event loop stays alive. */
export interface AsyncCallable<Args extends unknown[], Result> {
  (...args: Args): Result
  async(...args: [...Args, (error: Error | null, result: Result) => void]): void
}

type C = ContextPtr
type T = TensorPtr

/** Runs a graph; called on a thread of its own, see `Ggml.computeThread`. */
export const COMPUTE = 'int ggml_backend_graph_compute(void* backend, void* graph)'
/** The same with the threads of our own library; see `kernelThread`. */
export const KERNEL_COMPUTE = 'int hs_compute(void* runner, void* graph)'

/** libggml-base: tensors, graphs, allocation. */
export interface BaseFunctions {
  ggml_version(): string
  ggml_commit(): string
  ggml_type_name(type: number): string | null
  ggml_type_size(type: number): number
  ggml_blck_size(type: number): number
  ggml_row_size(type: number, ne: number): number
  ggml_get_type_traits(type: number): bigint
  ggml_validate_row_data(type: number, data: Bytes, bytes: number): boolean
  ggml_quantize_chunk(
    type: number,
    src: Float32Array,
    dst: Uint8Array,
    start: number,
    rows: number,
    perRow: number,
    imatrix: null,
  ): number
  ggml_log_set(callback: bigint | null, data: null): void
  ggml_init(params: { mem_size: number; mem_buffer: null; no_alloc: boolean }): C
  ggml_free(context: C): void
  ggml_tensor_overhead(): number
  ggml_graph_overhead_custom(size: number, grads: boolean): number
  ggml_new_tensor(context: C, type: number, dimensions: number, ne: BigInt64Array): T
  ggml_set_name(tensor: T, name: string): T
  ggml_set_input(tensor: T): void
  ggml_set_output(tensor: T): void
  ggml_set_param(tensor: T): void
  ggml_get_data(tensor: T): bigint
  ggml_nbytes(tensor: T): number
  ggml_new_graph_custom(context: C, size: number, grads: boolean): GraphPtr
  ggml_build_forward_expand(graph: GraphPtr, tensor: T): void
  ggml_graph_n_nodes(graph: GraphPtr): number
  ggml_get_rows(c: C, a: T, ids: T): T
  ggml_set_rows(c: C, dst: T, src: T, ids: T): T
  ggml_mul_mat(c: C, a: T, b: T): T
  ggml_rms_norm(c: C, a: T, eps: number): T
  ggml_mul(c: C, a: T, b: T): T
  ggml_add(c: C, a: T, b: T): T
  ggml_sub(c: C, a: T, b: T): T
  ggml_clamp(c: C, a: T, min: number, max: number): T
  ggml_repeat(c: C, a: T, b: T): T
  ggml_repeat_back(c: C, a: T, b: T): T
  ggml_sum_rows(c: C, a: T): T
  ggml_argmax(c: C, a: T): T
  ggml_transpose(c: C, a: T): T
  ggml_pad(c: C, a: T, p0: number, p1: number, p2: number, p3: number): T
  ggml_set_inplace(c: C, a: T, b: T, nb1: number, nb2: number, nb3: number, offset: number): T
  ggml_get_rows_back(c: C, a: T, ids: T, shape: T): T
  ggml_silu(c: C, a: T): T
  ggml_silu_back(c: C, gradient: T, a: T): T
  ggml_rms_norm_back(c: C, gradient: T, a: T, eps: number): T
  ggml_soft_max_ext(c: C, a: T, mask: T | null, scale: number, maxBias: number): T
  ggml_soft_max_ext_back(c: C, gradient: T, a: T, scale: number, maxBias: number): T
  ggml_cross_entropy_loss_back(c: C, gradient: T, logits: T, labels: T): T
  ggml_opt_step_adamw(c: C, a: T, gradient: T, m: T, v: T, settings: T): T
  ggml_scale(c: C, a: T, s: number): T
  ggml_swiglu_split(c: C, a: T, b: T): T
  ggml_soft_max(c: C, a: T): T
  ggml_cont(c: C, a: T): T
  ggml_cpy(c: C, a: T, b: T): T
  ggml_reshape_2d(c: C, a: T, ne0: number, ne1: number): T
  ggml_reshape_3d(c: C, a: T, ne0: number, ne1: number, ne2: number): T
  ggml_view_2d(c: C, a: T, ne0: number, ne1: number, nb1: number, offset: number): T
  ggml_view_3d(c: C, a: T, ne0: number, ne1: number, ne2: number, nb1: number, nb2: number, offset: number): T
  ggml_reshape_4d(c: C, a: T, ne0: number, ne1: number, ne2: number, ne3: number): T
  ggml_view_4d(
    c: C,
    a: T,
    ne0: number,
    ne1: number,
    ne2: number,
    ne3: number,
    nb1: number,
    nb2: number,
    nb3: number,
    offset: number,
  ): T
  ggml_rope_ext_back: BaseFunctions['ggml_rope_ext']
  ggml_permute(c: C, a: T, a0: number, a1: number, a2: number, a3: number): T
  ggml_rope_ext(
    c: C,
    a: T,
    positions: T,
    factors: T | null,
    dims: number,
    mode: number,
    originalContext: number,
    base: number,
    scale: number,
    extFactor: number,
    attnFactor: number,
    betaFast: number,
    betaSlow: number,
  ): T
  ggml_concat(c: C, a: T, b: T, axis: number): T
  ggml_custom_4d(
    c: C,
    type: number,
    ne0: number,
    ne1: number,
    ne2: number,
    ne3: number,
    args: BigInt64Array,
    argCount: number,
    fn: bigint,
    tasks: number,
    settings: bigint,
  ): T
  ggml_flash_attn_ext(c: C, q: T, k: T, v: T, mask: T | null, scale: number, maxBias: number, softcap: number): T
  ggml_prec_set_acc(tensor: T, precision: number): boolean
  ggml_gallocr_new(type: BufferTypePtr): AllocatorPtr
  ggml_gallocr_free(allocator: AllocatorPtr): void
  ggml_gallocr_alloc_graph(allocator: AllocatorPtr, graph: GraphPtr): boolean
  ggml_gallocr_get_buffer_size(allocator: AllocatorPtr, buffer: number): number
  /** A BigInt past 2^53. */
  ggml_backend_alloc_ctx_tensors_from_buft_size(context: C, type: BufferTypePtr): number | bigint
  ggml_backend_alloc_ctx_tensors_from_buft(context: C, type: BufferTypePtr): BufferPtr
  ggml_backend_cpu_buffer_from_ptr(address: bigint, bytes: number): BufferPtr
  ggml_backend_tensor_alloc(buffer: BufferPtr, tensor: T, address: bigint): number
  ggml_backend_buffer_free(buffer: BufferPtr): void
  ggml_backend_buffer_get_size(buffer: BufferPtr): number
  ggml_backend_buffer_is_host(buffer: BufferPtr): boolean
  ggml_backend_buffer_set_usage(buffer: BufferPtr, usage: number): void
  ggml_backend_buffer_clear(buffer: BufferPtr, value: number): void
  ggml_backend_buft_name(type: BufferTypePtr): string
  ggml_backend_get_default_buffer_type(backend: BackendPtr): BufferTypePtr
  ggml_backend_tensor_set(tensor: T, data: Bytes, offset: number, size: number): void
  ggml_backend_tensor_get(tensor: T, data: Bytes, offset: number, size: number): void
  ggml_backend_free(backend: BackendPtr): void
  ggml_backend_dev_name(device: DevicePtr): string
  ggml_backend_dev_description(device: DevicePtr): string
  ggml_backend_dev_type(device: DevicePtr): number
  ggml_backend_dev_memory(device: DevicePtr, free: BigUint64Array, total: BigUint64Array): void
  ggml_backend_dev_init(device: DevicePtr, params: null): BackendPtr
  ggml_backend_dev_backend_reg(device: DevicePtr): RegistryPtr
  ggml_backend_dev_supports_op(device: DevicePtr, tensor: T): boolean
  ggml_backend_reg_get_proc_address(registry: RegistryPtr, name: string): bigint | null
  ggml_threadpool_params_init(params: Bytes, threads: number): void
}

export const basePrototypes: Record<keyof BaseFunctions, string> = {
  ggml_version: 'const char* ggml_version()',
  ggml_commit: 'const char* ggml_commit()',
  ggml_type_name: 'const char* ggml_type_name(int type)',
  ggml_type_size: 'size_t ggml_type_size(int type)',
  ggml_blck_size: 'int64_t ggml_blck_size(int type)',
  ggml_row_size: 'size_t ggml_row_size(int type, int64_t ne)',
  ggml_validate_row_data: 'bool ggml_validate_row_data(int type, const void* data, size_t nbytes)',
  ggml_get_type_traits: 'const void* ggml_get_type_traits(int type)',
  ggml_quantize_chunk:
    'size_t ggml_quantize_chunk(int type, const void* src, void* dst, int64_t start, int64_t nrows, int64_t per_row, const void* imatrix)',
  ggml_log_set: 'void ggml_log_set(void* callback, void* data)',
  ggml_init: 'void* ggml_init(ggml_init_params params)',
  ggml_free: 'void ggml_free(void* c)',
  ggml_tensor_overhead: 'size_t ggml_tensor_overhead()',
  ggml_graph_overhead_custom: 'size_t ggml_graph_overhead_custom(size_t size, bool grads)',
  ggml_new_tensor: 'void* ggml_new_tensor(void* c, int type, int n_dims, const void* ne)',
  ggml_set_name: 'void* ggml_set_name(void* t, const char* name)',
  ggml_set_input: 'void ggml_set_input(void* t)',
  ggml_set_output: 'void ggml_set_output(void* t)',
  ggml_set_param: 'void ggml_set_param(void* t)',
  ggml_get_data: 'void* ggml_get_data(void* t)',
  ggml_nbytes: 'size_t ggml_nbytes(void* t)',
  ggml_new_graph_custom: 'void* ggml_new_graph_custom(void* c, size_t size, bool grads)',
  ggml_build_forward_expand: 'void ggml_build_forward_expand(void* graph, void* t)',
  ggml_graph_n_nodes: 'int ggml_graph_n_nodes(void* graph)',
  ggml_get_rows: 'void* ggml_get_rows(void* c, void* a, void* ids)',
  ggml_set_rows: 'void* ggml_set_rows(void* c, void* dst, void* src, void* ids)',
  ggml_mul_mat: 'void* ggml_mul_mat(void* c, void* a, void* b)',
  ggml_rms_norm: 'void* ggml_rms_norm(void* c, void* a, float eps)',
  ggml_mul: 'void* ggml_mul(void* c, void* a, void* b)',
  ggml_add: 'void* ggml_add(void* c, void* a, void* b)',
  ggml_sub: 'void* ggml_sub(void* c, void* a, void* b)',
  ggml_clamp: 'void* ggml_clamp(void* c, void* a, float min, float max)',
  ggml_repeat: 'void* ggml_repeat(void* c, void* a, void* b)',
  ggml_repeat_back: 'void* ggml_repeat_back(void* c, void* a, void* b)',
  ggml_sum_rows: 'void* ggml_sum_rows(void* c, void* a)',
  ggml_argmax: 'void* ggml_argmax(void* c, void* a)',
  ggml_transpose: 'void* ggml_transpose(void* c, void* a)',
  ggml_pad: 'void* ggml_pad(void* c, void* a, int p0, int p1, int p2, int p3)',
  ggml_set_inplace:
    'void* ggml_set_inplace(void* c, void* a, void* b, size_t nb1, size_t nb2, size_t nb3, size_t offset)',
  ggml_get_rows_back: 'void* ggml_get_rows_back(void* c, void* a, void* ids, void* shape)',
  ggml_silu: 'void* ggml_silu(void* c, void* a)',
  ggml_silu_back: 'void* ggml_silu_back(void* c, void* gradient, void* a)',
  ggml_rms_norm_back: 'void* ggml_rms_norm_back(void* c, void* gradient, void* a, float eps)',
  ggml_soft_max_ext: 'void* ggml_soft_max_ext(void* c, void* a, void* mask, float scale, float max_bias)',
  ggml_soft_max_ext_back: 'void* ggml_soft_max_ext_back(void* c, void* gradient, void* a, float scale, float max_bias)',
  ggml_cross_entropy_loss_back:
    'void* ggml_cross_entropy_loss_back(void* c, void* gradient, void* logits, void* labels)',
  ggml_opt_step_adamw: 'void* ggml_opt_step_adamw(void* c, void* a, void* gradient, void* m, void* v, void* settings)',
  ggml_scale: 'void* ggml_scale(void* c, void* a, float s)',
  ggml_swiglu_split: 'void* ggml_swiglu_split(void* c, void* a, void* b)',
  ggml_soft_max: 'void* ggml_soft_max(void* c, void* a)',
  ggml_cont: 'void* ggml_cont(void* c, void* a)',
  ggml_cpy: 'void* ggml_cpy(void* c, void* a, void* b)',
  ggml_reshape_2d: 'void* ggml_reshape_2d(void* c, void* a, int64_t ne0, int64_t ne1)',
  ggml_reshape_3d: 'void* ggml_reshape_3d(void* c, void* a, int64_t ne0, int64_t ne1, int64_t ne2)',
  ggml_view_2d: 'void* ggml_view_2d(void* c, void* a, int64_t ne0, int64_t ne1, size_t nb1, size_t offset)',
  ggml_view_3d:
    'void* ggml_view_3d(void* c, void* a, int64_t ne0, int64_t ne1, int64_t ne2, size_t nb1, size_t nb2, size_t offset)',
  ggml_reshape_4d: 'void* ggml_reshape_4d(void* c, void* a, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)',
  ggml_view_4d:
    'void* ggml_view_4d(void* c, void* a, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3, size_t nb1, size_t nb2, size_t nb3, size_t offset)',
  ggml_rope_ext_back:
    'void* ggml_rope_ext_back(void* c, void* a, void* b, void* f, int n_dims, int mode, int n_ctx_orig, float freq_base, float freq_scale, float ext_factor, float attn_factor, float beta_fast, float beta_slow)',
  ggml_permute: 'void* ggml_permute(void* c, void* a, int a0, int a1, int a2, int a3)',
  ggml_rope_ext:
    'void* ggml_rope_ext(void* c, void* a, void* b, void* f, int n_dims, int mode, int n_ctx_orig, float freq_base, float freq_scale, float ext_factor, float attn_factor, float beta_fast, float beta_slow)',
  ggml_concat: 'void* ggml_concat(void* c, void* a, void* b, int dim)',
  ggml_custom_4d:
    'void* ggml_custom_4d(void* c, int type, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3, const void* args, int n_args, void* fun, int n_tasks, void* userdata)',
  ggml_flash_attn_ext:
    'void* ggml_flash_attn_ext(void* c, void* q, void* k, void* v, void* mask, float scale, float max_bias, float softcap)',
  ggml_prec_set_acc: 'bool ggml_prec_set_acc(void* t, int prec)',
  ggml_gallocr_new: 'void* ggml_gallocr_new(void* buft)',
  ggml_gallocr_free: 'void ggml_gallocr_free(void* allocator)',
  ggml_gallocr_alloc_graph: 'bool ggml_gallocr_alloc_graph(void* allocator, void* graph)',
  ggml_gallocr_get_buffer_size: 'size_t ggml_gallocr_get_buffer_size(void* allocator, int id)',
  ggml_backend_alloc_ctx_tensors_from_buft_size:
    'size_t ggml_backend_alloc_ctx_tensors_from_buft_size(void* c, void* buft)',
  ggml_backend_alloc_ctx_tensors_from_buft: 'void* ggml_backend_alloc_ctx_tensors_from_buft(void* c, void* buft)',
  ggml_backend_cpu_buffer_from_ptr: 'void* ggml_backend_cpu_buffer_from_ptr(void* ptr, size_t size)',
  ggml_backend_tensor_alloc: 'int ggml_backend_tensor_alloc(void* buffer, void* t, void* addr)',
  ggml_backend_buffer_free: 'void ggml_backend_buffer_free(void* buffer)',
  ggml_backend_buffer_get_size: 'size_t ggml_backend_buffer_get_size(void* buffer)',
  ggml_backend_buffer_is_host: 'bool ggml_backend_buffer_is_host(void* buffer)',
  ggml_backend_buffer_set_usage: 'void ggml_backend_buffer_set_usage(void* buffer, int usage)',
  ggml_backend_buffer_clear: 'void ggml_backend_buffer_clear(void* buffer, uint8_t value)',
  ggml_backend_buft_name: 'const char* ggml_backend_buft_name(void* buft)',
  ggml_backend_get_default_buffer_type: 'void* ggml_backend_get_default_buffer_type(void* backend)',
  ggml_backend_tensor_set: 'void ggml_backend_tensor_set(void* t, const void* data, size_t offset, size_t size)',
  ggml_backend_tensor_get: 'void ggml_backend_tensor_get(void* t, void* data, size_t offset, size_t size)',
  ggml_backend_free: 'void ggml_backend_free(void* backend)',
  ggml_backend_dev_name: 'const char* ggml_backend_dev_name(void* dev)',
  ggml_backend_dev_description: 'const char* ggml_backend_dev_description(void* dev)',
  ggml_backend_dev_type: 'int ggml_backend_dev_type(void* dev)',
  ggml_backend_dev_memory: 'void ggml_backend_dev_memory(void* dev, void* free, void* total)',
  ggml_backend_dev_init: 'void* ggml_backend_dev_init(void* dev, const char* params)',
  ggml_backend_dev_backend_reg: 'void* ggml_backend_dev_backend_reg(void* dev)',
  ggml_backend_dev_supports_op: 'bool ggml_backend_dev_supports_op(void* dev, void* t)',
  ggml_backend_reg_get_proc_address: 'void* ggml_backend_reg_get_proc_address(void* reg, const char* name)',
  ggml_threadpool_params_init: 'void ggml_threadpool_params_init(void* p, int n)',
}

/** libggml: the registry of devices. */
export interface RegistryFunctions {
  ggml_backend_load_all_from_path(dir: string): void
  ggml_backend_load(path: string): RegistryPtr | null
  ggml_backend_dev_count(): number
  ggml_backend_dev_get(index: number): DevicePtr
}

export const registryPrototypes: Record<keyof RegistryFunctions, string> = {
  ggml_backend_load_all_from_path: 'void ggml_backend_load_all_from_path(const char* dir)',
  ggml_backend_load: 'void* ggml_backend_load(const char* path)',
  ggml_backend_dev_count: 'size_t ggml_backend_dev_count()',
  ggml_backend_dev_get: 'void* ggml_backend_dev_get(size_t i)',
}

/** The CPU device's own functions, reached by name at run time because which variant got loaded is not known before. */
export interface CpuFunctions {
  ggml_backend_set_n_threads(backend: BackendPtr, threads: number): void
  ggml_backend_cpu_set_use_ref(backend: BackendPtr, on: boolean): void
  ggml_threadpool_new(params: Bytes): ThreadpoolPtr
  ggml_threadpool_free(pool: ThreadpoolPtr): void
  ggml_backend_cpu_set_threadpool(backend: BackendPtr, pool: ThreadpoolPtr | null): void
  ggml_backend_dev_get_extra_bufts(device: DevicePtr): bigint | null
  ggml_backend_get_features(registry: RegistryPtr): bigint | null
}

export const cpuPrototypes: Record<keyof CpuFunctions, string> = {
  ggml_backend_set_n_threads: 'void ggml_backend_set_n_threads(void* backend, int n)',
  ggml_backend_cpu_set_use_ref: 'void ggml_backend_cpu_set_use_ref(void* backend, bool on)',
  ggml_threadpool_new: 'void* ggml_threadpool_new(void* params)',
  ggml_threadpool_free: 'void ggml_threadpool_free(void* pool)',
  ggml_backend_cpu_set_threadpool: 'void ggml_backend_cpu_set_threadpool(void* backend, void* pool)',
  ggml_backend_dev_get_extra_bufts: 'void* ggml_backend_dev_get_extra_bufts(void* dev)',
  ggml_backend_get_features: 'void* ggml_backend_get_features(void* reg)',
}

/** heterospec's own library, but for its operations (`hs_..._op`), which ggml calls. `native/heterospec.h` describes them. */
export interface KernelFunctions {
  readonly hs_abi: () => number
  readonly hs_choose: (name: string | null) => number
  readonly hs_kernels: () => string
  readonly hs_packed_bytes: (type: number, inputs: number, outputs: number) => number
  readonly hs_top: (row: bigint, count: number, wanted: number, ids: Int32Array, values: Float32Array) => void
  readonly hs_tune: (ahead: number, directRows: number, slabFrom: number) => void
  readonly hs_pool_new: (threads: number) => bigint | null
  readonly hs_pool_free: (pool: bigint) => void
}

export const kernelPrototypes: Record<keyof KernelFunctions, string> = {
  hs_abi: 'int hs_abi()',
  hs_choose: 'int hs_choose(const char* name)',
  hs_kernels: 'const char* hs_kernels()',
  hs_packed_bytes: 'size_t hs_packed_bytes(int type, int64_t in, int64_t out)',
  hs_top: 'void hs_top(void* row, int n, int k, int32_t* ids, float* values)',
  hs_tune: 'void hs_tune(int ahead, int direct_rows, int slab_from)',
  hs_pool_new: 'void* hs_pool_new(int threads)',
  hs_pool_free: 'void hs_pool_free(void* pool)',
}

/** libllama: tokenizers for the product; `llama_decode` as oracle and baseline for tests and benchmarks. */
export interface LlamaFunctions {
  llama_backend_init(): void
  llama_log_set(callback: bigint | null, data: null): void
  llama_model_default_params(): LlamaModelParams
  llama_model_load_from_file: AsyncCallable<[string, LlamaModelParams], LlamaModelPtr | null>
  llama_model_free(model: LlamaModelPtr): void
  llama_model_get_vocab(model: LlamaModelPtr): VocabPtr
  llama_vocab_n_tokens(vocab: VocabPtr): number
  llama_vocab_type(vocab: VocabPtr): number
  llama_vocab_get_text(vocab: VocabPtr, token: number): string | null
  llama_vocab_is_eog(vocab: VocabPtr, token: number): boolean
  llama_vocab_is_control(vocab: VocabPtr, token: number): boolean
  llama_vocab_bos(vocab: VocabPtr): number
  llama_vocab_eos(vocab: VocabPtr): number
  llama_vocab_eot(vocab: VocabPtr): number
  llama_vocab_get_add_bos(vocab: VocabPtr): boolean
  llama_vocab_get_add_eos(vocab: VocabPtr): boolean
  llama_tokenize: AsyncCallable<
    [
      vocab: VocabPtr,
      text: Uint8Array,
      length: number,
      tokens: Int32Array,
      room: number,
      addSpecial: boolean,
      parseSpecial: boolean,
    ],
    number
  >
  llama_token_to_piece(
    vocab: VocabPtr,
    token: number,
    buffer: Uint8Array,
    length: number,
    lstrip: number,
    special: boolean,
  ): number
  llama_detokenize(
    vocab: VocabPtr,
    tokens: Int32Array,
    count: number,
    text: Uint8Array,
    room: number,
    removeSpecial: boolean,
    unparseSpecial: boolean,
  ): number
  llama_context_default_params(): LlamaContextParams
  llama_init_from_model(model: LlamaModelPtr, params: LlamaContextParams): LlamaContextPtr | null
  llama_free(context: LlamaContextPtr): void
  llama_get_memory(context: LlamaContextPtr): bigint
  llama_memory_clear(memory: bigint, data: boolean): void
  llama_memory_seq_rm(memory: bigint, sequence: number, from: number, to: number): boolean
  llama_batch_get_one(tokens: Int32Array, count: number): LlamaBatch
  llama_decode(context: LlamaContextPtr, batch: LlamaBatch): number
  llama_get_logits_ith(context: LlamaContextPtr, index: number): bigint
  llama_attach_threadpool(context: LlamaContextPtr, pool: ThreadpoolPtr, batchPool: ThreadpoolPtr | null): void
}

/** The fields that we set; the others keep the library's defaults. */
export interface LlamaModelParams {
  vocab_only: boolean
  use_extra_bufts: boolean
  n_gpu_layers: number
}

export interface LlamaContextParams {
  n_ctx: number
  n_batch: number
  n_ubatch: number
  n_threads: number
  n_threads_batch: number
  flash_attn_type: number
  type_k: number
  type_v: number
  no_perf: boolean
}

export interface LlamaBatch {
  n_tokens: number
  /** A flag per token: are its logits wanted? Null: the last token's. */
  logits: Int8Array | bigint | null
}

/** Structs passed by value, field by field as in the header. */
export const structs = {
  ggml_init_params: { mem_size: 'size_t', mem_buffer: 'void*', no_alloc: 'bool' },
  llama_model_params: {
    devices: 'void*',
    tensor_buft_overrides: 'void*',
    n_gpu_layers: 'int32_t',
    split_mode: 'int',
    load_mode: 'int',
    lazy_mode: 'int',
    main_gpu: 'int32_t',
    tensor_split: 'void*',
    progress_callback: 'void*',
    progress_callback_user_data: 'void*',
    kv_overrides: 'void*',
    vocab_only: 'bool',
    check_tensors: 'bool',
    use_extra_bufts: 'bool',
    no_host: 'bool',
    no_alloc: 'bool',
    load_mtp: 'bool',
  },
  llama_context_params: {
    n_ctx: 'uint32_t',
    n_batch: 'uint32_t',
    n_ubatch: 'uint32_t',
    n_seq_max: 'uint32_t',
    n_rs_seq: 'uint32_t',
    n_outputs_max: 'uint32_t',
    n_outputs_max_per_seq: 'uint32_t',
    n_threads: 'int32_t',
    n_threads_batch: 'int32_t',
    ctx_type: 'int',
    rope_scaling_type: 'int',
    pooling_type: 'int',
    attention_type: 'int',
    flash_attn_type: 'int',
    rope_freq_base: 'float',
    rope_freq_scale: 'float',
    yarn_ext_factor: 'float',
    yarn_attn_factor: 'float',
    yarn_beta_fast: 'float',
    yarn_beta_slow: 'float',
    yarn_orig_ctx: 'uint32_t',
    defrag_thold: 'float',
    cb_eval: 'void*',
    cb_eval_user_data: 'void*',
    type_k: 'int',
    type_v: 'int',
    abort_callback: 'void*',
    abort_callback_data: 'void*',
    embeddings: 'bool',
    offload_kqv: 'bool',
    no_perf: 'bool',
    op_offload: 'bool',
    swa_full: 'bool',
    kv_unified: 'bool',
    samplers: 'void*',
    n_samplers: 'size_t',
    ctx_other: 'void*',
  },
  llama_batch: {
    n_tokens: 'int32_t',
    token: 'void*',
    embd: 'void*',
    pos: 'void*',
    n_seq_id: 'void*',
    seq_id: 'void*',
    logits: 'void*',
  },
} as const

export const llamaPrototypes: Record<keyof LlamaFunctions, string> = {
  llama_backend_init: 'void llama_backend_init()',
  llama_log_set: 'void llama_log_set(void* callback, void* data)',
  llama_model_default_params: 'llama_model_params llama_model_default_params()',
  llama_model_load_from_file: 'void* llama_model_load_from_file(const char* path, llama_model_params params)',
  llama_model_free: 'void llama_model_free(void* model)',
  llama_model_get_vocab: 'void* llama_model_get_vocab(void* model)',
  llama_vocab_n_tokens: 'int32_t llama_vocab_n_tokens(void* vocab)',
  llama_vocab_type: 'int llama_vocab_type(void* vocab)',
  llama_vocab_get_text: 'const char* llama_vocab_get_text(void* vocab, int32_t token)',
  llama_vocab_is_eog: 'bool llama_vocab_is_eog(void* vocab, int32_t token)',
  llama_vocab_is_control: 'bool llama_vocab_is_control(void* vocab, int32_t token)',
  llama_vocab_bos: 'int32_t llama_vocab_bos(void* vocab)',
  llama_vocab_eos: 'int32_t llama_vocab_eos(void* vocab)',
  llama_vocab_eot: 'int32_t llama_vocab_eot(void* vocab)',
  llama_vocab_get_add_bos: 'bool llama_vocab_get_add_bos(void* vocab)',
  llama_vocab_get_add_eos: 'bool llama_vocab_get_add_eos(void* vocab)',
  llama_tokenize:
    'int32_t llama_tokenize(void* vocab, const void* text, int32_t text_len, void* tokens, int32_t n_max, bool add_special, bool parse_special)',
  llama_token_to_piece:
    'int32_t llama_token_to_piece(void* vocab, int32_t token, void* buf, int32_t length, int32_t lstrip, bool special)',
  llama_detokenize:
    'int32_t llama_detokenize(void* vocab, const void* tokens, int32_t n, void* text, int32_t room, bool remove_special, bool unparse_special)',
  llama_context_default_params: 'llama_context_params llama_context_default_params()',
  llama_init_from_model: 'void* llama_init_from_model(void* model, llama_context_params params)',
  llama_free: 'void llama_free(void* ctx)',
  llama_get_memory: 'void* llama_get_memory(void* ctx)',
  llama_memory_clear: 'void llama_memory_clear(void* mem, bool data)',
  llama_memory_seq_rm: 'bool llama_memory_seq_rm(void* mem, int32_t seq, int32_t p0, int32_t p1)',
  llama_batch_get_one: 'llama_batch llama_batch_get_one(void* tokens, int32_t n)',
  llama_decode: 'int32_t llama_decode(void* ctx, llama_batch batch)',
  llama_get_logits_ith: 'void* llama_get_logits_ith(void* ctx, int32_t i)',
  llama_attach_threadpool: 'void llama_attach_threadpool(void* ctx, void* pool, void* pool_batch)',
}
