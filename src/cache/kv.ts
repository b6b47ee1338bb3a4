/**
 * Keys and values of all layers: per layer a matrix [width, slots] for K and one for V.
 * After a round the accepted path's rows move together; nothing is computed again.
 */
import { assert } from '../util/assert.ts'
import { Graph, TensorStore, TYPE, type Backend, type Tensor } from '../tensor/index.ts'
import type { KvSettings } from './types.ts'

/** The smallest page of any system that we run on. */
const PAGE_BYTES = 4096

export interface KvOptions {
  /** Move rows by graph operations even where memory is directly reachable: the path that a GPU takes. */
  readonly moveOnDevice?: boolean
}

export class KvCache implements Disposable {
  readonly settings: KvSettings
  readonly #backend: Backend
  readonly #store: TensorStore
  readonly #views: { readonly bytes: Uint8Array; readonly rowBytes: number }[]
  /** Rows lie where only the device reaches them. */
  readonly #onDevice: boolean
  #pending: { from: number; to: number }[] = []

  constructor(backend: Backend, settings: KvSettings, options: KvOptions = {}) {
    this.#backend = backend
    this.settings = settings
    const { layerCount, keyWidth, valueWidth, type, slots } = settings
    this.#store = new TensorStore(
      backend,
      Array.from({ length: layerCount }, (_, layer) => [
        { name: `k${layer}`, type, shape: [keyWidth, slots] },
        { name: `v${layer}`, type, shape: [valueWidth, slots] },
      ]).flat(),
    )
    this.#onDevice = !this.#store.isHost || options.moveOnDevice === true
    this.#views = this.#onDevice
      ? []
      : [...this.#store.tensors.values()].map((tensor) => ({
          bytes: this.#store.view(tensor),
          rowBytes: tensor.strides[1],
        }))
  }

  /** Bytes of all rows. */
  get bytes(): number {
    return this.#store.bytes
  }

  keys(layer: number): Tensor {
    return this.#store.get(`k${layer}`)
  }

  values(layer: number): Tensor {
    return this.#store.get(`v${layer}`)
  }

  /**
   * Moves rows downwards; pairs in ascending order of `to`, with `to < from`, so that no source is overwritten before it is read.
   * On a device without shared memory the move happens before the next pass (`flush`).
   */
  move(pairs: readonly { readonly from: number; readonly to: number }[]): void {
    for (const { from, to } of pairs) assert(to < from && to >= 0 && from < this.settings.slots, `row ${from} to ${to}`)
    if (this.#onDevice) {
      this.#pending.push(...pairs)
      return
    }
    for (const { bytes, rowBytes } of this.#views) {
      for (const { from, to } of pairs) bytes.copyWithin(to * rowBytes, from * rowBytes, (from + 1) * rowBytes)
    }
  }

  /** Copies `count` rows to where other rows lie; the two runs do not touch each other. When: as `move`. */
  copy(from: number, to: number, count: number): void {
    const { slots } = this.settings
    const apart = from + count <= to || to + count <= from
    assert(apart && Math.min(from, to) >= 0 && Math.max(from, to) + count <= slots, `rows ${from} to ${to}: ${count}`)
    if (this.#onDevice) {
      for (let row = 0; row < count; row++) this.#pending.push({ from: from + row, to: to + row })
      return
    }
    for (const { bytes, rowBytes } of this.#views) {
      bytes.copyWithin(to * rowBytes, from * rowBytes, (from + count) * rowBytes)
    }
  }

  /**
   * Makes the memory of `count` rows real, whatever they hold: the system gives pages away at the first write only, and
   * until then all of them are one page of zeros, which is read faster than memory. For price lists.
   */
  touch(start: number, count: number): void {
    assert(start >= 0 && start + count <= this.settings.slots, `rows ${start} to ${start + count}`)
    for (const { bytes, rowBytes } of this.#views) {
      for (let at = start * rowBytes; at < (start + count) * rowBytes; at += PAGE_BYTES) {
        const value = bytes[at] as number
        bytes[at] = value
      }
    }
  }

  /** Carries out moves that were only noted. Call inside `backend.exclusive`, before a pass. */
  async flush(): Promise<void> {
    // One graph per wave: within a wave no row is both source and target, so the order of copies does not matter.
    while (this.#pending.length > 0) {
      const wave: { from: number; to: number }[] = []
      const touched = new Set<number>()
      while (this.#pending[0] && !touched.has(this.#pending[0].from) && !touched.has(this.#pending[0].to)) {
        const pair = this.#pending.shift() as { from: number; to: number }
        touched.add(pair.from).add(pair.to)
        wave.push(pair)
      }
      await this.#moveOnDevice(wave)
    }
  }

  [Symbol.dispose](): void {
    this.#views.length = 0
    this.#store[Symbol.dispose]()
  }

  async #moveOnDevice(pairs: readonly { from: number; to: number }[]): Promise<void> {
    const tensors = [...this.#store.tensors.values()]
    using graph = new Graph(this.#backend, tensors.length * 4 + 64)
    const from = graph.input({ name: 'from', type: TYPE.I32, shape: [pairs.length] })
    const to = graph.input({ name: 'to', type: TYPE.I64, shape: [pairs.length] })
    // Reading as F32 and writing back is exact for every cache type: the scales reproduce themselves.
    for (const tensor of tensors) graph.expand(graph.ops.setRows(tensor, graph.ops.getRows(tensor, from), to))
    graph.allocate()
    graph.write(
      from,
      Int32Array.from(pairs, (pair) => pair.from),
    )
    graph.write(
      to,
      BigInt64Array.from(pairs, (pair) => BigInt(pair.to)),
    )
    await graph.compute()
  }
}
