/**
 * The configuration of a published head in one form, whoever wrote it: the official repository, SpecForge, Red Hat's
 * speculators, or a trainer that names its taps. What this project's heads cannot do is refused here, by its key.
 */
import * as z from 'zod'
import { ModelFileError } from '../../util/errors.ts'
import type { FoundHead } from './folder.ts'
import { ropeScalingSchema, type RopeScaling } from './rope.ts'

export interface PublishedConfig {
  readonly layout: 'official' | 'SpecForge' | 'speculators' | 'trainer'
  readonly width: number
  readonly feedForwardWidth: number
  readonly headCount: number
  readonly kvHeadCount: number
  /** Undefined where it follows from width and heads. */
  readonly headDim: number | undefined
  readonly normEpsilon: number
  readonly ropeBase: number
  readonly ropeScaling: RopeScaling | undefined
  /** Order of the rows of query and key. */
  readonly rowOrder: 'half' | 'neighbours'
  /** Undefined where the configuration does not say. */
  readonly trainedContext: number | undefined
  readonly vocabSize: number | undefined
  readonly draftVocabSize: number | undefined
  readonly targetWidth: number | undefined
  /** The streams entering these layers; undefined for the usual ones. */
  readonly targetLayers: readonly number[] | undefined
  readonly normBeforeResidual: boolean
  readonly normBeforeFusion: boolean
  /** The head's embedding was trained: the target's is no copy of it. */
  readonly ownEmbedding: boolean
}

/** Throws `unsupported-model` with the key that is missing or says something else. */
export function readPublishedConfig({ config, metadata, path }: FoundHead): PublishedConfig {
  const top = parse(topSchema, config, path)
  const refused = unsupported(top)
  if (refused !== undefined) throw refusal(path, refused.expected, refused.got)
  if (top.tap_layers) return trainerConfig(parse(trainerSchema, config, path), metadata)
  const layer = parse(layerSchema, top.transformer_layer_config ?? config, path)
  if (layer.num_hidden_layers !== 1) throw refusal(path, 'num_hidden_layers 1', String(layer.num_hidden_layers))
  if (layer.hidden_act !== 'silu') throw refusal(path, 'hidden_act "silu"', show(layer.hidden_act))
  if (layer.attention_bias) throw refusal(path, 'attention_bias false', 'true')
  const layout = layoutOf(top)
  const nested = top.eagle_config
  const normBeforeResidual = top.norm_before_residual ?? nested?.norm_before_residual
  // Programs differ in what they take when it is absent, so nobody may guess.
  if (layout === 'speculators' && normBeforeResidual === undefined) {
    throw refusal(path, 'norm_before_residual', 'none')
  }
  const scaling = layer.rope_parameters ?? layer.rope_scaling ?? undefined
  return {
    layout,
    ...{ width: layer.hidden_size, feedForwardWidth: layer.intermediate_size, headCount: layer.num_attention_heads },
    kvHeadCount: layer.num_key_value_heads ?? layer.num_attention_heads,
    headDim: layer.head_dim ?? undefined,
    normEpsilon: layer.rms_norm_eps,
    ropeBase: layer.rope_theta ?? scaling?.rope_theta ?? 10000,
    ...{ ropeScaling: scaling, rowOrder: 'half' },
    trainedContext: layer.max_position_embeddings,
    vocabSize: layer.vocab_size ?? top.vocab_size,
    draftVocabSize: top.draft_vocab_size ?? undefined,
    targetWidth: top.target_hidden_size ?? undefined,
    targetLayers: layersOf(top),
    normBeforeResidual: normBeforeResidual ?? false,
    normBeforeFusion: top.norm_before_fc ?? nested?.norm_before_fc ?? false,
    ownEmbedding: top.embed_requires_grad ?? false,
  }
}

// ---------------------------------------------------------------------------------------------------------------

const size = z
  .int()
  .min(1)
  .max(1 << 24)
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? undefined)
const layerIds = z.array(z.int().min(-1).max(4096)).max(64).nullish()

const variant = { norm_before_residual: flag, norm_before_fc: flag, fc_norm: flag, norm_output: flag }

const topSchema = z.object({
  ...variant,
  speculators_model_type: z.string().optional(),
  transformer_layer_config: z.record(z.string(), z.unknown()).optional(),
  architectures: z.array(z.string()).nullish(),
  eagle_config: z
    .object({ ...variant, eagle_aux_hidden_state_layer_ids: layerIds, use_aux_hidden_state: flag })
    .nullish(),
  eagle_aux_hidden_state_layer_ids: layerIds,
  tap_layers: layerIds,
  embed_requires_grad: flag,
  vocab_size: size.optional(),
  draft_vocab_size: size.nullish(),
  target_hidden_size: size.nullish(),
})

