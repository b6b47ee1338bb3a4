/** Branded native addresses. koffi 3 hands out naked bigints without a C type: the brand is our only guard. */

declare const kind: unique symbol

/** The address of a native object of one kind. */
export type Ptr<Kind extends string> = bigint & { readonly [kind]: Kind }

export type ContextPtr = Ptr<'ggml_context'>
export type TensorPtr = Ptr<'ggml_tensor'>
export type GraphPtr = Ptr<'ggml_cgraph'>
export type BackendPtr = Ptr<'ggml_backend'>
export type DevicePtr = Ptr<'ggml_backend_dev'>
export type RegistryPtr = Ptr<'ggml_backend_reg'>
export type BufferPtr = Ptr<'ggml_backend_buffer'>
export type BufferTypePtr = Ptr<'ggml_backend_buffer_type'>
export type AllocatorPtr = Ptr<'ggml_gallocr'>
export type ThreadpoolPtr = Ptr<'ggml_threadpool'>
export type LlamaModelPtr = Ptr<'llama_model'>
export type LlamaContextPtr = Ptr<'llama_context'>
export type VocabPtr = Ptr<'llama_vocab'>

/** True for an address that a C function returned to say "no". */
export function isNull(pointer: bigint | null): boolean {
  return pointer === null || pointer === 0n
}
