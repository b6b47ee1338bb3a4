/**
 * Any server with OpenAI's `/v1/chat/completions`, streamed, as a side. It is asked with messages and applies a chat
 * template of its own, so prompts are alike only if that is the model's.
 *
 * Departure from "the same counter for all": such a server returns text, not tokens. They are counted here by our
 * tokenizer on that text, which is right as long as the server's model has the same vocabulary and writes text the usual
 * way; what the server itself counted is kept in `details`. It may also reuse what it read of an earlier turn.
 */
import type { Tokenizer } from '../../text/index.ts'
import type { Outcome, Side, Task } from '../types.ts'
import { streamChat } from './chat-stream.ts'

export interface ChatServer {
  readonly name: string
  /** What `/v1/...` is appended to; ends with a slash. */
  readonly base: URL
  /** As the server calls it. */
  readonly model: string
  readonly key?: string | undefined
  readonly tokenizer: Tokenizer
  /** Longest time without a byte. */
  readonly silenceMs?: number | undefined
}

/** The side; the server goes on when it is disposed. */
export function chatSide(server: ChatServer): Side {
  const counted = { answers: 0, byUs: 0, byServer: 0 }
  return {
    info: {
      name: server.name,
      kind: 'server',
      plain: server.name,
      details: { api: 'chat completions', url: server.base.href, model: server.model, counted },
    },
    async run(task) {
      const { outcome, completionTokens } = await answer(server, task)
      counted.answers++
      counted.byUs += outcome.tokens.length
      counted.byServer += completionTokens ?? 0
      return outcome
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

// ---------------------------------------------------------------------------------------------------------------

async function answer(
  server: ChatServer,
  task: Task,
): Promise<{ readonly outcome: Outcome; readonly completionTokens: number | undefined }> {
  const { messages, maxTokens, temperature, seed, signal } = task
  const { model, key, silenceMs } = server
  const started = performance.now()
  const heard = await streamChat(
    server.base,
    { model, messages, max_tokens: maxTokens, temperature, seed },
    { key, signal, silenceMs },
  )
  const tokens = server.tokenizer.tokenize(heard.text, { addSpecial: false })
  const firstAt = heard.firstAt ?? heard.lastAt
  const outcome: Outcome = {
    tokens,
    text: heard.text,
    ended: heard.finish !== 'length',
    firstTokenMs: firstAt - started,
    decodeMs: heard.lastAt - firstAt,
    calls: null,
    verified: null,
    drafted: null,
    accepted: null,
    offeredByDepth: [],
    acceptedByDepth: [],
    draftMs: null,
    targetMs: null,
    hostMs: null,
  }
  return { outcome, completionTokens: heard.completionTokens }
}
