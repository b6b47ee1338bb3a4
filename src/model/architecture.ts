/** What one architecture differs in. Everything else is shared by all (see `forward.ts`). */

export interface Architecture {
  /** `general.architecture` in the file. */
  readonly name: string
  readonly ropeMode: 'normal' | 'neox'
  /** Tensors that every layer must have, beyond the common ones. */
  readonly requiredBiases: readonly LinearName[]
  /** Tensors that a layer may have. */
  readonly optionalBiases: readonly LinearName[]
  /** A bias of the output head may be present. */
  readonly outputBias: boolean
}

/** The matrices of a decoder layer, as GGUF names them. */
export type LinearName = 'attn_q' | 'attn_k' | 'attn_v' | 'attn_output' | 'ffn_gate' | 'ffn_up' | 'ffn_down'
