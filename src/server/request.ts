/** From a validated body to requests of the engine: names, defaults, one request per answer. */
import { encodePrompt, type Engine, type FormRequest, type GenerateRequest } from '../engine/index.ts'
import { resolveSampleOptions, type SampleOptions } from '../sample/index.ts'
import type { ChatMessage } from '../text/index.ts'
import { UsageError } from '../util/errors.ts'
import { ApiError } from './errors.ts'
import { readForm } from './form.ts'
import type { CommonFields } from './schemas/common.ts'
import type { ChatRequest, Message, TextRequest } from './schemas/completions.ts'
import { readSpeculation } from './speculation.ts'
import type { SpeculativeDetail } from './speculative-metrics.ts'
import type { ServerContext, ServerOptions } from './types.ts'

/** What one HTTP request comes to: an answer each. */
export interface Work {
  readonly requests: readonly GenerateRequest[]
  /** Tokens of all prompts, each counted once. */
  readonly promptTokens: number
  readonly answersPerPrompt: number
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly includeRounds: boolean
  /** How much of speculation is told in `metrics`. */
  readonly detail: SpeculativeDetail
}

/** Where neither the request nor the server says: as at OpenAI. */
export const DEFAULT_TEMPERATURE = 1

/** Tokens of an answer to a plain text where nobody says: as at OpenAI. */
const TEXT_TOKENS = 16

/** Work of a chat. Throws 400 and 404. */
export async function chatWork(body: ChatRequest, context: ServerContext): Promise<Work> {
  requireModel(body.model, context)
  if (body.max_tokens != null && body.max_completion_tokens != null && body.max_tokens !== body.max_completion_tokens) {
    const message = `expected one of max_tokens and max_completion_tokens, got ${body.max_tokens} and ${body.max_completion_tokens}; leave one out`
    throw new ApiError(400, message, { param: 'max_tokens', code: 'invalid_value' })
  }
  const form = await readForm(body, context.engine)
  const tools = form.toolChoice === 'none' ? [] : form.tools
  const prompt = await encodePrompt(context.engine, chatMessages(body.messages), tools)
  const maxTokens = body.max_completion_tokens ?? body.max_tokens ?? context.options.maxTokens
  return work(body, [prompt], { maxTokens, logProbs: chatLogProbs(body), ...form }, context)
}

/** Work of plain texts. Throws 400 and 404. */
export async function textWork(body: TextRequest, context: ServerContext): Promise<Work> {
  requireModel(body.model, context)
  const prompts = await Promise.all(
    promptsOf(body.prompt).map((prompt) =>
      encodePrompt(context.engine, typeof prompt === 'string' ? prompt : idsOf(prompt, context)),
    ),
  )
  const form = await readForm(body, context.engine)
  const maxTokens = body.max_tokens ?? context.options.maxTokens ?? TEXT_TOKENS
  return work(body, prompts, { maxTokens, logProbs: body.logprobs ?? undefined, ...form }, context)
}

/** Messages as the template takes them. Throws a 400 where fields of a message do not go together. */
export function chatMessages(messages: readonly Message[]): ChatMessage[] {
  return messages.map((message, index) => {
    const { role, content, tool_calls: calls, tool_call_id: answers } = message
    const place = `messages[${index}]`
    if (calls?.length && role !== 'assistant')
      throw refuseMessage(`${place}.tool_calls`, 'in messages of the assistant only')
    if ((answers == null) === (role === 'tool'))
      throw refuseMessage(`${place}.tool_call_id`, 'in messages of tools, and there only')
    if (message.name != null && role !== 'tool') throw refuseMessage(`${place}.name`, 'in messages of tools only')
    if (content == null && !calls?.length) throw refuseMessage(`${place}.content`, 'a text')
    return {
      role: role === 'developer' ? 'system' : role,
      content: typeof content === 'string' ? content : (content ?? []).map(({ text }) => text).join('\n'),
      ...(calls?.length && {
        toolCalls: calls.map(({ id, function: { name, arguments: given } }) => ({ id, name, arguments: given })),
      }),
      ...(answers != null && { toolCallId: answers }),
    }
  })
}

/** Ids that the vocabulary has. Throws a 400. */
export function idsOf(ids: readonly number[], { engine }: Pick<ServerContext, 'engine'>): Int32Array {
  const { vocabSize } = engine.tokenizer
  const stranger = ids.find((id) => id >= vocabSize)
  if (stranger === undefined) return Int32Array.from(ids)
  const message = `expected token ids from 0 to ${vocabSize - 1}, got ${stranger}; tokenize with this model's tokenizer (/tokenize)`
  throw new ApiError(400, message, { code: 'invalid_prompt' })
}

/** Throws a 404 for the name of another model. */
export function requireModel(name: string | null | undefined, { modelNames }: ServerContext): void {
  if (name == null || modelNames.includes(name)) return
  const message = `expected the model ${modelNames.join(' or ')}, got "${name.slice(0, 100)}"; use one of /v1/models or start the server with --alias`
  throw new ApiError(404, message, { param: 'model', code: 'model_not_found' })
}

