/**
 * One compute device with its persistent threads, and the queue that lets one computation run at a time.
 * Computation happens on a thread of its own: the event loop stays alive.
 */
import { MOST_THREADS } from '../util/env.ts'
import { DisposedError, NativeError, UsageError } from '../util/errors.ts'
import { countHandle, DEVICE_CPU, isNull, kernelThread, loadKernels } from '../ffi/index.ts'
import type { BackendPtr, BufferTypePtr, Device, Ggml, Kernels, GraphPtr, NativeThread } from '../ffi/index.ts'
import { viewMemory } from '../ffi/index.ts'
import { CpuThreads } from './cpu-threads.ts'
import { createGraphTally } from './graph-tally.ts'

export interface BackendOptions {
  readonly threads: number
  /** Device name as `doctor` lists it; default: the CPU. */
  readonly device?: string | undefined
  /** Use our own kernels where there are some for this processor. Default true. */
  readonly kernels?: boolean | undefined
  /** Called before the kernels are compiled, which takes some seconds and blocks; needed only where no package brought them. */
  readonly onBuild?: (() => void) | undefined
}

export class Backend implements AsyncDisposable {
  readonly ggml: Ggml
  readonly threads: number
  readonly device: Device
  /** Our own kernels; undefined on other devices, or where there are none (`heterospec doctor` says why). */
  readonly kernels: Kernels | undefined
  /** What all caches of graphs on this device did. */
  readonly graphs = createGraphTally()
  #pointer: BackendPtr | undefined
  readonly #threads: CpuThreads | undefined
  readonly #thread: NativeThread
  #tail: Promise<unknown> = Promise.resolve()

  constructor(ggml: Ggml, options: BackendOptions) {
    const { threads } = options
    if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS) {
      throw new UsageError(
        'bad-option',
        `expected 1 to ${MOST_THREADS} threads, got ${threads}; leave the option out for a good default`,
      )
    }
    this.ggml = ggml
    this.threads = threads
    this.device = chooseDevice(ggml, options.device)
    this.kernels = this.isCpu && options.kernels !== false ? loadKernels({ onBuild: options.onBuild }) : undefined
    const pointer = ggml.base.ggml_backend_dev_init(this.device.pointer, null)
    if (isNull(pointer))
      throw new NativeError('native-failure', `expected device ${this.device.name} to start, it did not`)
    this.#pointer = pointer
    countHandle('backend', 1)
    this.#threads = this.isCpu && ggml.cpu ? new CpuThreads(ggml, pointer, threads, this.kernels) : undefined
    this.#thread = this.kernels ? kernelThread(this.kernels) : ggml.computeThread()
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

  /**
   * Computes an allocated graph on the device's own thread; `shared`: threads of our own share the work of each operation,
   * which only our kernels know how to do. Call inside `exclusive`. Throws `native-failure`.
   */
  async compute(graph: GraphPtr, shared: boolean): Promise<void> {
    this.#threads?.use(shared)
    const status = await this.#thread.call(this.#threads?.runner ?? this.pointer, graph)
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
    this.#threads?.[Symbol.dispose]()
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
