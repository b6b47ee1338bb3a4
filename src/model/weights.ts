/**
 * Weights: which tensors a model must have and where they are stored: used in place in the mapped file, read into memory
 * of the device, or, for matrices that a repacked layout serves better, kept in that layout. Nothing is copied twice.
 */
import { open, type FileHandle } from 'node:fs/promises'
import { defined } from '../util/assert.ts'
import { ModelFileError, throwIfAborted } from '../util/errors.ts'
import {
  mapFile,
  TENSOR_ALIGNMENT,
  TensorStore,
  TYPE,
  type Backend,
  type BufferTypePtr,
  type MappedFile,
  type Tensor,
} from '../tensor/index.ts'
import type { GgufModel, GgufTensor } from '../gguf/index.ts'
import type { ExpectedFile, WeightRole } from './layout.ts'

export interface LoadWeightsOptions {
  /** Use the file in place instead of reading it into memory (CPU only). Default true. */
  readonly mmap?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes done, bytes in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Bytes per read: large enough for full disk speed, small enough for a smooth progress bar and prompt aborts. */
const CHUNK_BYTES = 8 << 20

/** Types whose repacked products give bit-identical rows for any number of rows (measured; q4_K's do not). */
const REPACKED_TYPES: ReadonlySet<number> = new Set([TYPE.Q4_0, TYPE.IQ4_NL])

/** Types that a matrix may have: all of ggml's but integers, F64 and the two made for activations (Q8_1, Q8_K). */
const WEIGHT_TYPES: ReadonlySet<number> = new Set([
  0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 29, 30, 34, 35, 39, 40, 41, 42,
])

/** Columns that the repacked layouts take together. */
const REPACKED_COLUMNS = 8

export class Weights implements Disposable {
  /** Bytes that the matrices and vectors take, in files or in memory. */
  readonly bytes: number
  #stores: readonly WeightStore[]

  private constructor(stores: readonly WeightStore[]) {
    this.#stores = stores
    this.bytes = stores.reduce((sum, { store }) => sum + store.bytes, 0)
  }

  /** `packed`: names of matrices that are needed only until `releasePacked`. */
  static async load(
    backend: Backend,
    file: GgufModel,
    expected: ExpectedFile,
    options: LoadWeightsOptions = {},
    packed: ReadonlySet<string> = new Set(),
  ): Promise<Weights> {
    throwIfAborted(options.signal)
    const stores: WeightStore[] = []
    try {
      for (const group of groupTensors(backend, file, expected, packed)) {
        stores.push(
          (options.mmap === false ? undefined : mapGroup(backend, file, group)) ?? allocateGroup(backend, group),
        )
      }
      await readAll(file, stores, options)
      return new Weights(stores)
    } catch (error) {
      disposeStores(stores)
      throw error
    }
  }

  get(name: string): Tensor {
    return defined(this.find(name), `weight ${name}`)
  }

  find(name: string): Tensor | undefined {
    return this.#storeOf(name)?.store.get(name)
  }

  has(name: string): boolean {
    return this.#storeOf(name) !== undefined
  }

