/**
 * One compute device with its persistent threads, and the queue that lets one computation run at a time.
 * Computation happens on a thread of its own: the event loop stays alive.
 */
import { assert } from '../util/assert.ts'
import { DisposedError, NativeError, UsageError } from '../util/errors.ts'
import { countHandle, DEVICE_CPU, isNull } from '../ffi/index.ts'
import type { BackendPtr, BufferTypePtr, Device, Ggml, GraphPtr, NativeThread, ThreadpoolPtr } from '../ffi/index.ts'
import { viewMemory } from '../ffi/index.ts'

export interface BackendOptions {
  readonly threads: number
  /** Device name as `doctor` lists it; default: the CPU. */
  readonly device?: string | undefined
}

/** Size of ggml_threadpool_params, and where `poll` lies in it. */
const THREADPOOL_PARAMS_BYTES = 528
const MAX_THREADS = 512

export class Backend implements AsyncDisposable {
  readonly ggml: Ggml
  readonly threads: number
  readonly device: Device
  #pointer: BackendPtr | undefined
  #pool: ThreadpoolPtr | undefined
  readonly #thread: NativeThread
  #tail: Promise<unknown> = Promise.resolve()

  constructor(ggml: Ggml, options: BackendOptions) {
    const { threads } = options
    if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
      throw new UsageError(
        'bad-option',
        `expected 1 to ${MAX_THREADS} threads, got ${threads}; leave the option out for a good default`,
      )
    }
    this.ggml = ggml
    this.threads = threads
    this.device = chooseDevice(ggml, options.device)
    const pointer = ggml.base.ggml_backend_dev_init(this.device.pointer, null)
    if (isNull(pointer))
      throw new NativeError('native-failure', `expected device ${this.device.name} to start, it did not`)
    this.#pointer = pointer
    countHandle('backend', 1)
    if (this.isCpu && ggml.cpu) this.#startThreads(pointer)
    this.#thread = ggml.computeThread()
  }

  get pointer(): BackendPtr {
    if (this.#pointer === undefined) throw new DisposedError('backend')
    return this.#pointer
  }

  /** True when tensors may lie anywhere in this process's memory. */
  get isCpu(): boolean {
    return this.device.type === DEVICE_CPU
  }

  get bufferType(): BufferTypePtr {
    return this.ggml.base.ggml_backend_get_default_buffer_type(this.pointer)
  }

  /** The buffer type that stores weights repacked for faster products; undefined where there is none. */
  get repackType(): BufferTypePtr | undefined {
    const { cpu, base } = this.ggml
    if (!this.isCpu || !cpu) return undefined
    const list = cpu.ggml_backend_dev_get_extra_bufts(this.device.pointer)
    if (list === null || isNull(list)) return undefined
    for (let index = 0; index < 16; index++) {
      const type = new BigUint64Array(viewMemory(list + BigInt(8 * index), 8))[0] as BufferTypePtr
      if (isNull(type)) return undefined
      if (base.ggml_backend_buft_name(type) === 'CPU_REPACK') return type
    }
    return undefined
  }

  /** Runs `work` after everything queued before it: nothing else touches the device meanwhile. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    const run = this.#tail.then(work)
    this.#tail = run.catch(() => undefined)
    return run
  }

  /** Computes an allocated graph on the device's own thread. Call inside `exclusive`. Throws `native-failure`. */
  async compute(graph: GraphPtr): Promise<void> {
    const status = await this.#thread.call(this.pointer, graph)
    if (status !== 0)
      throw new NativeError('native-failure', `expected the device to finish its graph, got status ${status}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail
    if (this.#pointer === undefined) return
    const pointer = this.#pointer
    this.#pointer = undefined
    await this.#thread[Symbol.asyncDispose]()
    this.ggml.base.ggml_backend_free(pointer)
    countHandle('backend', -1)
    if (this.#pool !== undefined) {
      this.ggml.cpu?.ggml_threadpool_free(this.#pool)
      this.#pool = undefined
      countHandle('threadpool', -1)
    }
  }

  /** Without a persistent pool every computation would spawn its threads: 47 us instead of 2.4 us for a toy graph. */
  #startThreads(pointer: BackendPtr): void {
    const cpu = this.ggml.cpu
    assert(cpu !== undefined, 'a CPU device without its functions')
    const params = new Uint8Array(THREADPOOL_PARAMS_BYTES)
    this.ggml.base.ggml_threadpool_params_init(params, this.threads)
    const pool = cpu.ggml_threadpool_new(params)
    if (isNull(pool))
      throw new NativeError('native-failure', `expected ${this.threads} threads to start, they did not; use fewer`)
    countHandle('threadpool', 1)
    this.#pool = pool
    cpu.ggml_backend_set_n_threads(pointer, this.threads)
    cpu.ggml_backend_cpu_set_threadpool(pointer, pool)
    // The reference switch makes attention treat every row alike, whatever the number of rows, slots or threads:
    // without it a tree node's logits differ in the last bits from those of plain decoding.
    cpu.ggml_backend_cpu_set_use_ref(pointer, true)
  }
}

function chooseDevice(ggml: Ggml, name: string | undefined): Device {
  const device = ggml.devices.find((candidate) =>
    name === undefined ? candidate.type === DEVICE_CPU : candidate.name === name,
  )
  if (device) return device
  const names = ggml.devices.map((candidate) => candidate.name).join(', ')
  throw new UsageError(
    'bad-option',
    `expected one of the devices ${names}, got ${name ?? 'no CPU'}; see "heterospec doctor"`,
  )
}
