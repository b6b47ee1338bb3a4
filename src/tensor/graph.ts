/**
 * One graph with memory of its own: built once, computed as often as wanted with new inputs.
 * Every input is written before every computation, because ggml recycles an input's memory after its last use.
 */
import { assert } from '../util/assert.ts'
import { DisposedError, NativeError } from '../util/errors.ts'
import { countHandle, isNull } from '../ffi/index.ts'
import type { AllocatorPtr, Bytes, ContextPtr, GraphPtr } from '../ffi/index.ts'
import type { Backend } from './backend.ts'
import { KernelOps } from './kernel-ops.ts'
import { Ops } from './ops.ts'
import { elementCount } from './shape.ts'
import { createTensor, type TensorSpec } from './store.ts'
import { TrainingOps } from './training-ops.ts'
import type { Tensor } from './types.ts'

export class Graph implements Disposable {
  readonly ops: Ops
  /** Operations of backward passes. */
  readonly training: TrainingOps
  /** Our own kernels' operations; undefined where there are none. */
  readonly kernels: KernelOps | undefined
  /** All heavy operations are our kernels': their work is shared among threads of our own. */
  shared = false
  readonly #backend: Backend
  #context: ContextPtr | undefined
  #allocator: AllocatorPtr | undefined
  readonly #graph: GraphPtr
  #allocated = false

  /** `capacity`: most operations and leaves; a graph that outgrew its context would end the process, so be generous. */
  constructor(backend: Backend, capacity: number) {
    const base = backend.ggml.base
    this.#backend = backend
    const bytes = capacity * base.ggml_tensor_overhead() + base.ggml_graph_overhead_custom(capacity, false)
    this.#context = base.ggml_init({ mem_size: bytes, mem_buffer: null, no_alloc: true })
    countHandle('context', 1)
    this.#graph = base.ggml_new_graph_custom(this.#context, capacity, false)
    this.#allocator = base.ggml_gallocr_new(backend.bufferType)
    countHandle('allocator', 1)
    this.ops = new Ops(base, this.#context)
    this.training = new TrainingOps(base, this.#context)
    this.kernels = backend.kernels && new KernelOps(base, this.#context, backend.kernels)
  }

  /** A leaf that `write` fills before each computation. */
  input(spec: TensorSpec): Tensor {
    const context = this.#live()
    assert(!this.#allocated, 'an input after the graph was allocated')
    const tensor = createTensor(this.#backend.ggml.base, context, spec)
    this.#backend.ggml.base.ggml_set_input(tensor.pointer)
    return tensor
  }

  /** Marks a result that `read` will fetch. */
  output(tensor: Tensor): void {
    assert(!this.#allocated, 'an output after the graph was allocated')
    this.#backend.ggml.base.ggml_set_output(tensor.pointer)
    this.expand(tensor)
  }

  /** Appends a tensor and what it needs; the order of calls is the order of execution. */
  expand(tensor: Tensor): void {
    this.#live()
    this.#backend.ggml.base.ggml_build_forward_expand(this.#graph, tensor.pointer)
  }

  /** Reserves memory for all intermediate results. Throws `out-of-memory`. */
  allocate(): void {
    this.#live()
    const allocator = this.#allocator
    assert(allocator !== undefined && !this.#allocated, 'a graph is allocated once')
    if (!this.#backend.ggml.base.ggml_gallocr_alloc_graph(allocator, this.#graph)) {
      throw new NativeError(
        'out-of-memory',
        `expected memory for a graph on ${this.#backend.device.name}, got none; use a smaller context`,
      )
    }
    this.#allocated = true
  }

  /** Bytes of all intermediate results together. */
  get bytes(): number {
    this.#live()
    const allocator = this.#allocator
    assert(allocator !== undefined && this.#allocated, 'the size of a graph that was not allocated')
    return this.#backend.ggml.base.ggml_gallocr_get_buffer_size(allocator, 0)
  }

  write(tensor: Tensor, data: Bytes): void {
    this.#live()
    const base = this.#backend.ggml.base
    assert(
      data.byteLength === tensor.strides[0] * elementCount(tensor.shape),
      `${data.byteLength} bytes for ${tensor.name}`,
    )
    base.ggml_backend_tensor_set(tensor.pointer, data, 0, data.byteLength)
  }

  /** Computes on a worker thread. Call inside `backend.exclusive`. */
  async compute(): Promise<void> {
    this.#live()
    assert(this.#allocated, 'a graph must be allocated before it is computed')
    await this.#backend.compute(this.#graph, this.shared)
  }

  /** Where a result lies in this process's memory, until the graph is computed again or ends. CPU only. */
  address(tensor: Tensor): bigint {
    this.#live()
    assert(this.#backend.isCpu, 'the address of a result on a device')
    return this.#backend.ggml.base.ggml_get_data(tensor.pointer)
  }

  /** Copies `into.byteLength` bytes of a result from byte `offset` on. */
  read(tensor: Tensor, into: Float32Array | Uint8Array, offset = 0): void {
    this.#live()
    const bytes = into.byteLength
    assert(offset + bytes <= tensor.strides[3] * tensor.shape[3], `${bytes} bytes from ${tensor.name}`)
    this.#backend.ggml.base.ggml_backend_tensor_get(tensor.pointer, into, offset, bytes)
  }

  [Symbol.dispose](): void {
    if (this.#allocator !== undefined && !isNull(this.#allocator)) {
      this.#backend.ggml.base.ggml_gallocr_free(this.#allocator)
      this.#allocator = undefined
      countHandle('allocator', -1)
    }
    if (this.#context !== undefined) {
      this.#backend.ggml.base.ggml_free(this.#context)
      this.#context = undefined
      countHandle('context', -1)
    }
  }

  #live(): ContextPtr {
    if (this.#context === undefined) throw new DisposedError('graph')
    return this.#context
  }
}
