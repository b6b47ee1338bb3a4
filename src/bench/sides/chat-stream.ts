/**
 * One answer of a server with OpenAI's `/v1/chat/completions`, streamed: its text, when which part came, and what the server says
 * of it at the end.
 */
import { createParser } from 'eventsource-parser'
import * as z from 'zod'
import { ask, failure, messageIn, type Answer, type Question } from './http.ts'

/** What came; times by `performance.now()`. */
export interface Heard {
  text: string
  firstAt: number | undefined
  /** When the last piece of text came, or the word that it was the last. */
  lastAt: number
  finish: string | undefined
  completionTokens: number | undefined
  /** Milliseconds in which the server read the prompt; undefined where it does not tell. */
  promptMs: number | undefined
  done: boolean
}

/** Asks with `body` and listens to the end. Throws like `ask`, and `peer-failed` for what is no such stream. */
export async function streamChat(
  base: URL,
  body: Readonly<Record<string, unknown>>,
  question: Omit<Question, 'body'>,
): Promise<Heard> {
  const url = new URL('v1/chat/completions', base)
  const asked = { ...body, stream: true, stream_options: { include_usage: true } }
  return listen(url, await ask(url, { ...question, body: asked }))
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
  timings: z.object({ prompt_ms: z.number().nullish() }).nullish(),
})

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
    ...{ finish: undefined, completionTokens: undefined, promptMs: undefined, done: false },
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

function note(heard: Heard, { choices, usage, timings }: Chunk): void {
  const choice = choices[0]
  const text = (choice?.delta?.reasoning_content ?? '') + (choice?.delta?.content ?? '')
  heard.promptMs = timings?.prompt_ms ?? heard.promptMs
  if (usage) heard.completionTokens = usage.completion_tokens
  if (text === '' && choice?.finish_reason == null) return
  heard.lastAt = performance.now()
  if (text !== '') heard.firstAt ??= heard.lastAt
  heard.text += text
  heard.finish ??= choice?.finish_reason ?? undefined
}
