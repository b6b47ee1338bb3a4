/**
 * Any server with OpenAI's `/v1/chat/completions`, streamed, as a side. It is asked with messages and applies a chat
 * template of its own, so prompts are alike only if that is the model's.
 *
 * Departure from "the same counter for all": such a server returns text, not tokens. They are counted here by our
 * tokenizer on that text, which is right as long as the server's model has the same vocabulary and writes text the usual
 * way; what the server itself counted is kept in `details`. It may also reuse what it read of an earlier turn.
 */
import { createParser } from 'eventsource-parser'
import * as z from 'zod'
import type { Tokenizer } from '../../text/index.ts'
import type { Outcome, Side, Task } from '../types.ts'
import { ask, failure, messageIn, type Answer } from './http.ts'

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

const chunkSchema = z.object({
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish(), reasoning_content: z.string().nullish() }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: z.object({ completion_tokens: z.number() }).nullish(),
})

interface Heard {
  text: string
  firstAt: number | undefined
  /** When the last piece of text came, or the word that it was the last. */
  lastAt: number
  finish: string | undefined
  completionTokens: number | undefined
  done: boolean
}

async function answer(
  server: ChatServer,
  task: Task,
): Promise<{ readonly outcome: Outcome; readonly completionTokens: number | undefined }> {
  const { messages, maxTokens, temperature, seed, signal } = task
  const url = new URL('v1/chat/completions', server.base)
  const body = {
    ...{ model: server.model, messages, max_tokens: maxTokens, temperature, seed },
    ...{ stream: true, stream_options: { include_usage: true } },
  }
  const started = performance.now()
  const { key, silenceMs } = server
  const heard = await listen(url, await ask(url, { body, key, signal, silenceMs }))
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

async function listen(url: URL, response: Answer): Promise<Heard> {
  if (!response.type.startsWith('text/event-stream')) {
    throw failure(
      url,
      `${response.type || 'something'} instead of a stream of events`,
      'this server cannot be measured',
    )
  }
  const heard: Heard = {
    ...{ text: '', firstAt: undefined, lastAt: NaN },
    ...{ finish: undefined, completionTokens: undefined, done: false },
  }
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === '[DONE]') heard.done = true
      else if (!heard.done) note(heard, readChunk(url, data))
    },
  })
  for await (const piece of response.pieces()) {
    parser.feed(piece)
    if (heard.done) break
  }
  if (heard.finish === undefined) throw failure(url, 'an answer without an end', "see the server's own output")
  return heard
}

type Chunk = z.output<typeof chunkSchema>

function readChunk(url: URL, data: string): Chunk {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch (error) {
    throw failure(url, `an event that is no JSON: ${messageIn(data)}`, "see the server's own output", error)
  }
  if (typeof value === 'object' && value !== null && 'error' in value)
    throw failure(url, `an error: ${messageIn(data)}`, "see the server's own output")
  const chunk = chunkSchema.safeParse(value)
  if (chunk.success) return chunk.data
  throw failure(url, `an event of another form: ${messageIn(data)}`, 'this server cannot be measured', chunk.error)
}

function note(heard: Heard, { choices, usage }: Chunk): void {
  const choice = choices[0]
  const text = (choice?.delta?.reasoning_content ?? '') + (choice?.delta?.content ?? '')
  if (usage) heard.completionTokens = usage.completion_tokens
  if (text === '' && choice?.finish_reason == null) return
  heard.lastAt = performance.now()
  if (text !== '') heard.firstAt ??= heard.lastAt
  heard.text += text
  heard.finish ??= choice?.finish_reason ?? undefined
}
