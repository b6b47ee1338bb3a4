/**
 * Weights: which tensors a model must have, where they are stored, and reading them from the file straight into
 * their place. Matrices that a repacked layout serves better are kept in that layout.
 */
import { open, type FileHandle } from 'node:fs/promises'
import { defined } from '../util/assert.ts'
import { ModelFileError, throwIfAborted } from '../util/errors.ts'
import { TensorStore, TYPE, type Backend, type Tensor } from '../tensor/index.ts'
import type { GgufModel, GgufTensor } from '../gguf/index.ts'
import type { ModelConfig } from './config.ts'
import { layout, type WeightRole } from './layout.ts'

export interface LoadWeightsOptions {
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

export class Weights implements Disposable {
  readonly bytes: number
  readonly #plain: TensorStore
  readonly #repacked: TensorStore | undefined

  private constructor(plain: TensorStore, repacked: TensorStore | undefined) {
    this.#plain = plain
    this.#repacked = repacked
    this.bytes = plain.bytes + (repacked?.bytes ?? 0)
  }

  static async load(
    backend: Backend,
    file: GgufModel,
    config: ModelConfig,
    options: LoadWeightsOptions = {},
  ): Promise<Weights> {
    const found = matchTensors(file, config)
    const repackType = canRepack(backend) ? backend.repackType : undefined
    const forProducts = (tensor: GgufTensor, role: WeightRole): boolean =>
      repackType !== undefined &&
      role === 'matrix' &&
      REPACKED_TYPES.has(tensor.type) &&
      (tensor.shape[1] ?? 0) % 8 === 0
    const repacked = found.filter(({ tensor, role }) => forProducts(tensor, role)).map(({ tensor }) => tensor)
    const plain = found.filter(({ tensor, role }) => !forProducts(tensor, role)).map(({ tensor }) => tensor)
    const plainStore = new TensorStore(backend, plain, { weights: true })
    let repackedStore: TensorStore | undefined
    try {
      if (repackType !== undefined && repacked.length > 0) {
        repackedStore = new TensorStore(backend, repacked, { weights: true, bufferType: repackType })
      }
      await readAll(
        file,
        [
          { store: plainStore, tensors: plain },
          ...(repackedStore ? [{ store: repackedStore, tensors: repacked }] : []),
        ],
        options,
      )
      return new Weights(plainStore, repackedStore)
    } catch (error) {
      plainStore[Symbol.dispose]()
      repackedStore?.[Symbol.dispose]()
      throw error
    }
  }

  get(name: string): Tensor {
    return defined(this.find(name), `weight ${name}`)
  }

  find(name: string): Tensor | undefined {
    if (this.#repacked?.tensors.has(name)) return this.#repacked.get(name)
    return this.#plain.tensors.has(name) ? this.#plain.get(name) : undefined
  }

  isRepacked(name: string): boolean {
    return this.#repacked?.tensors.has(name) ?? false
  }

  [Symbol.dispose](): void {
    this.#plain[Symbol.dispose]()
    this.#repacked?.[Symbol.dispose]()
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Repacking below AVX2 allocates but crashes when filled. */
function canRepack(backend: Backend): boolean {
  return backend.ggml.probe.features.includes('AVX2')
}

interface FoundTensor {
  readonly tensor: GgufTensor
  readonly role: WeightRole
}

/** Every tensor of the layout with its expected shape; nothing missing, nothing unknown. */
function matchTensors(file: GgufModel, config: ModelConfig): FoundTensor[] {
  const byName = new Map(file.tensors.map((tensor) => [tensor.name, tensor]))
  const found: FoundTensor[] = []
  for (const expected of layout(config)) {
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
      `expected only the tensors of a plain ${config.architecture.name} model, found ${stranger}; this variant is not supported, choose another model`,
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

async function readAll(
  file: GgufModel,
  stores: readonly { readonly store: TensorStore; readonly tensors: readonly GgufTensor[] }[],
  options: LoadWeightsOptions,
): Promise<void> {
  const total = stores.flatMap(({ tensors }) => tensors).reduce((sum, tensor) => sum + tensor.bytes, 0)
  let done = 0
  const handles = await Promise.all(file.files.map(({ path }) => open(path, 'r')))
  try {
    for (const { store, tensors } of stores) {
      for (const tensor of tensors) {
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
