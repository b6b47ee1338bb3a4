/**
 * A thread that lives as long as its owner and runs one native function for it.
 *
 * koffi's own asynchronous calls run on libuv's pool: each call wakes another of its threads, which then fights for a core
 * with the compute threads that spin for work. On two cores that costs 14 to 18 % of the decoding speed (docs/log.md).
 */
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { NativeError } from '../util/errors.ts'
import { countHandle } from './memory.ts'

/** What the shared phase says. The owner goes from idle to call or end, the thread from call back to idle. */
const IDLE = 0
const CALL = 1
const END = 2

/** Plain JavaScript, so that it runs the same from sources, compiled and bundled. */
const THREAD_SOURCE = `
const { workerData: { koffiPath, libraryPath, prototype, shared } } = require('node:worker_threads')
const koffi = require(koffiPath)
const library = koffi.load(libraryPath, { global: true, lazy: true })
const run = library.func(prototype)
const state = new Int32Array(shared, 0, 2)
const args = new BigInt64Array(shared, 8, 2)
for (;;) {
  // More than once: the owner may be put aside between its question and its wake-up call, which then comes after the
  // answer and must not pass for another question: the function would run again while its owner changes what it reads.
  while (Atomics.load(state, 0) === ${IDLE}) Atomics.wait(state, 0, ${IDLE})
  if (Atomics.load(state, 0) === ${END}) break
  state[1] = run(args[0], args[1])
  // The owner may have asked for the end meanwhile.
  Atomics.compareExchange(state, 0, ${CALL}, ${IDLE})
  Atomics.notify(state, 0)
}`

export class NativeThread implements AsyncDisposable {
  readonly #worker: Worker
  /** [phase, result of the last call] */
  readonly #state: Int32Array<SharedArrayBuffer>
  readonly #args: BigInt64Array
  #error: Error | undefined

  /** `prototype` must be of the form `int name(void*, void*)`, a function of the library at `libraryPath`. Starting takes some 30 ms, elsewhere. */
  constructor(libraryPath: string, prototype: string) {
    const shared = new SharedArrayBuffer(24)
    this.#state = new Int32Array(shared, 0, 2)
    this.#args = new BigInt64Array(shared, 8, 2)
    const koffiPath = createRequire(import.meta.url).resolve('koffi')
    // Flags of the host's process (loaders, inspectors) would only slow the start.
    this.#worker = new Worker(THREAD_SOURCE, {
      eval: true,
      execArgv: [],
      workerData: { koffiPath, libraryPath, prototype, shared },
    })
    this.#worker.unref()
    this.#worker.on('error', (error) => {
      this.#error = error
      Atomics.store(this.#state, 0, IDLE)
      Atomics.notify(this.#state, 0)
    })
    countHandle('thread', 1)
  }

  /** Runs the function on the thread; one call at a time. Throws `native-failure` when the thread is gone. */
  async call(first: bigint, second: bigint): Promise<number> {
    this.#args[0] = first
    this.#args[1] = second
    this.#checkAlive()
    Atomics.store(this.#state, 0, CALL)
    Atomics.notify(this.#state, 0)
    // A process may end while the thread sleeps, but not while somebody waits for it.
    this.#worker.ref()
    // More than once: the thread may be put aside between its answer and its wake-up call, which then comes during a later
    // call and must not pass for that one's answer.
    while (Atomics.load(this.#state, 0) === CALL) {
      const wait = Atomics.waitAsync(this.#state, 0, CALL)
      if (wait.async) await wait.value
    }
    this.#worker.unref()
    this.#checkAlive()
    return this.#state[1] as number
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (Atomics.exchange(this.#state, 0, END) === END) return
    Atomics.notify(this.#state, 0)
    await this.#worker.terminate()
    countHandle('thread', -1)
  }

  #checkAlive(): void {
    if (!this.#error) return
    throw new NativeError('native-failure', `expected the compute thread to work, it stopped: ${this.#error.message}`, {
      cause: this.#error,
    })
  }
}
