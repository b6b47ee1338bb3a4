/** Qwen2 and Qwen2.5: biases on query, key and value; halves are rotated. */
import type { Architecture } from './architecture.ts'

export const qwen2: Architecture = {
  name: 'qwen2',
  ropeMode: 'neox',
  requiredBiases: ['attn_q', 'attn_k', 'attn_v'],
  optionalBiases: ['attn_output'],
  outputBias: true,
}
