/** Llama, Mistral, SmolLM, TinyLlama. Query and key rows were permuted at conversion, hence the rotation of neighbours. */
import type { Architecture } from './architecture.ts'

export const llama: Architecture = {
  name: 'llama',
  ropeMode: 'normal',
  requiredBiases: [],
  optionalBiases: ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'],
  outputBias: false,
}
