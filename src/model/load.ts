/** From a file on disk to a model that is ready to score. Everything that can be wrong is checked before weights are read. */
import { readEnvironment } from '../util/env.ts'
import { UsageError } from '../util/errors.ts'
import { KvCache, PREFIX_BLOCK, PrefixCache, type CacheEviction } from '../cache/index.ts'
import { loadGguf, type GgufModel } from '../gguf/index.ts'
import { openBackend, TYPE, type Backend } from '../tensor/index.ts'
import { readConfig, type ModelConfig } from './config.ts'
import { GraphModel, regionSlots } from './graph-model.ts'
import { planGroups, type PlannedGroup } from './kernel-plan.ts'
import { KernelWeights } from './kernel-weights.ts'
import { findRowPadding } from './invariance.ts'
import { layout } from './layout.ts'
import { SLACK_ROWS } from './sequence.ts'
import type { ModelSpec } from './types.ts'
import { applyTuning } from './tuning.ts'
import { Weights, type LoadWeightsOptions } from './weights.ts'

export type KvType = 'f16' | 'f32' | 'q8_0'

export interface LoadModelOptions extends LoadWeightsOptions {
  /** A backend to share; without one the model starts its own with `threads`. */
  readonly backend?: Backend | undefined
  readonly threads?: number | undefined
  /** Tokens per sequence; default: as trained, at most 4096. */
  readonly context?: number | undefined
  /** Sequences of full context that fit into the cache at the same time. Default 1. */
  readonly sequences?: number | undefined
  /** Tokens that all sequences share, whatever the capacity of each; at least the context. Default: a context for each. */
  readonly cacheTokens?: number | undefined
  /** Bytes of memory for rows of beginnings that texts share (`GraphModel.prefixes`). Default 0: none. */
  readonly prefixBytes?: number | undefined
  /** Which of these rows go where there is no room. Default `lru`. */
  readonly cacheEviction?: CacheEviction | undefined
  readonly kvType?: KvType | undefined
  /** Move cache rows by graph operations, as on a device without shared memory (for tests). */
  readonly moveOnDevice?: boolean | undefined
  /** Folder for measurements; default by platform. */
  readonly cacheDir?: string | undefined
  /** Use our own kernels where there are some for this processor and these weights. Default true. */
  readonly kernels?: boolean | undefined
}

const DEFAULT_CONTEXT = 4096
/** Per number. */
const KV_BYTES: Record<KvType, number> = { f16: 2, f32: 4, q8_0: 34 / 32 }
const KV_TYPES: Record<KvType, number> = { f16: TYPE.F16, f32: TYPE.F32, q8_0: TYPE.Q8_0 }

