/**
 * Fields that clients of OpenAI, llama-server and vLLM know and this server does not do. None is ignored: each may be given with
 * the value that asks for nothing, and is refused otherwise. `docs/server-compatibility.md` lists them.
 */
import { z } from '@hono/zod-openapi'

/** A field that takes only values which change nothing; `why` completes "expected FIELD to be ...". */
function only(values: readonly (string | number | boolean)[], why: string): z.ZodType {
  const message = `${values.map((value) => JSON.stringify(value)).join(' or ')} (${why})`
  return z
    .literal([...values], message)
    .nullish()
    .describe(`Only ${message}.`)
}

function empty(why: string): z.ZodType {
  const message = `empty (${why})`
  return z.array(z.unknown(), message).max(0, message).nullish().describe(`Only ${message}.`)
}

function absent(why: string): z.ZodType {
  const message = `left out (${why})`
  return z.null(message).optional().describe(`Only ${message}.`)
}

const noMedia = 'this server reads and writes text only'
const noSuchSampler = 'this server has no such sampler'

/** Unsupported fields of both kinds of completion. */
export const refusedAnywhere = {
  best_of: only([1], 'this server does not choose among answers'),
  prompt_logprobs: absent('log-probabilities are given of answers only'),
  n_probs: only([0], 'use logprobs and top_logprobs'),
  min_tokens: only([0], 'this server has no lower limit; ignore_eos goes on after the end'),
  stop_token_ids: empty('this server stops at texts only; use stop'),
  include_stop_str_in_output: only([false], 'stop texts are not part of answers'),
  skip_special_tokens: only([true], 'control tokens are not part of answers'),
  spaces_between_special_tokens: only([true], 'control tokens are not part of answers'),
  use_beam_search: only([false], 'this server has no beam search'),
  length_penalty: only([1], 'this server has no beam search'),
  repetition_penalty: only([1], 'use repeat_penalty, which looks at repeat_last_n tokens'),
  mirostat: only([0], noSuchSampler),
  dry_multiplier: only([0], noSuchSampler),
  xtc_probability: only([0], noSuchSampler),
  dynatemp_range: only([0], noSuchSampler),
  top_n_sigma: only([-1, 0], noSuchSampler),
  min_keep: only([0], noSuchSampler),
  samplers: absent('the order of samplers is fixed: docs/sampling.md'),
  guided_decoding_backend: absent('there is one'),
  guided_whitespace_pattern: absent('JSON is written on one line'),
  id_slot: only([-1], 'this server chooses the slot'),
  n_predict: absent('use max_tokens'),
  n_keep: only([0], 'a full context ends the answer'),
  timings_per_token: only([false], 'timings come at the end of the answer'),
  return_progress: only([false], 'this server does not report progress'),
  return_tokens: only([false], 'this server does not give token ids'),
  post_sampling_probs: only([false], 'log-probabilities are those before sampling'),
  lora: absent('this server has no adapters'),
  draft_model: absent('drafters are chosen when the server starts; use speculative'),
  'speculative.n_max': absent('use speculative: {"budget": {"policy": "fixed", "nodes": N}}'),
  'speculative.n_min': absent('use speculative'),
  'speculative.p_min': absent('use speculative'),
  'speculative.type': absent('use speculative: {"method": ...}'),
}

/** Unsupported fields of chats. */
export const refusedInChats = {
  functions: empty('use tools'),
  function_call: only(['none', 'auto'], 'use tool_choice'),
  modalities: z
    .array(z.literal('text', `"text" (${noMedia})`), `["text"] (${noMedia})`)
    .nullish()
    .describe(`Only ["text"] (${noMedia}).`),
  audio: absent(noMedia),
  prediction: absent('drafts come from drafters; use speculative'),
  reasoning_effort: absent('this server does not tell reasoning from answers'),
  reasoning_format: only(['none'], 'this server does not tell reasoning from answers'),
  verbosity: absent('no model here knows it'),
  web_search_options: absent('this server does not search'),
  service_tier: only(['auto', 'default'], 'there is one service'),
  store: only([false], 'this server stores nothing'),
  chat_template: absent("the model's own template is used"),
  chat_template_kwargs: z
    .record(z.string(), z.unknown(), 'empty (templates take no arguments yet)')
    .refine((given) => Object.keys(given).length === 0, 'empty (templates take no arguments yet)')
    .nullish()
    .describe('Only {} (templates take no arguments yet).'),
  add_generation_prompt: only([true], 'an answer always begins a turn'),
  continue_final_message: only([false], 'an answer always begins a turn'),
  echo: only([false], 'the prompt is not repeated'),
}

/** Unsupported fields of completions of a plain text. */
export const refusedInTexts = {
  echo: only([false], 'the prompt is not repeated'),
  suffix: only([''], 'this server does not fill gaps'),
}

/** Unsupported fields of embeddings. */
export const refusedInEmbeddings = {
  truncate_prompt_tokens: absent('texts are not shortened'),
  embd_normalize: only([2], 'vectors have length 1'),
  add_special_tokens: only([true], "a text's special tokens are the model's choice"),
}
