/** From a file of an EAGLE-3 head to one that is ready to draft for a loaded target. */
import { open } from 'node:fs/promises'
import { defined } from '../util/assert.ts'
import { throwIfAborted } from '../util/errors.ts'
import { KvCache, PrefixCache } from '../cache/index.ts'
import { loadGguf, quantType, type GgufModel, type GgufTensor } from '../gguf/index.ts'
import { TYPE, type Backend } from '../tensor/index.ts'
import {
  badHead,
  checkDraftIds,
  DRAFT_IDS,
  eagle3Layout,
  readEagle3Config,
  type Eagle3Config,
} from './eagle3-config.ts'
import { DRAFT_ROWS, Eagle3Head } from './eagle3.ts'
import type { GraphModel } from './graph-model.ts'
import { planDraftHead } from './kernel-plan.ts'
import { KernelWeights } from './kernel-weights.ts'
import { Weights, type LoadWeightsOptions } from './weights.ts'

export interface LoadHeadOptions extends LoadWeightsOptions {
  /** Texts that are drafted for at the same time. Default 1. */
  readonly sequences?: number | undefined
  /** Type of the head's cache. Default `f16`. */
  readonly kvType?: 'f16' | 'f32' | undefined
  /** Use our own kernels where the target does and the head's types allow. Default true. */
  readonly kernels?: boolean | undefined
}

/** Loads a head that borrows device and tables of `target`, and ends before it. Throws `bad-file`, `unsupported-model`, `drafter-mismatch`. */
export async function loadDraftHead(
  file: string | GgufModel,
  target: GraphModel,
  options: LoadHeadOptions = {},
): Promise<Eagle3Head> {
  const gguf = typeof file === 'string' ? loadGguf(file) : file
  const config = readEagle3Config(gguf, target.spec)
  const loan = target.lend()
  const { backend } = loan
  await checkNumbers(backend, gguf, options.signal)
  const draftIds = await readDraftIds(gguf, config, target)
  const { weights, kernelWeights } = await loadWeights(backend, gguf, config, target, options)
  const textSlots = (target.context + DRAFT_ROWS) * (options.sequences ?? 1)
  // As many beginnings as the target keeps: one without the other would be of little use.
  const slots = textSlots + (target.prefixes?.use.capacity ?? 0)
  const kvWidth = config.kvHeadCount * config.headDim
  const type = options.kvType === 'f32' ? TYPE.F32 : TYPE.F16
  try {
    const cache = new KvCache(backend, { layerCount: 1, keyWidth: kvWidth, valueWidth: kvWidth, type, slots })
    const spec = {
      name: config.name,
      taps: config.targetLayers,
      draftVocabSize: config.draftVocabSize,
      weightBytes: weights.bytes,
    }
    return new Eagle3Head({
      config,
      weights,
      kernelWeights,
      cache,
      target: loan,
      spec,
      draftIds,
      context: target.context,
      textSlots,
      prefixes: slots > textSlots ? new PrefixCache(cache, textSlots, loan.prefixes?.eviction) : undefined,
    })
  } catch (error) {
    kernelWeights?.[Symbol.dispose]()
    weights[Symbol.dispose]()
    throw error
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Bytes looked at in one go: the event loop waits some milliseconds at most. */
const CHUNK_BYTES = 8 << 20

async function loadWeights(
  backend: Backend,
  file: GgufModel,
  config: Eagle3Config,
  target: GraphModel,
  options: LoadHeadOptions,
): Promise<{ weights: Weights; kernelWeights: KernelWeights | undefined }> {
  const expected = eagle3Layout(config, target.spec)
  const matrices = { ...file, tensors: file.tensors.filter(({ name }) => name !== DRAFT_IDS) }
  const { kernels } = backend
  const plan = kernels && options.kernels !== false ? planDraftHead(file, config, kernels.packedBytes) : []
  const packed = new Set(plan.flatMap((group) => group.matrices.map(({ weight }) => weight)))
  const weights = await Weights.load(backend, matrices, expected, options, packed)
  if (plan.length === 0) return { weights, kernelWeights: undefined }
  try {
    const kernelWeights = await KernelWeights.pack(backend, plan, config, weights, { signal: options.signal })
    weights.releasePacked()
    return { weights, kernelWeights }
  } catch (error) {
    weights[Symbol.dispose]()
    throw error
  }
}

async function readDraftIds(
  file: GgufModel,
  config: Eagle3Config,
  target: GraphModel,
): Promise<Int32Array | undefined> {
  const tensor = file.tensors.find(({ name }) => name === DRAFT_IDS)
  if (tensor === undefined) return undefined
  if (tensor.type !== TYPE.I64) throw badHead(file, `64-bit integers in ${DRAFT_IDS}`, `ggml type ${tensor.type}`)
  const bytes = new Uint8Array(8 * config.draftVocabSize)
  await readChunks(file, tensor, bytes.length, (chunk) => {
    bytes.set(chunk)
  })
  return checkDraftIds(file, new BigInt64Array(bytes.buffer), target.spec)
}

/** One weight that is no number would poison every guess: the head would be loaded and never right. */
async function checkNumbers(backend: Backend, file: GgufModel, signal: AbortSignal | undefined): Promise<void> {
  const { base } = backend.ggml
  for (const tensor of file.tensors) {
    if (tensor.type === TYPE.I64) continue
    const blockBytes = quantType(tensor.type)?.blockBytes ?? 1
    await readChunks(file, tensor, Math.floor(CHUNK_BYTES / blockBytes) * blockBytes, (chunk) => {
      throwIfAborted(signal)
      if (base.ggml_validate_row_data(tensor.type, chunk, chunk.length)) return
      throw badHead(file, `numbers in ${tensor.name}`, 'infinities or values that are no numbers')
    })
  }
}

async function readChunks(
  file: GgufModel,
  tensor: GgufTensor,
  chunkBytes: number,
  use: (chunk: Uint8Array) => void,
): Promise<void> {
  const handle = await open(defined(file.files[tensor.file]).path, 'r')
  try {
    const buffer = new Uint8Array(Math.min(chunkBytes, tensor.bytes))
    for (let at = 0; at < tensor.bytes;) {
      const wanted = Math.min(buffer.length, tensor.bytes - at)
      const { bytesRead } = await handle.read(buffer, 0, wanted, tensor.offset + at)
      if (bytesRead < wanted) throw badHead(file, `${tensor.bytes} bytes of ${tensor.name}`, `only ${at + bytesRead}`)
      use(buffer.subarray(0, wanted))
      at += wanted
    }
  } finally {
    await handle.close()
  }
}