  /** Where a tensor lies in this process's memory; only on devices that share it. */
  address(name: string): bigint {
    const { store } = defined(this.#storeOf(name), `weight ${name}`)
    return store.address(store.get(name))
  }

  /** A copy of a vector's numbers; only on devices that share this process's memory. */
  numbers(name: string): Float32Array {
    const { store } = defined(this.#storeOf(name), `weight ${name}`)
    const { buffer, byteOffset, byteLength } = store.view(store.get(name))
    return new Float32Array(buffer, byteOffset, byteLength / 4).slice()
  }

  /** Ends the life of the matrices that were loaded as `packed`. */
  releasePacked(): void {
    disposeStores(this.#stores.filter(({ group }) => group.packed))
    this.#stores = this.#stores.filter(({ group }) => !group.packed)
  }

  isRepacked(name: string): boolean {
    return this.#storeOf(name)?.group.repackType !== undefined
  }

  [Symbol.dispose](): void {
    disposeStores(this.#stores)
  }

  #storeOf(name: string): WeightStore | undefined {
    return this.#stores.find(({ store }) => store.tensors.has(name))
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Tensors that are stored alike: ggml's repacked ones together, others by file and by how long they live. */
interface TensorGroup {
  readonly tensors: readonly GgufTensor[]
  readonly file: number
  readonly repackType: BufferTypePtr | undefined
  readonly packed: boolean
}

interface WeightStore {
  readonly group: TensorGroup
  readonly store: TensorStore
  /** The file under the tensors, where they were not read into memory of their own. */
  readonly mapping: MappedFile | undefined
}

function disposeStores(stores: readonly WeightStore[]): void {
  for (const { store, mapping } of stores) {
    store[Symbol.dispose]()
    mapping?.[Symbol.dispose]()
  }
}

function groupTensors(
  backend: Backend,
  file: GgufModel,
  expected: ExpectedFile,
  packed: ReadonlySet<string>,
): TensorGroup[] {
  const repackType = canRepack(backend) ? backend.repackType : undefined
  const isRepacked = ({ tensor, role }: FoundTensor): boolean =>
    repackType !== undefined &&
    role === 'matrix' &&
    !packed.has(tensor.name) &&
    REPACKED_TYPES.has(tensor.type) &&
    (tensor.shape[1] ?? 0) % REPACKED_COLUMNS === 0
  const found = matchTensors(file, expected)
  const plain = found.filter((one) => !isRepacked(one)).map(({ tensor }) => tensor)
  const groups = file.files.flatMap((_, index) =>
    [false, true].map((short): TensorGroup => ({
      tensors: plain.filter((tensor) => tensor.file === index && packed.has(tensor.name) === short),
      file: index,
      repackType: undefined,
      packed: short,
    })),
  )
  const repacked = found.filter(isRepacked).map(({ tensor }) => tensor)
  return [...groups, { tensors: repacked, file: 0, repackType, packed: false }].filter(
    ({ tensors }) => tensors.length > 0,
  )
}

/** Lays plain tensors over the file itself; undefined where the device or the file does not allow it. */
function mapGroup(backend: Backend, file: GgufModel, group: TensorGroup): WeightStore | undefined {
  const aligned = group.tensors.every(({ offset }) => offset % TENSOR_ALIGNMENT === 0)
  if (!backend.isCpu || group.repackType !== undefined || !aligned) return undefined
  const mapping = mapFile(defined(file.files[group.file]).path)
  if (mapping === undefined) return undefined
  const offsets = new Map(group.tensors.map(({ name, offset }) => [name, offset]))
  const over = { address: mapping.address, bytes: mapping.bytes, offsets }
  return { group, mapping, store: new TensorStore(backend, group.tensors, { weights: true, over }) }
}

function allocateGroup(backend: Backend, group: TensorGroup): WeightStore {
  const options = { weights: true, bufferType: group.repackType }
  return { group, mapping: undefined, store: new TensorStore(backend, group.tensors, options) }
}

/** Repacking below AVX2 allocates but crashes when filled. */
function canRepack(backend: Backend): boolean {
  return backend.ggml.probe.features.includes('AVX2')
}

interface FoundTensor {
  readonly tensor: GgufTensor
  readonly role: WeightRole
}

/** Every tensor of the layout with its expected shape; nothing missing, nothing unknown. */
function matchTensors(file: GgufModel, { tensors, kind }: ExpectedFile): FoundTensor[] {
  const byName = new Map(file.tensors.map((tensor) => [tensor.name, tensor]))
  const found: FoundTensor[] = []
  for (const expected of tensors) {
    const tensor = byName.get(expected.name)
    byName.delete(expected.name)
    if (!tensor) {
      if (expected.optional) continue
      throw new ModelFileError(
        'bad-file',
        `expected a tensor ${expected.name} in the model file, found none; download the file again`,
      )
    }
    checkTensor(tensor, expected.shape, expected.role)
    found.push({ tensor, role: expected.role })
  }
  const [stranger] = byName.keys()
  if (stranger !== undefined) {
    throw new ModelFileError(
      'unsupported-model',
      `expected only the tensors of a ${kind}, found ${stranger}; this variant is not supported, choose another model`,
    )
  }
  return found
}

function checkTensor(tensor: GgufTensor, shape: readonly number[], role: WeightRole): void {
  const same =
    shape.every((extent, axis) => extent === tensor.shape[axis]) &&
    tensor.shape.slice(shape.length).every((extent) => extent === 1)
  if (!same) {
    throw new ModelFileError(
      'bad-file',
      `expected tensor ${tensor.name} of shape [${shape.join(', ')}], got [${tensor.shape.join(', ')}]; download the file again`,
    )
  }
  const allowed = role === 'vector' ? tensor.type === TYPE.F32 : WEIGHT_TYPES.has(tensor.type)
  if (!allowed) {
    const expected = role === 'vector' ? 'F32 numbers' : 'a weight type'
    throw new ModelFileError(
      'bad-file',
      `expected ${expected} in ${tensor.name}, got ggml type ${tensor.type}; download the file again`,
    )
  }
}

/** Fills the stores that are no view of a file. */
async function readAll(file: GgufModel, stores: readonly WeightStore[], options: LoadWeightsOptions): Promise<void> {
  const total = stores.reduce((sum, { store }) => sum + store.bytes, 0)
  const mapped = stores.filter(({ mapping }) => mapping !== undefined)
  let done = mapped.reduce((sum, { store }) => sum + store.bytes, 0)
  options.onProgress?.(done, total)
  if (mapped.length === stores.length) return
  const handles = await Promise.all(file.files.map(({ path }) => open(path, 'r')))
  try {
    for (const { store, group, mapping } of stores) {
      if (mapping !== undefined) continue
      for (const tensor of group.tensors) {
        const handle = defined(handles[tensor.file], 'an open model file')
        await readTensor(handle, tensor, store, options.signal, (bytes) => {
          done += bytes
          options.onProgress?.(done, total)
        })
      }
    }
  } finally {
    await Promise.all(handles.map((handle) => handle.close()))
  }
}

/** Into memory that we can reach, bytes go from the file to their place; elsewhere through one staging buffer per tensor. */
async function readTensor(
  handle: FileHandle,
  source: GgufTensor,
  store: TensorStore,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const target = store.get(source.name)
  const into = store.isHost ? store.view(target) : new Uint8Array(source.bytes)
  for (let at = 0; at < source.bytes;) {
    throwIfAborted(signal)
    const wanted = Math.min(CHUNK_BYTES, source.bytes - at)
    const { bytesRead } = await handle.read(into, at, wanted, source.offset + at)
    if (bytesRead === 0) {
      throw new ModelFileError(
        'bad-file',
        `expected ${source.bytes} bytes of ${source.name}, the file ended after ${at}; download it again`,
      )
    }
    at += bytesRead
    onBytes(bytesRead)
  }
  // A repacked tensor must be set whole; so this is also the one call for devices without shared memory.
  if (!store.isHost) store.write(target, into)
}
