/** Tensors that live long (weights, caches), allocated together in one buffer of a device. */
import { assert, defined } from '../util/assert.ts'
import { DisposedError, NativeError } from '../util/errors.ts'
import { countHandle, isNull, viewMemory } from '../ffi/index.ts'
import type { BaseFunctions, BufferPtr, BufferTypePtr, ContextPtr } from '../ffi/index.ts'
import type { Backend } from './backend.ts'
import { contiguousStrides, fullShape } from './shape.ts'
import type { Tensor } from './types.ts'

export interface TensorSpec {
  readonly name: string
  readonly type: number
  /** One to four extents in ggml's order. */
  readonly shape: readonly number[]
}

/** Memory of this process with a place for every tensor. */
export interface Memory {
  readonly address: bigint
  readonly bytes: number
  /** Byte offset by tensor name, a multiple of `TENSOR_ALIGNMENT`. */
  readonly offsets: ReadonlyMap<string, number>
}

export interface StoreOptions {
  /** Default: the device's own. */
  readonly bufferType?: BufferTypePtr | undefined
  /** Use this memory instead of allocating; CPU only. */
  readonly over?: Memory | undefined
  readonly weights?: boolean
}

/** ggml's CPU kernels load whole vectors. */
export const TENSOR_ALIGNMENT = 32

/** `GGML_BACKEND_BUFFER_USAGE_WEIGHTS`: lets schedulers keep operations beside their weights. */
const USAGE_WEIGHTS = 1

export class TensorStore implements Disposable {
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly bytes: number
  /** True when this process can read and write the tensors directly. */
  readonly isHost: boolean
  readonly #base: BaseFunctions
  #context: ContextPtr | undefined
  #buffer: BufferPtr | undefined

  /**
   * Allocates the tensors, or lays them over memory that is already there (`over`; the caller keeps it alive).
   * Throws `out-of-memory` when the device has no room.
   */
  constructor(backend: Backend, specs: readonly TensorSpec[], options: StoreOptions = {}) {
    const base = backend.ggml.base
    this.#base = base
    const headerBytes = (specs.length + 1) * base.ggml_tensor_overhead()
    this.#context = base.ggml_init({ mem_size: headerBytes, mem_buffer: null, no_alloc: true })
    countHandle('context', 1)
    const context = this.#context
    this.tensors = new Map(specs.map((spec) => [spec.name, createTensor(base, context, spec)]))
    const buffer = options.over ? this.#layOver(options.over) : this.#allocate(backend, specs, options.bufferType)
    this.#buffer = buffer
    countHandle('buffer', 1)
    if (options.weights) base.ggml_backend_buffer_set_usage(buffer, USAGE_WEIGHTS)
    this.bytes = options.over
      ? specs.reduce((sum, spec) => sum + base.ggml_nbytes(this.#tensor(spec.name).pointer), 0)
      : base.ggml_backend_buffer_get_size(buffer)
    this.isHost = base.ggml_backend_buffer_is_host(buffer)
  }

  get(name: string): Tensor {
    if (this.#buffer === undefined) throw new DisposedError('tensor store')
    return this.#tensor(name)
  }

  #tensor(name: string): Tensor {
    return defined(this.tensors.get(name), `tensor ${name}`)
  }

  #allocate(backend: Backend, specs: readonly TensorSpec[], bufferType: BufferTypePtr | undefined): BufferPtr {
    const context = defined(this.#context)
    const type = bufferType ?? backend.bufferType
    const cells = specs.reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0)
    if (cells > Number.MAX_SAFE_INTEGER) return this.#refuse(backend, cells) // ggml would count past 64 bits
    const buffer = this.#base.ggml_backend_alloc_ctx_tensors_from_buft(context, type)
    if (!isNull(buffer)) return buffer
    return this.#refuse(backend, Number(this.#base.ggml_backend_alloc_ctx_tensors_from_buft_size(context, type)))
  }

  #refuse(backend: Backend, bytes: number): never {
    this[Symbol.dispose]()
    const wanted = `${Math.ceil(bytes / 2 ** 20)} MiB of memory on ${backend.device.name}`
    const advice =
      'use a smaller model or context, and of a server fewer places (--parallel), --cache-tokens or --cache-ram'
    throw new NativeError('out-of-memory', `expected ${wanted}, got none; ${advice}`)
  }

  #layOver({ address, bytes, offsets }: Memory): BufferPtr {
    const buffer = this.#base.ggml_backend_cpu_buffer_from_ptr(address, bytes)
    for (const [name, offset] of offsets) {
      const { pointer } = this.#tensor(name)
      assert(offset % TENSOR_ALIGNMENT === 0, `${name} at ${offset}`)
      assert(offset + this.#base.ggml_nbytes(pointer) <= bytes, `${name} beyond its memory`)
      this.#base.ggml_backend_tensor_alloc(buffer, pointer, address + BigInt(offset))
    }
    return buffer
  }

  /** A live view of a tensor's bytes; only for host stores, and only while the store lives. */
  view(tensor: Tensor): Uint8Array {
    if (this.#buffer === undefined) throw new DisposedError('tensor store')
    const bytes = this.#base.ggml_nbytes(tensor.pointer)
    return new Uint8Array(viewMemory(this.#base.ggml_get_data(tensor.pointer), bytes))
  }

  /** Where a tensor lies in this process's memory; only for host stores, and only while the store lives. */
  address(tensor: Tensor): bigint {
    assert(this.isHost, 'the address of a tensor on a device')
    return this.#base.ggml_get_data(tensor.pointer)
  }

  /** Fills a tensor, or `data.byteLength` bytes of it from `offset`. Works on every device. */
  write(tensor: Tensor, data: Uint8Array, offset = 0): void {
    if (this.#buffer === undefined) throw new DisposedError('tensor store')
    this.#base.ggml_backend_tensor_set(tensor.pointer, data, offset, data.byteLength)
  }

  [Symbol.dispose](): void {
    if (this.#buffer !== undefined) {
      this.#base.ggml_backend_buffer_free(this.#buffer)
      this.#buffer = undefined
      countHandle('buffer', -1)
    }
    if (this.#context !== undefined) {
      this.#base.ggml_free(this.#context)
      this.#context = undefined
      countHandle('context', -1)
    }
  }
}

/** Appends a tensor header to a context. */
export function createTensor(base: BaseFunctions, context: ContextPtr, spec: TensorSpec): Tensor {
  const shape = fullShape(spec.shape)
  const pointer = base.ggml_new_tensor(context, spec.type, spec.shape.length, BigInt64Array.from(spec.shape, BigInt))
  base.ggml_set_name(pointer, spec.name.slice(0, 63))
  return { pointer, type: spec.type, shape, strides: contiguousStrides(base, spec.type, shape), name: spec.name }
}
