/** Tensors of a published head by the names of a head file, whoever named them. */
import { ModelFileError } from '../../util/errors.ts'
import type { FoundHead } from './folder.ts'
import type { StoredTensor } from './safetensors.ts'

/** What of a published head is used. */
export interface NamedTensors {
  /** By tensor name of a GGUF file. */
  readonly weights: ReadonlyMap<string, StoredTensor>
  /** Offsets from draft id to id of the target. */
  readonly draftOffsets: StoredTensor | undefined
  /** One flag per token of the target: whether it is in the draft vocabulary. */
  readonly covered: StoredTensor | undefined
}

/** Throws `unsupported-model` for a tensor that nobody knows, `bad-file` for two under one name. */
export function nameTensors({ tensors, path }: FoundHead): NamedTensors {
  const weights = new Map<string, StoredTensor>()
  let [draftOffsets, covered]: (StoredTensor | undefined)[] = []
  for (const tensor of tensors.values()) {
    // The one layer is called `midlayer` or is the first of a list.
    const name = tensor.name.replace(/^model\./, '').replace(/^(midlayer|layers\.0)\./, 'layer.')
    if (name === 'd2t') draftOffsets = tensor
    else if (name === 't2d') covered = tensor
    else if (!isDropped(name)) add(weights, name, tensor, path)
  }
  return { weights, draftOffsets, covered }
}

// ---------------------------------------------------------------------------------------------------------------

const names: Readonly<Partial<Record<string, string>>> = {
  'fc.weight': 'fc.weight',
  'input_norm.weight': 'enc.output_norm.weight',
  'layer.input_layernorm.weight': 'blk.0.attn_norm.weight',
  'layer.hidden_norm.weight': 'blk.0.attn_norm_2.weight',
  'layer.self_attn.q_proj.weight': 'blk.0.attn_q.weight',
  'layer.self_attn.k_proj.weight': 'blk.0.attn_k.weight',
  'layer.self_attn.v_proj.weight': 'blk.0.attn_v.weight',
  'layer.self_attn.o_proj.weight': 'blk.0.attn_output.weight',
  'layer.post_attention_layernorm.weight': 'blk.0.ffn_norm.weight',
  'layer.mlp.gate_proj.weight': 'blk.0.ffn_gate.weight',
  'layer.mlp.up_proj.weight': 'blk.0.ffn_up.weight',
  'layer.mlp.down_proj.weight': 'blk.0.ffn_down.weight',
  'norm.weight': 'output_norm.weight',
  'lm_head.weight': 'output.weight',
  'embed_tokens.weight': 'token_embd.weight',
}

/** Copies of the target's tables for training, and what follows from the configuration. */
function isDropped(name: string): boolean {
  return name.startsWith('verifier_') || name.endsWith('rotary_emb.inv_freq')
}

function add(weights: Map<string, StoredTensor>, name: string, tensor: StoredTensor, path: string): void {
  const known = names[name]
  const shown = JSON.stringify(tensor.name)
  if (known === undefined) {
    const message = `expected the tensors of an EAGLE-3 head in ${path}, got ${shown} too; choose another head`
    throw new ModelFileError('unsupported-model', message)
  }
  const other = weights.get(known)
  if (other) {
    const message = `expected every tensor once in ${path}, got ${JSON.stringify(other.name)} and ${shown}; download the head again`
    throw new ModelFileError('bad-file', message)
  }
  weights.set(known, tensor)
}
