/**
 * GGUF metadata to one frozen record of plain fields. The only place that knows metadata keys and architecture names.
 * Every value is checked here, because a wrong one would end the process inside ggml.
 */
import { ModelFileError } from '../util/errors.ts'
import type { GgufModel, Metadata } from '../gguf/index.ts'
import type { RopeSettings } from '../tensor/index.ts'
import type { Architecture } from './architecture.ts'
import { poolingOf, type Pooling } from './pooling.ts'
import { llama } from './llama.ts'
import { qwen2 } from './qwen2.ts'

const architectures: readonly Architecture[] = [llama, qwen2]

export interface ModelConfig {
  readonly architecture: Architecture
  readonly name: string
  readonly layerCount: number
  readonly width: number
  readonly headCount: number
  readonly kvHeadCount: number
  readonly headDim: number
  readonly feedForwardWidth: number
  readonly vocabSize: number
  readonly trainedContext: number
  readonly normEpsilon: number
  readonly attentionScale: number
  readonly rope: RopeSettings
  /** How the file says that a text's rows make one vector; undefined where it says nothing. */
  readonly pooling: Pooling | undefined
}

/** Throws `unsupported-model` or `bad-file` with the offending key. */
export function readConfig(file: GgufModel): ModelConfig {
  const { metadata } = file
  const name = metadata.string('general.architecture') ?? 'none'
  const architecture = architectures.find((known) => known.name === name)
  if (!architecture) {
    throw new ModelFileError(
      'unsupported-model',
      `expected a model of architecture ${architectures.map((known) => known.name).join(' or ')}, got "${name}"; choose another model`,
    )
  }
  return Object.freeze(readDecoder(file, architecture))
}

/** The fields that every file of decoder layers has, below the prefix of its architecture. */
export function readDecoder(file: GgufModel, architecture: Architecture): ModelConfig {
  const { metadata } = file
  const field: Fields = new Fields(metadata, `${architecture.name}.`)
  const width = field.count('embedding_length', 1 << 20)
  const headCount = field.count('attention.head_count', 4096)
  const headDim = field.count('attention.key_length', 1024, width / headCount)
  const kvHeadCount = field.count('attention.head_count_kv', headCount, headCount)
  field.require(
    field.count('attention.value_length', 1024, headDim) === headDim,
    'attention.value_length',
    `the key length ${headDim}`,
  )
  field.require(headCount % kvHeadCount === 0, 'attention.head_count_kv', `a divisor of ${headCount} heads`)
  field.require(
    field.count('expert_count', 1 << 16, 0) === 0,
    'expert_count',
    'none (mixtures of experts are not supported)',
  )
  // An encoder's rows see what comes after them; ours would be others.
  const causal = metadata.boolean(field.key('attention.causal')) ?? true
  field.require(causal, 'attention.causal', 'true (models that see what comes later are not supported)')
  const trainedContext = field.count('context_length', 1 << 30)
  const embedding = file.tensors.find((tensor) => tensor.name === 'token_embd.weight')
  return {
    architecture,
    name: metadata.string('general.name') ?? architecture.name,
    layerCount: field.count('block_count', 4096),
    width,
    headCount,
    kvHeadCount,
    headDim,
    feedForwardWidth: field.count('feed_forward_length', 1 << 22),
    vocabSize: embedding?.shape[1] ?? 0,
    trainedContext,
    normEpsilon: field.real('attention.layer_norm_rms_epsilon', 0, 1),
    attentionScale: field.real('attention.scale', 0, 1e3, 0) || 1 / Math.sqrt(headDim),
    rope: readRope(field, architecture, headDim, trainedContext),
    pooling: poolingOf(metadata.number(field.key('pooling_type'))),
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** As llama.cpp drives the operation, so that the same file means the same angles. */
function readRope(field: Fields, architecture: Architecture, headDim: number, trainedContext: number): RopeSettings {
  const type = field.metadata.string(field.key('rope.scaling.type')) ?? 'linear'
  field.require(['none', 'linear', 'yarn'].includes(type), 'rope.scaling.type', 'none, linear or yarn')
  const dims = field.count('rope.dimension_count', headDim, headDim)
  field.require(dims === headDim && dims % 2 === 0, 'rope.dimension_count', `the even head width ${headDim}`)
  const legacy = field.real('rope.scale_linear', 0, 1e6, 0)
  const factor = field.real('rope.scaling.factor', 0, 1e6, legacy) || 1
  const scale = type === 'none' ? 1 : 1 / factor
  const givenExtFactor = field.real('rope.scaling.yarn_ext_factor', -1, 1e3, -1)
  const extFactor = givenExtFactor >= 0 ? givenExtFactor : type === 'yarn' ? 1 : 0
  return {
    mode: architecture.ropeMode,
    dims,
    base: field.real('rope.freq_base', Number.MIN_VALUE, 1e12, 10000),
    scale,
    originalContext: field.count('rope.scaling.original_context_length', 1 << 30, trainedContext),
    extFactor,
    attnFactor: yarnAttention(field, scale, extFactor),
    betaFast: field.real('rope.scaling.yarn_beta_fast', 0, 1e6, 32),
    betaSlow: field.real('rope.scaling.yarn_beta_slow', 0, 1e6, 1),
  }
}

/** The operation multiplies by 1 + 0.1 ln s itself; the caller passes the wanted magnitude divided by that. */
function yarnAttention(field: Fields, scale: number, extFactor: number): number {
  const own = field.real('rope.scaling.attn_factor', 0, 1e3, 1)
  if (extFactor === 0) return own
  const factor = 1 / scale
  const magnitude = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1)
  const logMultiplier = field.real('rope.scaling.yarn_log_multiplier', 0, 1e3, 0)
  const wanted = logMultiplier === 0 ? magnitude(1) : magnitude(1) / magnitude(logMultiplier)
  return (wanted / (1 + 0.1 * Math.log(factor))) * own
}

/** Reads checked values below one prefix. */
class Fields {
  readonly metadata: Metadata
  readonly #prefix: string

  constructor(metadata: Metadata, prefix: string) {
    this.metadata = metadata
    this.#prefix = prefix
  }

  key(name: string): string {
    return this.#prefix + name
  }

  /** A whole number from 1 (or the default) to `most`. Arrays must repeat one value: layers all alike. */
  count(name: string, most: number, otherwise?: number): number {
    const values = this.metadata.numbers(this.key(name))
    const value = values?.[0] ?? otherwise
    const uniform = values === undefined || values.every((other) => other === value)
    this.require(uniform, name, 'the same value for every layer')
    const fits =
      value !== undefined && Number.isSafeInteger(value) && (value >= 1 || value === otherwise) && value <= most
    this.require(fits, name, `a whole number from 1 to ${most}`)
    return value
  }

  real(name: string, least: number, most: number, otherwise?: number): number {
    const value = this.metadata.number(this.key(name)) ?? otherwise
    this.require(value !== undefined && value >= least && value <= most, name, `a number from ${least} to ${most}`)
    return value
  }

  require(condition: boolean, name: string, expected: string): asserts condition {
    if (condition) return
    const key = this.key(name)
    const got = this.metadata.has(key)
      ? JSON.stringify(this.metadata.numbers(key)?.slice(0, 8) ?? this.metadata.string(key))
      : 'nothing'
    throw new ModelFileError(
      'unsupported-model',
      `expected ${key} to be ${expected}, got ${got}; choose another model file`,
    )
  }
}
