/**
 * llama-server's own `/completion` as a side: token ids in, token ids out, and its `timings` for the times.
 *
 * Not streamed: a stream leaves out tokens that end within a character (llama.cpp 0.5 `process_token`), and then outputs
 * could not be compared. The time of the first token is what we waited less what the server says it decoded for, so that
 * transport counts as preparation. What is drawn at temperature 0 is the most likely token; no other sampler runs.
 */
import * as z from 'zod'
import type { Tokenizer } from '../../text/index.ts'
import type { Outcome, Side, SideInfo, Task } from '../types.ts'
import { askJson, failure } from './http.ts'

export interface CompletionServer {
  readonly name: string
  /** The name of the plain side of the same program. */
  readonly plain: string
  /** What `completion` is appended to; ends with a slash. */
  readonly base: URL
  readonly key?: string | undefined
  readonly tokenizer: Tokenizer
  readonly details: SideInfo['details']
  /** Longest time without a byte. */
  readonly silenceMs?: number | undefined
}

/** The side; the server goes on when it is disposed. */
export function completionSide(server: CompletionServer): Side {
  return {
    info: { name: server.name, kind: 'server', plain: server.plain, details: { api: 'completion', ...server.details } },
    run: (task) => answer(server, task),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

// ---------------------------------------------------------------------------------------------------------------

const completionSchema = z.object({
  tokens: z.array(z.int()),
  stop_type: z.string(),
  timings: z.object({
    prompt_ms: z.number(),
    predicted_n: z.number(),
    predicted_ms: z.number(),
    draft_n: z.number().default(0),
    draft_n_accepted: z.number().default(0),
  }),
})

async function answer({ base, key, tokenizer, silenceMs }: CompletionServer, task: Task): Promise<Outcome> {
  const { tokens: prompt, maxTokens, temperature, seed, signal } = task
  const url = new URL('completion', base)
  const body = {
    ...{ prompt, n_predict: maxTokens, temperature, seed },
    ...{ cache_prompt: false, return_tokens: true, stream: false },
    ...(temperature > 0 ? { samplers: ['temperature'] } : { samplers: ['top_k'], top_k: 1 }),
  }
  const started = performance.now()
  const parsed = completionSchema.safeParse(await askJson(url, { body, key, signal, silenceMs }))
  const waitedMs = performance.now() - started
  if (!parsed.success)
    throw failure(url, 'JSON without tokens and timings', 'use llama-server of llama.cpp 0.5 or newer', parsed.error)
  const { tokens: made, timings, stop_type: stop } = parsed.data
  const ended = stop === 'eos'
  const tokens = ended && made.length > 0 && tokenizer.isEnd(made.at(-1) as number) ? made.slice(0, -1) : made
  // Each pass emits what was accepted and one token more. Drafts that were accepted behind the end of the answer are
  // counted by the server too: then this is one pass too few.
  const calls = Math.max(0, timings.predicted_n - 1 - timings.draft_n_accepted)
  return {
    tokens,
    text: tokenizer.detokenize(tokens),
    ended,
    firstTokenMs: Math.max(0, waitedMs - timings.predicted_ms),
    decodeMs: timings.predicted_ms,
    calls,
    verified: calls + timings.draft_n,
    drafted: timings.draft_n,
    accepted: timings.draft_n_accepted,
    offeredByDepth: [],
    acceptedByDepth: [],
    draftMs: null,
    targetMs: null,
    hostMs: null,
  }
}
