/** The tensors that a model file must or may hold, with their shapes in ggml's order. */
import type { ModelConfig } from './config.ts'

/** `matrix`: left side of a product; `table`: rows are looked up; `vector`: scales and biases, F32. */
export type WeightRole = 'matrix' | 'table' | 'vector'

export interface ExpectedTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly role: WeightRole
  readonly optional: boolean
}

/** The tensors of one kind of file; others are refused. */
export interface ExpectedFile {
  readonly tensors: readonly ExpectedTensor[]
  /** For errors, e.g. `plain llama model`. */
  readonly kind: string
}

/** All tensors of a model. `output.weight` is absent when the head is tied to the embedding. */
export function layout(config: ModelConfig): ExpectedTensor[] {
  const { width, vocabSize, headDim, architecture } = config
  const layers = Array.from({ length: config.layerCount }, (_, layer) => layerLayout(config, layer))
  return [
    { name: 'token_embd.weight', shape: [width, vocabSize], role: 'table', optional: false },
    { name: 'output_norm.weight', shape: [width], role: 'vector', optional: false },
    { name: 'output.weight', shape: [width, vocabSize], role: 'matrix', optional: true },
    ...(architecture.outputBias
      ? [{ name: 'output.bias', shape: [vocabSize], role: 'vector', optional: true } as const]
      : []),
    { name: 'rope_freqs.weight', shape: [headDim / 2], role: 'vector', optional: true },
    ...layers.flat(),
  ]
}

function layerLayout(config: ModelConfig, layer: number): ExpectedTensor[] {
  const { width, headDim, headCount, kvHeadCount, feedForwardWidth, architecture } = config
  const matrices = [
    ['attn_q', width, headCount * headDim],
    ['attn_k', width, kvHeadCount * headDim],
    ['attn_v', width, kvHeadCount * headDim],
    ['attn_output', headCount * headDim, width],
    ['ffn_gate', width, feedForwardWidth],
    ['ffn_up', width, feedForwardWidth],
    ['ffn_down', feedForwardWidth, width],
  ] as const
  const tensors: ExpectedTensor[] = []
  for (const name of ['attn_norm', 'ffn_norm']) {
    tensors.push({ name: `blk.${layer}.${name}.weight`, shape: [width], role: 'vector', optional: false })
  }
  for (const [name, from, to] of matrices) {
    tensors.push({ name: `blk.${layer}.${name}.weight`, shape: [from, to], role: 'matrix', optional: false })
    const required = architecture.requiredBiases.includes(name)
    if (required || architecture.optionalBiases.includes(name)) {
      tensors.push({ name: `blk.${layer}.${name}.bias`, shape: [to], role: 'vector', optional: !required })
    }
  }
  return tensors
}