/** Throws `bad-option` for sampling of the server's own that no request could be answered with. */
export function checkSampling({ sampling = {} }: ServerOptions, { tokenizer: { vocabSize } }: Engine): void {
  resolveSampleOptions(sampling)
  const stranger = strangerIn(sampling.logitBias, vocabSize)
  if (stranger === undefined) return
  const message = `expected token ids from 0 to ${vocabSize - 1} in the server's logitBias (--logit-bias), got ${stranger}; remove it`
  throw new UsageError('bad-option', message)
}

// ---------------------------------------------------------------------------------------------------------------

/** A token that the vocabulary does not have. */
function strangerIn(biases: object | null | undefined, vocabSize: number): string | undefined {
  return Object.keys(biases ?? {}).find((id) => Number(id) >= vocabSize)
}

function refuseMessage(param: string, expected: string): ApiError {
  return new ApiError(400, `expected ${param} ${expected}, got it otherwise; change it`, {
    param,
    code: 'invalid_value',
  })
}

function promptsOf(prompt: TextRequest['prompt']): readonly (string | readonly number[])[] {
  if (typeof prompt === 'string') return [prompt]
  if (typeof prompt[0] === 'number') return [prompt as number[]]
  return prompt as string[] | number[][]
}

function chatLogProbs({ logprobs, top_logprobs }: ChatRequest): number | undefined {
  if (logprobs === true) return top_logprobs ?? 0
  if (top_logprobs == null || top_logprobs === 0) return undefined
  const message = `expected logprobs to be true where top_logprobs is ${top_logprobs}, got ${logprobs ?? 'nothing'}; add "logprobs": true`
  throw new ApiError(400, message, { param: 'top_logprobs', code: 'invalid_value' })
}

function work(
  body: CommonFields,
  prompts: readonly (readonly number[])[],
  own: Pick<GenerateRequest, 'maxTokens' | 'logProbs'> & FormRequest,
  context: ServerContext,
): Work {
  const sampling = samplingOf(body, context)
  const answers = Array.from({ length: body.n ?? 1 }, (_, index) => index)
  requireSeeds(sampling.seed, answers.length)
  const common: Omit<GenerateRequest, 'prompt'> = {
    ...sampling,
    ...own,
    stop: typeof body.stop === 'string' ? [body.stop] : (body.stop ?? []),
    ignoreEos: body.ignore_eos ?? false,
    cachePrompt: body.cache_prompt ?? true,
    priority: body.priority ?? 0,
    ...((body.t_max_predict_ms ?? 0) > 0 && { maxPredictMs: body.t_max_predict_ms ?? 0 }),
    speculative: readSpeculation(body.speculative, context),
  }
  return {
    requests: prompts.flatMap((prompt) =>
      answers.map((index) => ({
        ...common,
        prompt: Int32Array.from(prompt),
        ...(sampling.seed !== undefined && { seed: sampling.seed + index }),
      })),
    ),
    promptTokens: prompts.reduce((sum, prompt) => sum + prompt.length, 0),
    answersPerPrompt: answers.length,
    stream: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    includeRounds: includesRounds(body),
    detail: body.speculative_metrics ?? 'none',
  }
}

/** Answer i has seed + i. */
function requireSeeds(seed: number | undefined, answers: number): void {
  const most = Number.MAX_SAFE_INTEGER - (answers - 1)
  if (seed === undefined || seed <= most) return
  const message = `expected seed to be at most ${most} with ${answers} answers (answer i has seed + i), got ${seed}; change it`
  throw new ApiError(400, message, { param: 'seed', code: 'invalid_value' })
}

function includesRounds({ stream, stream_options }: CommonFields): boolean {
  if (!stream_options?.include_rounds) return false
  if (stream) return true
  const message = 'expected stream_options.include_rounds with "stream": true, got it without; add "stream"'
  throw new ApiError(400, message, { param: 'stream_options.include_rounds', code: 'invalid_value' })
}

/** What the request says, else how the server was started, else OpenAI's temperature. */
function samplingOf(body: CommonFields, { options, engine }: ServerContext): SampleOptions {
  const { vocabSize } = engine.tokenizer
  const stranger = strangerIn(body.logit_bias, vocabSize)
  if (stranger !== undefined) {
    const message = `expected token ids from 0 to ${vocabSize - 1} in logit_bias, got ${stranger}; use those of /tokenize`
    throw new ApiError(400, message, { param: 'logit_bias', code: 'invalid_value' })
  }
  const said = {
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
    minP: body.min_p,
    typicalP: body.typical_p,
    repeatPenalty: body.repeat_penalty,
    repeatLastN: body.repeat_last_n,
    frequencyPenalty: body.frequency_penalty,
    presencePenalty: body.presence_penalty,
    logitBias: body.logit_bias,
    seed: body.seed,
  }
  const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value != null)) as SampleOptions
  return { temperature: DEFAULT_TEMPERATURE, ...options.sampling, ...given }
}
