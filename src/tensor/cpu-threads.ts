/**
 * The threads of the CPU device. There are two ways to use several of them:
 *
 *   ggml's    every operation is split evenly, and a barrier after it waits for all threads, spinning
 *   shared    ggml runs on one thread, and our kernels hand shares of an operation to helpers that are awake (native/pool.c)
 *
 * The second has no barrier: a thread whose core was taken by another program holds nobody up. Only our kernels can do it.
 */
import { NativeError } from '../util/errors.ts'
import { allocateNative, countHandle, isNull } from '../ffi/index.ts'
import type { BackendPtr, CpuFunctions, Ggml, Kernels, ThreadpoolPtr } from '../ffi/index.ts'
import { assert } from '../util/assert.ts'

/** Size of ggml_threadpool_params. */
const THREADPOOL_PARAMS_BYTES = 528
/** `struct hs_runner`: function, backend, pool. */
const RUNNER_BYTES = 24

export class CpuThreads implements Disposable {
  readonly #ggml: Ggml
  readonly #cpu: CpuFunctions
  readonly #backend: BackendPtr
  readonly #threads: number
  readonly #kernels: Kernels | undefined
  /** ggml's pools by size: without one every computation would spawn its threads, 47 us instead of 2.4 for a toy graph. */
  readonly #pools = new Map<number, ThreadpoolPtr>()
  readonly #runner: ReturnType<typeof allocateNative> | undefined
  #helpers: bigint | undefined
  #shared: boolean | undefined

  constructor(ggml: Ggml, backend: BackendPtr, threads: number, kernels: Kernels | undefined) {
    assert(ggml.cpu !== undefined, 'a CPU device without its functions')
    this.#ggml = ggml
    this.#cpu = ggml.cpu
    this.#backend = backend
    this.#threads = threads
    this.#kernels = kernels
    // The reference switch makes attention treat every row alike, whatever the number of rows, slots or threads:
    // without it a tree node's logits differ in the last bits from those of plain decoding.
    this.#cpu.ggml_backend_cpu_set_use_ref(backend, true)
    if (!kernels) return
    this.#runner = allocateNative(RUNNER_BYTES)
    this.#runner.view.setBigInt64(0, ggml.computeAddress, true)
    this.#runner.view.setBigInt64(8, backend, true)
  }

  /** What `hs_compute` takes instead of a backend; undefined without kernels. */
  get runner(): bigint | undefined {
    return this.#runner?.address
  }

  /** Prepares for a computation of one kind. */
  use(shared: boolean): void {
    if (this.#shared === shared) return
    this.#shared = shared
    const count = shared ? 1 : this.#threads
    this.#cpu.ggml_backend_set_n_threads(this.#backend, count)
    this.#cpu.ggml_backend_cpu_set_threadpool(this.#backend, this.#pool(count))
    if (shared) this.#startHelpers()
    this.#runner?.view.setBigInt64(16, shared ? (this.#helpers ?? 0n) : 0n, true)
  }

  [Symbol.dispose](): void {
    for (const pool of this.#pools.values()) {
      this.#cpu.ggml_threadpool_free(pool)
      countHandle('threadpool', -1)
    }
    this.#pools.clear()
    if (this.#helpers !== undefined) {
      this.#kernels?.freePool(this.#helpers)
      countHandle('helpers', -1)
      this.#helpers = undefined
    }
    this.#runner?.[Symbol.dispose]()
  }

  #pool(count: number): ThreadpoolPtr {
    const known = this.#pools.get(count)
    if (known !== undefined) return known
    const params = new Uint8Array(THREADPOOL_PARAMS_BYTES)
    this.#ggml.base.ggml_threadpool_params_init(params, count)
    const pool = this.#cpu.ggml_threadpool_new(params)
    if (isNull(pool))
      throw new NativeError('native-failure', `expected ${count} threads to start, they did not; use fewer`)
    countHandle('threadpool', 1)
    this.#pools.set(count, pool)
    return pool
  }

  #startHelpers(): void {
    if (this.#helpers !== undefined || this.#threads === 1) return
    const pool = this.#kernels?.createPool(this.#threads) ?? null
    if (pool === null || isNull(pool)) return
    this.#helpers = pool
    countHandle('helpers', 1)
  }
}