const layerSchema = z.object({
  hidden_size: size,
  intermediate_size: size,
  num_attention_heads: size.max(4096),
  num_key_value_heads: size.max(4096).nullish(),
  num_hidden_layers: z.int().default(1),
  head_dim: size.max(1024).nullish(),
  rms_norm_eps: z.number().positive().max(1),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: ropeScalingSchema.nullish(),
  rope_parameters: ropeScalingSchema.nullish(),
  max_position_embeddings: size.optional(),
  vocab_size: size.optional(),
  hidden_act: z.string().default('silu'),
  attention_bias: flag,
})

/** Trainers of this family write every setting under a name of its own, with the taps as the streams entering. */
const trainerSchema = z.object({
  hidden_size: size,
  intermediate_size: size,
  heads: size.max(4096),
  kv_heads: size.max(4096),
  head_dim: size.max(1024),
  rms_eps: z.number().positive().max(1),
  rope_base: z.number().positive(),
  rope_order: z.enum(['half', 'interleaved']).optional(),
  vocab_size: size,
  draft_vocab_size: size,
  target_hidden_size: size,
  tap_layers: z.array(z.int()),
  norm_before_residual: z.boolean().default(false),
})

type Top = z.infer<typeof topSchema>

function trainerConfig(config: z.infer<typeof trainerSchema>, metadata: FoundHead['metadata']): PublishedConfig {
  // The weights' own file knows best in which order its rows are.
  const order = metadata['rope'] ?? config.rope_order ?? 'half'
  return {
    layout: 'trainer',
    ...{ width: config.hidden_size, feedForwardWidth: config.intermediate_size },
    ...{ headCount: config.heads, kvHeadCount: config.kv_heads, headDim: config.head_dim },
    ...{ normEpsilon: config.rms_eps, ropeBase: config.rope_base, ropeScaling: undefined },
    rowOrder: order === 'interleaved' ? 'neighbours' : 'half',
    ...{ trainedContext: undefined, vocabSize: config.vocab_size, draftVocabSize: config.draft_vocab_size },
    ...{ targetWidth: config.target_hidden_size, targetLayers: config.tap_layers },
    ...{ normBeforeResidual: config.norm_before_residual, normBeforeFusion: false, ownEmbedding: false },
  }
}

function layoutOf({
  speculators_model_type: type,
  transformer_layer_config: layer,
  ...top
}: Top): PublishedConfig['layout'] {
  if (type !== undefined || layer !== undefined) return 'speculators'
  const own = top.eagle_config ?? top.architectures?.some((name) => name.endsWith('Eagle3'))
  return own ? 'SpecForge' : 'official'
}

/** At the top level ids count inputs of layers (vLLM), inside `eagle_config` outputs (SpecForge, SGLang): one less. */
function layersOf({
  eagle_aux_hidden_state_layer_ids: inputs,
  eagle_config: nested,
}: Top): readonly number[] | undefined {
  return inputs ?? nested?.eagle_aux_hidden_state_layer_ids?.map((layer) => layer + 1)
}

function unsupported(top: Top): { expected: string; got: string } | undefined {
  const { speculators_model_type: type, eagle_config: nested } = top
  if (type !== undefined && type !== 'eagle3') return { expected: 'speculators_model_type "eagle3"', got: show(type) }
  if (nested?.use_aux_hidden_state === false) return { expected: 'use_aux_hidden_state true', got: 'false' }
  for (const key of ['fc_norm', 'norm_output'] as const) {
    if (top[key] ?? nested?.[key]) return { expected: `${key} false (EAGLE-3.1 is not supported)`, got: 'true' }
  }
  return undefined
}

function parse<T>(schema: z.ZodType<T>, value: unknown, path: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const key = issue?.path.join('.') ?? ''
  throw refusal(path, `a configuration of an EAGLE-3 head${key === '' ? '' : ` with ${key}`}`, issue?.message ?? 'none')
}

function refusal(path: string, expected: string, got: string): ModelFileError {
  const message = `expected ${expected} in the config.json of ${path}, got ${got}; choose another head`
  return new ModelFileError('unsupported-model', message)
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}
