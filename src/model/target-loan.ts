/** What a draft head borrows of its target: the device, and the embedding and output head that its own file may lack. */
import { defined } from '../util/assert.ts'
import type { PrefixCache } from '../cache/index.ts'
import type { Backend, Graph, Tensor } from '../tensor/index.ts'
import type { ModelConfig } from './config.ts'
import type { KernelWeights } from './kernel-weights.ts'
import type { Weights } from './weights.ts'

export interface TargetLoan {
  readonly backend: Backend
  readonly config: ModelConfig
  readonly weights: Weights
  readonly kernelWeights: KernelWeights | undefined
  /** Rows that its texts left to others. */
  readonly prefixes: PrefixCache | undefined
}

/** The embeddings of `tokens` (I32 [rows]): F32 [width, rows]. */
export function embedTokens(
  graph: Graph,
  { weights, kernelWeights }: Pick<TargetLoan, 'weights' | 'kernelWeights'>,
  tokens: Tensor,
): Tensor {
  const head = kernelWeights?.group('head')
  if (head && kernelWeights?.holdsEmbedding) {
    return defined(graph.kernels, 'kernels').embed(tokens, head.settings, head.inputs)
  }
  return graph.ops.getRows(weights.get('token_embd.weight'), tokens)
}

/** Logits over the whole vocabulary for normed states (F32 [width, rows]). */
export function targetLogits(graph: Graph, { weights, kernelWeights }: TargetLoan, normed: Tensor): Tensor {
  const head = kernelWeights?.group('head')
  if (head && kernelWeights) {
    const ops = defined(graph.kernels, 'kernels')
    const input = head.as === 'activations' ? ops.quantise(normed, kernelWeights.settings.none) : normed
    return ops.linear(input, head.settings, head.inputs, head.outputs)
  }
  const logits = graph.ops.mulMat(weights.find('output.weight') ?? weights.get('token_embd.weight'), normed)
  const bias = weights.find('output.bias')
  return bias ? graph.ops.add(logits, bias) : logits
}
