/**
 * Fields that chats and plain texts share. Sampling fields derive from the engine's schema: same ranges, same words, the names
 * that OpenAI, llama-server and vLLM give them.
 */
import { z } from '@hono/zod-openapi'
import { jsonBias, sampleOptions } from '../../sample/index.ts'

/** Most answers to one prompt. */
export const MOST_ANSWERS = 16

/** Most stop texts of a request. */
const MOST_STOPS = 64

const shape = sampleOptions.shape
const noText = 'a text'

/** How tokens are chosen; what is left out is as the server was started. */
export const samplingFields = {
  temperature: shape.temperature
    .unwrap()
    .nullish()
    .describe(shape.temperature.description ?? ''),
  top_p: shape.topP
    .unwrap()
    .nullish()
    .describe(shape.topP.description ?? ''),
  top_k: shape.topK
    .unwrap()
    .nullish()
    .describe(shape.topK.description ?? ''),
  min_p: shape.minP
    .unwrap()
    .nullish()
    .describe(shape.minP.description ?? ''),
  typical_p: shape.typicalP
    .unwrap()
    .nullish()
    .describe(shape.typicalP.description ?? ''),
  repeat_penalty: shape.repeatPenalty
    .unwrap()
    .nullish()
    .describe(shape.repeatPenalty.description ?? ''),
  repeat_last_n: shape.repeatLastN
    .unwrap()
    .nullish()
    .describe(shape.repeatLastN.description ?? ''),
  frequency_penalty: shape.frequencyPenalty
    .unwrap()
    .nullish()
    .describe(shape.frequencyPenalty.description ?? ''),
  presence_penalty: shape.presencePenalty
    .unwrap()
    .nullish()
    .describe(shape.presencePenalty.description ?? ''),
  logit_bias: z
    .record(z.string().regex(/^\d{1,9}$/, 'a token id'), jsonBias, 'an object of token ids and numbers')
    .nullish()
    .describe('Added to the logits of single tokens, by token id; null = never.'),
  seed: shape.seed.unwrap().nullish().describe('Same seed, same text, whatever the speculation.'),
}

/** What else a request may say, whatever it asks for. */
export const requestFields = {
  model: z.string('the name of a model').nullish().describe('One of the names of /v1/models; default: the model.'),
  n: z
    .int(`a whole number from 1 to ${MOST_ANSWERS}`)
    .min(1, `a whole number from 1 to ${MOST_ANSWERS}`)
    .max(MOST_ANSWERS, `a whole number from 1 to ${MOST_ANSWERS}`)
    .nullish()
    .describe('Answers to each prompt. With a seed, answer i has seed + i.'),
  stop: z
    .union([z.string(), z.array(z.string()).max(MOST_STOPS)], `a text, or a list of at most ${MOST_STOPS} texts`)
    .nullish()
    .describe('Texts that end the answer; they are not part of it.'),
  max_tokens: z
    .int('a whole number of 0 or more')
    .min(0, 'a whole number of 0 or more')
    .nullish()
    .describe('Most tokens of an answer.'),
  ignore_eos: z.boolean('true or false').nullish().describe('Go on after the model has ended its answer.'),
  cache_prompt: z
    .boolean('true or false')
    .nullish()
    .describe('Start from cache rows of an earlier request with the same beginning. Default true.'),
  priority: z
    .int('a whole number')
    .nullish()
    .describe('Where requests wait, lower ones come first; among equals, who came first. Default 0.'),
  t_max_predict_ms: z
    .int('a whole number')
    .nullish()
    .describe('Most milliseconds from the first token on; then the answer ends with `length`. 0 or less: no limit.'),
  stream: z.boolean('true or false').nullish().describe('Send the answer as server-sent events.'),
  stream_options: z
    .strictObject({
      include_usage: z.boolean('true or false').nullish(),
      include_rounds: z
        .boolean('true or false')
        .nullish()
        .describe('Send what happened in each round of speculation as an event of its own, without choices.'),
      include_obfuscation: z.literal(false, 'false (this server sends no obfuscation)').nullish(),
    })
    .nullish(),
  speculative: z
    .union(
      [
        z.boolean(),
        z.enum(['auto', 'off']),
        z.looseObject({
          method: z.string(noText).nullish(),
          budget: z.union([z.string(), z.looseObject({ policy: z.string() })]).nullish(),
        }),
      ],
      'false, true, "auto", "off" or {method, budget, ...}',
    )
    .nullish()
    .describe('How this request drafts: as `docs/options.md` has it, without files. The text does not depend on it.'),
  speculative_metrics: z
    .enum(['none', 'summary', 'detailed'])
    .nullish()
    .describe("Tell what speculation did, in vLLM's `metrics.speculative_decoding`; `detailed` step by step."),
  user: z.string(noText).nullish().describe('A label without effect.'),
  safety_identifier: z.string(noText).nullish().describe('A label without effect.'),
  prompt_cache_key: z
    .string(noText)
    .nullish()
    .describe('A label without effect: the cache finds common beginnings itself.'),
  metadata: z.record(z.string(), z.string(), 'an object of texts').nullish().describe('Labels without effect.'),
}

/** Most alternatives of a token. */
const MOST_LOG_PROBS = 20
const alternatives = `a whole number from 0 to ${MOST_LOG_PROBS}`

/** A number of alternatives whose log-probabilities are told. */
export const logProbCount = z.int(alternatives).min(0, alternatives).max(MOST_LOG_PROBS, alternatives)

/** The fields that `n` answers to one prompt share, as they were validated. */
export type CommonFields = z.output<z.ZodObject<typeof samplingFields & typeof requestFields>>

/** Token counts. */
export const usageSchema = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.object({ cached_tokens: z.int() }),
})

/** OpenAI's error object, for the document. */
export const errorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .openapi('Error')