/** Loads a GGUF file (or all parts of a split one). Throws `bad-file`, `unsupported-model`, `bad-option`, `out-of-memory`. */
export async function loadModel(file: string | GgufModel, options: LoadModelOptions = {}): Promise<GraphModel> {
  const gguf = typeof file === 'string' ? loadGguf(file) : file
  const config = readConfig(gguf)
  const context = chooseContext(config, options.context)
  const kvType = KV_TYPES[options.kvType ?? 'f16']
  const kvWidth = config.kvHeadCount * config.headDim
  if (kvType === TYPE.Q8_0 && config.headDim % 32 !== 0) {
    throw new UsageError(
      'bad-option',
      `expected heads of a multiple of 32 for a q8_0 cache, got ${config.headDim}; use f16`,
    )
  }
  const ownsBackend = options.backend === undefined
  const backend = options.backend ?? openBackend({ threads: options.threads ?? 1, kernels: options.kernels })
  let weights: Weights | undefined
  let kernelWeights: KernelWeights | undefined
  let cache: KvCache | undefined
  try {
    ;({ weights, kernelWeights } = await loadWeights(backend, gguf, config, options))
    const pooled = options.cacheTokens !== undefined
    const sequenceSlots = pooled ? pooledSlots(context, options) : (context + SLACK_ROWS) * (options.sequences ?? 1)
    const slots = sequenceSlots + prefixSlots(options, 2 * kvWidth * config.layerCount)
    cache = new KvCache(
      backend,
      { layerCount: config.layerCount, keyWidth: kvWidth, valueWidth: kvWidth, type: kvType, slots },
      { moveOnDevice: options.moveOnDevice ?? false },
    )
    const rowPadding = await findRowPadding(backend, weights, config, gguf.fingerprint, kernelWeights?.names)
    const cacheDir = options.cacheDir ?? readEnvironment().cacheDir
    const spec = describe(gguf, config, weights, cache.bytes / slots)
    const model = new GraphModel({
      backend,
      ownsBackend,
      config,
      weights,
      kernelWeights,
      cache,
      sequenceSlots,
      pooled,
      prefixes: slots > sequenceSlots ? new PrefixCache(cache, sequenceSlots, options.cacheEviction) : undefined,
      spec,
      context,
      rowPadding,
      cacheDir,
    })
    applyTuning(backend, cacheDir)
    model.prepareStep()
    return model
  } catch (error) {
    cache?.[Symbol.dispose]()
    kernelWeights?.[Symbol.dispose]()
    weights?.[Symbol.dispose]()
    if (ownsBackend) await backend[Symbol.asyncDispose]()
    throw error
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Reads weights, and packs those that our kernels take over; their originals are given up. */
async function loadWeights(
  backend: Backend,
  file: GgufModel,
  config: ModelConfig,
  options: LoadModelOptions,
): Promise<{ weights: Weights; kernelWeights: KernelWeights | undefined }> {
  const plan = planKernels(backend, file, config)
  const expected = { tensors: layout(config), kind: `plain ${config.architecture.name} model` }
  if (plan.length === 0)
    return { weights: await Weights.load(backend, file, expected, options), kernelWeights: undefined }
  const matrices = plan.flatMap((group) => group.matrices)
  const packed = new Set(matrices.map(({ weight }) => weight))
  const tileBytes = matrices.reduce((sum, { bytes }) => sum + bytes, 0)
  const report = options.onProgress ?? (() => undefined)
  const onProgress = (done: number, total: number): void => report(done, total + tileBytes)
  const weights = await Weights.load(backend, file, expected, { ...options, onProgress }, packed)
  try {
    const kernelWeights = await KernelWeights.pack(backend, plan, config, weights, {
      signal: options.signal,
      onProgress: (done) => report(weights.bytes + done, weights.bytes + tileBytes),
    })
    weights.releasePacked()
    return { weights, kernelWeights }
  } catch (error) {
    weights[Symbol.dispose]()
    throw error
  }
}

function planKernels(backend: Backend, file: GgufModel, config: ModelConfig): readonly PlannedGroup[] {
  const { kernels } = backend
  return kernels ? planGroups(file, config, kernels.packedBytes) : []
}

/** Rows that sequences of any capacity share. */
function pooledSlots(context: number, { cacheTokens = context }: LoadModelOptions): number {
  if (Number.isInteger(cacheTokens) && cacheTokens >= context) return regionSlots(cacheTokens, true)
  const message = `expected at least ${context} tokens of shared cache (the context), got ${cacheTokens}; raise it or take a smaller context`
  throw new UsageError('bad-option', message)
}

/** Rows for beginnings, in whole blocks; `width`: numbers of a token's rows. */
function prefixSlots({ prefixBytes = 0, kvType = 'f16' }: LoadModelOptions, width: number): number {
  if (!Number.isFinite(prefixBytes) || prefixBytes < 0) {
    const message = `expected bytes from 0 for shared beginnings, got ${prefixBytes}; leave the option out for none`
    throw new UsageError('bad-option', message)
  }
  return Math.floor(prefixBytes / (width * KV_BYTES[kvType] * PREFIX_BLOCK)) * PREFIX_BLOCK
}

function chooseContext(config: ModelConfig, wanted: number | undefined): number {
  if (wanted === undefined) return Math.min(config.trainedContext, DEFAULT_CONTEXT)
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > config.trainedContext) {
    throw new UsageError(
      'bad-option',
      `expected a context of 1 to ${config.trainedContext} tokens (as this model was trained), got ${wanted}; choose one in that range`,
    )
  }
  return wanted
}

function describe(gguf: GgufModel, config: ModelConfig, weights: Weights, kvBytesPerToken: number): ModelSpec {
  return Object.freeze({
    architecture: config.architecture.name,
    name: config.name,
    vocabSize: config.vocabSize,
    layerCount: config.layerCount,
    width: config.width,
    trainedContext: config.trainedContext,
    weightBytes: weights.bytes,
    kvBytesPerToken,
    parameterCount: gguf.tensors.reduce((sum, tensor) => sum + tensor.shape.reduce((a, b) => a * b, 1), 0),
    ...(config.pooling && { pooling: config.pooling }),
    fingerprint: gguf.fingerprint,
  })
}
