/**
 * A server that somebody else has started, by its address. One that turns out to be llama-server is asked in its own way,
 * with token ids; any other through OpenAI's chat completions.
 */
import * as z from 'zod'
import { UsageError } from '../../util/errors.ts'
import type { Tokenizer } from '../../text/index.ts'
import type { Side } from '../types.ts'
import { chatSide } from './chat-side.ts'
import { completionSide } from './completion-side.ts'
import { askJson, failure } from './http.ts'

/** The name of the side. */
export const SERVER = 'server'

export interface ServerOptions {
  /** Its address, with or without `/v1`. */
  readonly url: string
  /** The model to ask for; default: the first one that the server lists. */
  readonly model?: string | undefined
  readonly key?: string | undefined
  /** Tokens that prompt and answer may need together. */
  readonly context: number
  readonly tokenizer: Tokenizer
  readonly signal?: AbortSignal | undefined
  /** Longest time without a byte. */
  readonly silenceMs?: number | undefined
}

/** Finds out what it is. Throws `peer-failed` when it does not answer or cannot be compared. */
export async function serverSide(options: ServerOptions): Promise<Side> {
  const { key, tokenizer, signal, silenceMs } = options
  const base = parseAddress(options.url)
  if (await isLlamaServer(base, { key, signal })) {
    const facts = await checkLlamaServer({ base, key, tokenizer, signal, context: options.context })
    const details = { url: base.href, ...facts }
    return completionSide({ name: SERVER, plain: SERVER, base, key, tokenizer, details, silenceMs })
  }
  const model = options.model ?? (await firstModel(base, { key, signal }))
  return chatSide({ name: SERVER, base, model, key, tokenizer, silenceMs })
}

/** What all paths are appended to. Throws `bad-option` for a text that is no address. */
export function parseAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new UsageError('bad-option', `expected a server like http://127.0.0.1:8080, got "${text}"; give its address`)
  url.pathname = `${url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '')}/`
  url.search = ''
  url.hash = ''
  return url
}

/** What a llama-server tells about itself. Throws where it reads another vocabulary or holds too few tokens. */
export async function checkLlamaServer(
  options: Pick<ServerOptions, 'tokenizer' | 'context' | 'key' | 'signal'> & { readonly base: URL },
): Promise<{ readonly build: string | null; readonly model: string | null; readonly context: number }> {
  const { base, tokenizer, key, signal } = options
  const url = new URL('props', base)
  const props = propsSchema.safeParse(await askJson(url, { key, signal }))
  if (!props.success) throw failure(url, 'other properties', 'use llama-server of llama.cpp 0.5 or newer', props.error)
  const { build_info, model_path, default_generation_settings } = props.data
  const context = default_generation_settings.n_ctx
  if (context < options.context) {
    throw failure(url, `a context of ${context} tokens`, `start the server with --ctx-size ${options.context}`)
  }
  const body = { content: PROBE_TEXT, add_special: false, parse_special: false }
  const theirs = tokensSchema.safeParse(await askJson(new URL('tokenize', base), { body, key, signal }))
  const ours = tokenizer.tokenize(PROBE_TEXT, { addSpecial: false })
  if (!theirs.success || theirs.data.tokens.join() !== ours.join()) {
    throw failure(url, `another model (${model_path ?? 'unknown'})`, 'start the server with the model that is measured')
  }
  return { build: build_info ?? null, model: model_path ?? null, context }
}

// ---------------------------------------------------------------------------------------------------------------

const QUICK_MS = 10_000
/** Words, numbers, accents, code and a character of several tokens: vocabularies that agree here are the same. */
const PROBE_TEXT = 'Naïve tokenizers, 1234.5 of them,\n\tfor (let i = 0; i < 10; i++) "größer" 東京 🦙'

const propsSchema = z.object({
  default_generation_settings: z.object({ n_ctx: z.number() }),
  build_info: z.string().nullish(),
  model_path: z.string().nullish(),
})
const tokensSchema = z.object({ tokens: z.array(z.number()) })
const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })).min(1) })

interface Asking {
  readonly key: string | undefined
  readonly signal: AbortSignal | undefined
}

async function isLlamaServer(base: URL, asking: Asking): Promise<boolean> {
  try {
    const answer = await askJson(new URL('props', base), { ...asking, silenceMs: QUICK_MS })
    return propsSchema.safeParse(answer).success
  } catch (error) {
    // Another server, or none: what is asked next tells which.
    if (error instanceof UsageError && error.code === 'peer-failed') return false
    throw error
  }
}

async function firstModel(base: URL, asking: Asking): Promise<string> {
  const url = new URL('v1/models', base)
  const parsed = modelsSchema.safeParse(await askJson(url, { ...asking, silenceMs: QUICK_MS }))
  const first = parsed.data?.data[0]
  if (first) return first.id
  throw failure(url, 'no list of models', 'name the model with --server-model')
}
